"""A MESSAGE and what becomes of it: answered, refused, lost on the way, answered by nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pbx import sip_message
from pbx.sip_message import LONGEST_BODY, NO_ANSWER, UNSENT, SipMessages, cut


class Peer(asyncio.DatagramProtocol):
    """Answers each request by what `answers` says next: a status, or None for nothing."""

    def __init__(self, *answers: int | None) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        self.requests.append(text)
        status = self.answers.pop(0) if self.answers else None
        if status is not None:
            via = next(one for one in text.split("\r\n") if one.startswith("Via:"))
            self.transport.sendto(f"SIP/2.0 {status} So\r\n{via}\r\n\r\n".encode(), addr)


@asynccontextmanager
async def facing(*answers: int | None) -> AsyncIterator[tuple[SipMessages, Peer, str]]:
    loop = asyncio.get_running_loop()
    peer = Peer(*answers)
    transport, _ = await loop.create_datagram_endpoint(lambda: peer, local_addr=("127.0.0.1", 0))
    messages = SipMessages("112", within_s=0.4)
    await messages.open("127.0.0.1")
    try:
        yield messages, peer, "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    finally:
        messages.close()
        transport.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sip_message, "T1", 0.02)


@pytest.mark.parametrize("status", [200, 202, 404, 480, 603])
async def test_the_final_status_comes_back(status: int) -> None:
    async with facing(status) as (messages, peer, where):
        assert await messages.send("id1", "0812@carrier", where, "Di mana?\nAwas!") == status
        head, _, body = peer.requests[0].partition("\r\n\r\n")
    assert head.startswith("MESSAGE sip:0812@carrier SIP/2.0\r\n")
    assert "From: <sip:112@127.0.0.1>;tag=" in head
    assert "Call-ID: id1@127.0.0.1" in head
    assert f"Content-Length: {len(body.encode())}" in head
    assert body == "Di mana?\nAwas!"


async def test_a_request_that_is_lost_is_sent_again_as_it_was() -> None:
    async with facing(None, None, 100, 200) as (messages, peer, where):
        assert await messages.send("id1", "0812@carrier", where, "x") == 200
        assert len(peer.requests) == 4
        assert len(set(peer.requests)) == 1


async def test_one_that_nobody_answers_has_a_status_too() -> None:
    async with facing() as (messages, _, where):
        assert await messages.send("id1", "0812@carrier", where, "x") == NO_ANSWER


@pytest.mark.parametrize("where", ["", ":5060", "no.such.host.invalid:5060", "127.0.0.1:99999"])
async def test_where_nobody_can_be_it_is_not_sent(where: str) -> None:
    async with facing() as (messages, _, _where):
        assert await messages.send("id1", "0812@carrier", where, "x") == UNSENT


async def test_answers_find_their_requests() -> None:
    async with facing(*[200, 480] * 20) as (messages, _, where):
        found = await asyncio.gather(
            *(messages.send(f"id{one}", "0812@carrier", where, "x") for one in range(40))
        )
    assert (found.count(200), found.count(480)) == (20, 20)


async def test_rubbish_is_no_answer() -> None:
    messages = SipMessages("112")
    for data in (b"", b"\xff" * 9000, b"SIP/2.0 200 OK\r\n\r\n", b"SIP/2.0 abc\r\nVia: x"):
        messages.datagram_received(data, ("127.0.0.1", 5060))


def test_a_text_is_cut_between_two_characters() -> None:
    assert len(cut("\U0001f525" * 1000)) == LONGEST_BODY
    assert cut("\u00e9" * 700 + "x").decode() == "\u00e9" * 600
