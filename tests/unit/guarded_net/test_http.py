"""The guarded session connects to checked addresses alone, whatever it is asked for."""

from __future__ import annotations

import asyncio
import ssl
import threading

import aiohttp
import pytest
from agency_server import agency_server

from guarded_net.http import AddressRefused, guarded_session
from guarded_net.names import AT_ONCE, Addresses, Names


async def test_an_address_in_place_of_a_name_is_checked_at_the_socket() -> None:
    context = ssl.create_default_context()
    async with agency_server(tls=False) as agency:
        url = f"http://127.0.0.1:{agency.port}/taken"
        async with guarded_session(context, Names(), (), at_once=1) as session:
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.post(url)
            assert isinstance(caught.value.os_error, AddressRefused)
        assert agency.taken == []


async def test_only_so_many_questions_wait_for_the_dns() -> None:
    answers = threading.Event()

    def ask(host: str, port: int) -> Addresses:
        answers.wait(30)
        return []

    names = Names(ask)
    waiting = [asyncio.create_task(names.addresses("a.example", 443)) for _ in range(AT_ONCE)]
    try:
        await asyncio.sleep(0)
        with pytest.raises(OSError, match="questions wait for the DNS"):
            await names.addresses("a.example", 443)
    finally:
        answers.set()
    assert await asyncio.gather(*waiting) == [[]] * AT_ONCE
    assert await names.addresses("a.example", 443) == []
