"""A location server of a carrier: real https."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from pidf import circle, document

from lab.actors.certificates import ca_file as ca_file
from lab.actors.certificates import server_tls
from lab.actors.sipp import free_port
from places.pidf_lo import LARGEST

LOOPBACK = ("127.0.0.0/8", "::1/128")
PIDF = document(circle(-7.9797, 112.6304))


class Carrier:
    """Has a path for each way to answer.

    `asked`: the paths that were asked for; `most`: so many at once. `/held` waits for `lets_go`.
    """

    def __init__(self, port: int) -> None:
        self.base = f"https://localhost:{port}"
        self.asked: list[str] = []
        self.now = self.most = 0
        self.lets_go = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as the path says."""
        self.asked.append(request.path)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._answer(request)
        finally:
            self.now -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:  # noqa: C901, PLR0912
        match request.path.strip("/").split("/"):
            case ["place"]:
                return web.Response(body=PIDF, content_type="application/pidf+xml")
            case ["slow"]:
                await asyncio.sleep(0.5)
                return web.Response(body=PIDF)
            case ["held"]:
                await self.lets_go.wait()
                return web.Response(body=PIDF)
            case ["never"]:
                await asyncio.sleep(30)
            case ["dripping"]:
                stream = web.StreamResponse()
                await stream.prepare(request)
                while True:
                    await stream.write(b" ")
                    await asyncio.sleep(0.1)
            case ["large"]:
                return web.Response(body=b"x" * (LARGEST + 1))
            case ["endless"]:
                stream = web.StreamResponse()
                await stream.prepare(request)
                while request.transport is not None and not request.transport.is_closing():
                    await stream.write(b"x" * 8192)
                    await asyncio.sleep(0)
            case ["to", times] if int(times):
                raise web.HTTPFound(f"/to/{int(times) - 1}")
            case ["to", _]:
                return web.Response(body=PIDF)
            case ["round"]:
                raise web.HTTPFound("/round")
            case ["away"]:
                raise web.HTTPFound("https://evil.example/")
            case ["plain"]:
                raise web.HTTPFound(f"http://localhost:{request.url.port}/place")
            case ["compressed"]:
                return web.Response(body=b"x" * 100, headers={"Content-Encoding": "gzip"})
            case ["header"]:
                return web.Response(body=PIDF, headers={"X": "x" * 20_000})
        raise web.HTTPNotFound


@asynccontextmanager
async def serving() -> AsyncIterator[Carrier]:
    """A carrier that answers until the block ends."""
    port = free_port()
    found = Carrier(port)
    application = web.Application()
    application.router.add_get("/{path:.*}", found.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "localhost", port, ssl_context=server_tls()).start()
    try:
        yield found
    finally:
        await runner.cleanup()
