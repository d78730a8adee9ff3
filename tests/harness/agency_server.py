"""An agency's web server that takes webhooks, has a path for each way to answer, and is real https.

`odd_server` is one that does not get as far as HTTP.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count

from aiohttp import web

from lab.actors.certificates import server_tls
from lab.actors.sipp import free_port


@dataclass
class Taken:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


class AgencyServer:
    """`taken`: what came. `status` and `extra`: how `/status` answers."""

    def __init__(self, port: int, scheme: str) -> None:
        self.port = port
        self.base = f"{scheme}://localhost:{port}"
        self.taken: list[Taken] = []
        self.status = 200
        self.extra: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as the path says."""
        self.taken.append(Taken(request.path, dict(request.headers), await request.read()))
        match request.path:
            case "/taken":
                return web.json_response({"receipt": "A-17", "note": "thank you"})
            case "/status":
                return web.Response(status=self.status, headers=self.extra)
            case "/echo":
                return web.Response(status=400, body=self.taken[-1].body)
            case "/never":
                await asyncio.sleep(60)
            case "/header":
                return web.Response(headers={"X": "x" * 20_000})
            case "/large":
                return web.Response(body=b'{"receipt": "A-17", "more": "' + b"x" * 100_000 + b'"}')
            case "/hundred_megabytes":
                return await _streamed(request, (b"x" * 65_536 for _ in range(1600)), 0)
            case "/dripping":
                return await _streamed(request, (b" " for _ in count()), 0.05)
            case "/held":
                stream = web.StreamResponse()
                await stream.prepare(request)
                await stream.write(b'{"receipt": "A-17"}')
                await asyncio.sleep(60)
        raise web.HTTPNotFound


async def _streamed(request: web.Request, parts: object, every_s: float) -> web.StreamResponse:
    stream = web.StreamResponse()
    await stream.prepare(request)
    for part in parts:  # type: ignore[attr-defined]
        await stream.write(part)
        await asyncio.sleep(every_s)
    return stream


@asynccontextmanager
async def agency_server(tls: bool = True) -> AsyncIterator[AgencyServer]:
    """A server that answers until the block ends."""
    found = AgencyServer(free_port(), "https" if tls else "http")
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", found.port, ssl_context=server_tls() if tls else None)
    await site.start()
    try:
        yield found
    finally:
        await runner.cleanup()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def odd_server(talk: Talk, tls: bool = False) -> AsyncIterator[int]:
    """A TCP server on the port that this gives; `talk` is cancelled at the end of the block."""
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError, ssl.SSLError):
            await talk(reader, writer)
        writer.transport.abort()

    context = server_tls() if tls else None
    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def dripping(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: bytes
) -> None:
    """Write one byte after the other, slowly, and begin anew at the end."""
    while True:
        for one in parts:
            writer.write(bytes([one]))
            await writer.drain()
            await asyncio.sleep(0.02)
