"""Fetches the list of warnings and its documents over https, within limits of time, size, number.

Documents are fetched from the list's own host and from hosts that the settings name, redirects lead
only to the same host, and only addresses that may be connected to are (`guarded_net`).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

import aiohttp

from guarded_net.addresses import EVERYWHERE, is_address
from guarded_net.http import (
    REDIRECTS,
    BodyRefused,
    CertificatesError,
    abort,
    guarded_session,
    read_body,
    trusted,
)
from guarded_net.names import Names
from guarded_net.urls import Url, UrlError, is_listed, read_url
from ngalam112 import __version__
from public_warnings.errors import WarningError, readable
from public_warnings.pauses import Budget

WITHIN_S = 20.0
"""One request, with its redirects."""
MOST_REDIRECTS = 2
_HEADERS = {
    "Accept": "application/rss+xml, application/atom+xml, application/cap+xml, application/xml",
    "Accept-Encoding": "identity",
    "User-Agent": f"ngalam112/{__version__}",
}
_LONGEST_VALIDATOR = 300


class NoBudget(Exception):
    """So many requests were made in the last minute that none may be now."""


class Validators(NamedTuple):
    """By what a server knows whether something has changed (RFC 9110, 8.8)."""

    etag: str = ""
    last_modified: str = ""


class Answer(NamedTuple):
    """`body`: None if it has not changed since."""

    body: bytes | None
    validators: Validators


class WarningFetcher:
    """`base`: the list's URL. `hosts`: others, which may be inside. `ca_file`: trusted instead."""

    def __init__(self, base: str, hosts: Sequence[str] = (), ca_file: Path | None = None) -> None:
        self._own = read_url(base)
        self._hosts, self._ca_file = tuple(hosts), ca_file
        self.budget = Budget()
        self._context: ssl.SSLContext | None = None
        self._names = Names()

    async def get(self, url: str, largest: int, known: Validators | None = None) -> Answer:
        """Return what is at a URL, of at most `largest` bytes; raises WarningError, or NoBudget."""
        headers = dict(_HEADERS)
        if known is not None and known.etag:
            headers["If-None-Match"] = known.etag
        if known is not None and known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        try:
            async with asyncio.timeout(WITHIN_S):
                return await self._get(url, headers, largest)
        except TimeoutError:
            raise WarningError(
                f"{readable(url, 100)} has not answered within {WITHIN_S:g} s."
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            why = readable(str(error) or type(error).__name__, 150)
            raise WarningError(f"{readable(url, 100)} cannot be fetched ({why}).") from None

    async def _get(self, url: str, headers: dict[str, str], largest: int) -> Answer:
        host = self._allowed(url)
        for _ in range(MOST_REDIRECTS + 1):
            found = await self._ask(url, host, headers, largest)
            if isinstance(found, Answer):
                return found
            url = urljoin(url, found)
            if self._allowed(url) != host:
                raise WarningError(f"It is redirected to another host: {readable(url, 100)}.")
        raise WarningError(f"There are more than {MOST_REDIRECTS} redirects to {url[:100]}.")

    def _allowed(self, url: str) -> Url:
        try:
            found = read_url(url)
        except UrlError as error:
            raise WarningError(f"The link {readable(url, 100)} {error}.") from None
        if found.scheme != "https":
            raise WarningError(f"The link {readable(url, 100)} is not https.")
        if is_listed(found.host, self._hosts):
            return found
        if found != self._own:
            raise WarningError(
                f"The link {readable(url, 100)} is to another host than the list's; name it in "
                "NGALAM112_WARNING_HOSTS if that is right."
            )
        if is_address(found.host):
            raise WarningError(f"The link {readable(url, 100)} has an address for a name.")
        return found

    async def _ask(
        self, url: str, host: Url, headers: dict[str, str], largest: int
    ) -> Answer | str:
        """The answer, or where it is instead."""
        networks = EVERYWHERE if is_listed(host.host, self._hosts) else ()
        context = await self._tls()
        if not self.budget.take(time.monotonic()):
            raise NoBudget
        async with guarded_session(context, self._names, networks, at_once=1) as session:
            answer = await session.get(url, headers=headers, allow_redirects=False)
            try:
                if answer.status in REDIRECTS and "Location" in answer.headers:
                    return str(answer.headers["Location"])
                if answer.status == 304:
                    return Answer(None, Validators())
                if answer.status != 200:
                    raise WarningError(f"{readable(url, 100)} answers {answer.status}.")
                return Answer(await read_body(answer, largest), _validators(answer))
            except BodyRefused as error:
                raise WarningError(f"{readable(url, 100)} {error}.") from None
            finally:
                abort(answer)
                answer.close()

    async def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            # reading all certificates takes some 30 ms
            try:
                self._context = await asyncio.to_thread(
                    trusted, self._ca_file, "NGALAM112_WARNING_CA_FILE"
                )
            except CertificatesError as error:
                raise WarningError(str(error)) from None
        return self._context


def _validators(answer: aiohttp.ClientResponse) -> Validators:
    given = (answer.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Validators(*(one if len(one) <= _LONGEST_VALIDATOR else "" for one in given))
