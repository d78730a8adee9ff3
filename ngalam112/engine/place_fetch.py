"""Fetches places by reference over https (RFC 6753), within limits of time, size and number."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urljoin

import aiohttp

from guarded_net.http import (
    REDIRECTS,
    BodyRefused,
    CertificatesError,
    guarded_session,
    read_body,
    trusted,
)
from guarded_net.names import Names
from places.pidf_lo import LARGEST
from places.place import PlaceError, readable
from places.references import check_reference

WITHIN_S = 2.0
"""All of one call's references together, with waiting, names, redirects and reading."""
AT_ONCE = 8
MOST_WAITING = 64
MOST_REDIRECTS = 2
_ACCEPTED = "application/pidf+xml, application/held+xml;q=0.5"


class PlaceFetcher:
    """Fetches from `hosts`, whose private addresses are in `networks` (`guarded_net.addresses`).

    `ca_file`: certificates that are trusted instead of the system's.
    """

    def __init__(
        self, hosts: Sequence[str], networks: Sequence[str], ca_file: Path | None = None
    ) -> None:
        self._hosts, self._networks, self._ca_file = hosts, networks, ca_file
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self, references: Sequence[str]) -> bytes:
        """Return the first document that can be had; raises PlaceError with why there is none."""
        if self._waiting >= MOST_WAITING:
            raise PlaceError(f"{MOST_WAITING} places are being fetched already.")
        self._waiting += 1
        why = "There is no reference."
        try:
            async with asyncio.timeout(WITHIN_S), self._turns:
                for one in references:
                    try:
                        return await self._document(one)
                    except PlaceError as error:
                        why = str(error)
        except TimeoutError:
            raise PlaceError(f"There was no place within {WITHIN_S:g} s.") from None
        finally:
            self._waiting -= 1
        raise PlaceError(why)

    async def close(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()

    async def _document(self, url: str) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            check_reference(url, self._hosts)
            try:
                found = await self._get(url)
            except (aiohttp.ClientError, OSError, ValueError) as error:
                why = readable(str(error) or type(error).__name__, 120)
                raise PlaceError(f"{readable(url, 80)} cannot be fetched ({why}).") from None
            if isinstance(found, bytes):
                return found
            url = urljoin(url, found)
        raise PlaceError(f"There are more than {MOST_REDIRECTS} redirects to {readable(url, 80)}.")

    async def _get(self, url: str) -> bytes | str:
        """The document, or where it is instead."""
        session = await self._opened()
        headers = {"Accept": _ACCEPTED, "Accept-Encoding": "identity"}
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            if answer.status in REDIRECTS and "Location" in answer.headers:
                return str(answer.headers["Location"])
            if answer.status != 200:
                raise PlaceError(f"{readable(url, 80)} answers {answer.status}.")
            try:
                return await read_body(answer, LARGEST)
            except BodyRefused as error:
                raise PlaceError(f"{readable(url, 80)} {error}.") from None

    async def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # reading all certificates takes some 30 ms
            try:
                context = await asyncio.to_thread(trusted, self._ca_file, "NGALAM112_PLACE_CA_FILE")
            except CertificatesError as error:
                raise PlaceError(str(error)) from None
            if self._session is None:
                # `fetch` has one time limit for all
                self._session = guarded_session(context, Names(), self._networks, AT_ONCE)
        return self._session
