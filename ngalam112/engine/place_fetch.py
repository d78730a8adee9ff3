"""Fetches places by reference over https (RFC 6753), within limits of time, size and number."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

from places.pidf_lo import LARGEST
from places.place import PlaceError, readable
from places.references import check_reference, may_connect

log = structlog.get_logger("place")

WITHIN_S = 2.0
"""All of one call's references together, with waiting, names, redirects and reading."""
AT_ONCE = 8
MOST_WAITING = 64
MOST_REDIRECTS = 2
_Addresses = list[tuple[Any, ...]]  # as socket.getaddrinfo returns them
_REDIRECTS = (301, 302, 303, 307, 308)
_ACCEPTED = "application/pidf+xml, application/held+xml;q=0.5"


class PlaceFetcher:
    """Fetches from `hosts`, whose private addresses are in `networks` (`places.references`).

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
            if answer.status in _REDIRECTS and "Location" in answer.headers:
                return str(answer.headers["Location"])
            if answer.status != 200:
                raise PlaceError(f"{readable(url, 80)} answers {answer.status}.")
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise PlaceError(f"{readable(url, 80)} answers compressed, which is not read.")
            parts = bytearray()
            async for part in answer.content.iter_chunked(8192):
                parts += part
                if len(parts) > LARGEST:
                    _abort(answer)
                    raise PlaceError(f"{readable(url, 80)} has more than {LARGEST} bytes.")
            return bytes(parts)

    async def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # reading all certificates takes some 30 ms
            context = await asyncio.to_thread(self._context)
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(
                        ssl=context,
                        resolver=_Resolver(self._networks),
                        limit=AT_ONCE,
                        force_close=True,
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=None),  # `fetch` has one for all
                    auto_decompress=False,
                    max_line_size=4096,
                    max_field_size=4096,
                )
        return self._session

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except (OSError, ssl.SSLError) as error:
            raise PlaceError(
                f"The certificates in {self._ca_file} cannot be used ({error}); see "
                "NGALAM112_PLACE_CA_FILE."
            ) from None


def _abort(answer: aiohttp.ClientResponse) -> None:
    """End the connection at once: a TLS that is closed reads and decrypts on what still comes."""
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()


class _Resolver(AbstractResolver):
    """Asks the system for a name's addresses, and keeps those that may be connected to.

    The connection goes to the address that was checked, so that a second answer of the DNS changes
    nothing. In threads of its own: a DNS that does not answer must not hold up the engine's others.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = networks
        self._asking = threading.BoundedSemaphore(AT_ONCE)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses; raises OSError if there is none that may be connected to."""
        found = [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for kind, *_, address in await self._asked(host, port)
            if may_connect(str(address[0]), self._networks)
        ]
        if not found:
            text = f"{host} has no address that may be connected to"
            raise OSError(errno.EACCES, text)
        return found

    async def _asked(self, host: str, port: int) -> _Addresses:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_Addresses] = loop.create_future()
        if not self._asking.acquire(blocking=False):
            raise OSError(errno.EAGAIN, f"{AT_ONCE} questions wait for the DNS")

        def tell(found: _Addresses, error: OSError | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(found)

        def ask() -> None:
            found: _Addresses = []
            failed: OSError | None = None
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError) as error:
                failed = error if isinstance(error, OSError) else OSError(str(error))
            finally:
                self._asking.release()
            with contextlib.suppress(RuntimeError):  # the engine ends, and nobody waits any more
                loop.call_soon_threadsafe(tell, found, failed)

        threading.Thread(target=ask, name="dns", daemon=True).start()
        return await answer

    async def close(self) -> None:
        """Nothing is kept open."""
