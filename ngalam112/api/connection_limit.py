"""How many may speak to a server of the engine at a time, and for how long they may be silent.

The engine's files are for the line: who holds connections without asking anything loses them.
"""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

log = structlog.get_logger("api")

MOST_CONNECTIONS = 64
SILENCE_S = 10.0
"""A request must be there, body and all, so soon after its connection or after the last answer."""
TELL_EVERY_S = 60.0


class _OneTooMany(asyncio.Protocol):
    """A connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """End it at once, without waiting for the other side."""
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


class ConnectionLimit:
    """Makes the protocol of each new connection.

    aiohttp ends a connection that is silent after an answer, but not one whose first request
    never comes: those are ended here.
    """

    def __init__(
        self, server: web.Server, *, most: int = MOST_CONNECTIONS, name: str = "api"
    ) -> None:
        self._server, self._most, self._name = server, most, name
        self._silent: set[RequestHandler] = set()
        self._told = -TELL_EVERY_S

    def __call__(self) -> asyncio.Protocol:
        """Serve a connection, or end it."""
        loop = asyncio.get_running_loop()
        if len(self._server.connections) < self._most:
            protocol = self._server()
            self._silent.add(protocol)
            loop.call_later(SILENCE_S, self._end_if_silent, protocol)
            return protocol
        now = loop.time()
        if now >= self._told + TELL_EVERY_S:
            self._told = now
            log.error(f"{self._name}_full", connections=self._most)
        return _OneTooMany()

    def has_asked(self, request: web.Request) -> None:
        """Note that a connection is not silent."""
        self._silent.discard(request.protocol)

    def _end_if_silent(self, protocol: RequestHandler) -> None:
        if protocol in self._silent:
            self._silent.discard(protocol)
            protocol.force_close()


async def body_in_time(request: web.Request) -> None:
    """Wait for the body of a request; raise HTTPRequestTimeout if it does not come."""
    try:
        async with asyncio.timeout(SILENCE_S):
            await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
