"""Claims: small requests over HTTP connections of their own, which are kept open.

Nothing may delay a claim, so claims do not go over the event socket. Of HTTP this needs a request
without a body and the status of its answer; aiohttp's client takes three times as long for that.

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote

from pbx.ari_reply import LATE, LOST, Reply

_KEPT_S = 10.0  # Asterisk closes a connection that has been silent for 15 s
_AT_ONCE = 8


class _Link(NamedTuple):
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used_at: float


class ClaimLane:
    """Asks Asterisk for calls. `within`: seconds for one claim."""

    def __init__(self, host: str, port: int, app: str, authorization: str, within: float) -> None:
        self._host, self._port, self._within = host, port, within
        self._begin = f"POST /ari/events/claim?application={quote(app, safe='')}&channelId="
        self._rest = (
            f" HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: {authorization}\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        self._free: list[_Link] = []
        self._tidies: asyncio.TimerHandle | None = None
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def claim(self, channel_id: str) -> Reply:
        """Claim a broadcast call: 2xx if it is ours, 404 or 409 if not, status 0 for no answer."""
        request = f"{self._begin}{quote(channel_id, safe='')}{self._rest}".encode()
        async with self._turn:
            # a kept connection may have been closed by Asterisk just now: once more on a fresh one
            for kept in (True, False):
                try:
                    async with asyncio.timeout(self._within):
                        return await self._ask(request, kept=kept)
                except TimeoutError:
                    return LATE
                except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                    continue
        return LOST

    def close(self) -> None:
        """Let go of all connections."""
        if self._tidies is not None:
            self._tidies.cancel()
            self._tidies = None
        while self._free:
            self._free.pop().writer.close()

    async def _ask(self, request: bytes, *, kept: bool) -> Reply:
        reader, writer = await self._link(kept=kept)
        keep = False
        try:
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status, reason = _status(head)
            length = _length(head)
            if length is not None:
                await reader.readexactly(length)
            keep = status == HTTPStatus.NO_CONTENT or length is not None
            return Reply(status, reason)
        finally:
            if keep:
                self._free.append(_Link(reader, writer, monotonic()))
                self._tidy_later()
            else:
                writer.close()

    def _tidy_later(self) -> None:
        if self._tidies is None:
            self._tidies = asyncio.get_running_loop().call_later(_KEPT_S, self._tidy)

    def _tidy(self) -> None:
        """Close what nobody has used for long; Asterisk has closed it too."""
        self._tidies = None
        now = monotonic()
        for link in [one for one in self._free if now - one.used_at >= _KEPT_S]:
            self._free.remove(link)
            link.writer.close()
        if self._free:
            self._tidy_later()

    async def _link(self, *, kept: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._free:
            link = self._free.pop()
            if kept and monotonic() - link.used_at < _KEPT_S and not link.reader.at_eof():
                return link.reader, link.writer
            link.writer.close()
        return await asyncio.open_connection(self._host, self._port)


def _status(head: str) -> tuple[int, str]:
    """Read the first line; ValueError if it is none."""
    version, status, *reason = head.partition("\r\n")[0].split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError(f"this is no answer of HTTP: {head[:40]!r}")
    return int(status), "".join(reason)


def _length(head: str) -> int | None:
    """Return how long the body is; None if that is not said."""
    _, found, rest = head.lower().partition("\r\ncontent-length:")
    return int(rest.partition("\r\n")[0]) if found else None
