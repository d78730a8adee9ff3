"""Places by reference, from a real https server: within limits of time, size, hosts and number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from carrier import LOOPBACK, PIDF, Carrier, ca_file, serving

from ngalam112.engine import place_fetch
from ngalam112.engine.place_fetch import AT_ONCE, WITHIN_S, PlaceFetcher
from places.place import PlaceError


@pytest_asyncio.fixture
async def carrier() -> AsyncIterator[Carrier]:
    async with serving() as found:
        yield found


TRUSTED = ca_file()


@asynccontextmanager
async def fetcher(
    hosts: tuple[str, ...] = ("localhost",),
    networks: tuple[str, ...] = LOOPBACK,
    trusted: Path | None = TRUSTED,
) -> AsyncIterator[PlaceFetcher]:
    found = PlaceFetcher(hosts, networks, trusted)
    try:
        yield found
    finally:
        await found.close()


async def test_a_document_is_fetched_from_a_listed_host_with_a_trusted_certificate(
    carrier: Carrier,
) -> None:
    async with fetcher() as one:
        assert await one.fetch([f"{carrier.base}/place"]) == PIDF
        assert await one.fetch([f"{carrier.base}/to/2"]) == PIDF


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/large", "more than 65536 bytes"),
        ("/endless", "more than 65536 bytes"),
        ("/to/3", "more than 2 redirects"),
        ("/away", "not one of NGALAM112_PLACE_HOSTS"),
        ("/plain", "is not https"),
        ("/compressed", "compressed"),
        ("/header", "cannot be fetched"),
        ("/nothing", "answers 404"),
    ],
)
async def test_what_is_beyond_a_limit_is_refused_at_once(
    carrier: Carrier, path: str, why: str
) -> None:
    async with fetcher() as one:
        begun = time.monotonic()
        with pytest.raises(PlaceError, match=why):
            await one.fetch([carrier.base + path])
        assert time.monotonic() - begun < WITHIN_S


@pytest.mark.parametrize("path", ["/never", "/dripping"])
async def test_two_seconds_are_the_longest(carrier: Carrier, path: str) -> None:
    async with fetcher() as one:
        begun = time.monotonic()
        with pytest.raises(PlaceError, match="within 2 s"):
            await one.fetch([carrier.base + path])
        assert time.monotonic() - begun < WITHIN_S + 0.5


async def test_a_certificate_of_somebody_else_is_not_trusted(carrier: Carrier) -> None:
    async with fetcher(trusted=None) as one:
        with pytest.raises(PlaceError, match="cannot be fetched"):
            await one.fetch([f"{carrier.base}/place"])
    assert carrier.asked == []


async def test_a_listed_name_that_is_an_address_inside_is_not_connected_to(
    carrier: Carrier,
) -> None:
    async with fetcher(networks=()) as one:
        with pytest.raises(PlaceError, match="no address that may be connected to"):
            await one.fetch([f"{carrier.base}/place"])
    assert carrier.asked == []


async def test_without_listed_hosts_nothing_is_fetched(carrier: Carrier) -> None:
    async with fetcher(hosts=()) as one:
        with pytest.raises(PlaceError, match="PLACE_HOSTS"):
            await one.fetch([f"{carrier.base}/place"])
    assert carrier.asked == []


async def test_the_second_reference_is_tried_when_the_first_fails(carrier: Carrier) -> None:
    async with fetcher() as one:
        assert await one.fetch([f"{carrier.base}/nothing", f"{carrier.base}/place"]) == PIDF


async def test_so_many_at_once_and_no_more_wait_than_there_is_room_for(
    carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_fetch, "MOST_WAITING", 20)
    async with fetcher() as one:
        slow = [f"{carrier.base}/slow"]
        results = await asyncio.gather(
            *(one.fetch(slow) for _ in range(40)), return_exceptions=True
        )
    assert carrier.most == AT_ONCE
    assert len([one for one in results if one == PIDF]) >= 2 * AT_ONCE
    refused = [str(one) for one in results if isinstance(one, PlaceError)]
    assert len([text for text in refused if "already" in text]) == 20


async def test_certificates_that_cannot_be_read_are_told(carrier: Carrier, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    async with fetcher(trusted=tmp_path / "ca.pem") as one:
        with pytest.raises(PlaceError, match="PLACE_CA_FILE"):
            await one.fetch([f"{carrier.base}/place"])
