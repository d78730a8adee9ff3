"""An authority's web server with a list of warnings and their documents: real https."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from cap import rss

from lab.actors.certificates import server_tls
from lab.actors.sipp import free_port

LIST = "/alerts/nowcast/id"


class Authority:
    """`documents`: by name, in the list's order. `asked`: paths that were asked for.

    `list_body`: instead of the list. `odd`: by path, another way to answer than with 200.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.base = f"https://localhost:{port}"
        self.url = self.base + LIST
        self.documents: dict[str, bytes] = {}
        self.edition: Counter[str] = Counter()
        self.list_body: bytes | None = None
        self.odd: dict[str, str] = {}
        self.asked: list[str] = []
        self.not_modified = 0

    def says(self, **documents: bytes) -> None:
        """Add or change documents; the newest stand first in the list."""
        self.edition.update(documents.keys())
        self.documents = documents | {
            name: body for name, body in self.documents.items() if name not in documents
        }

    def links(self) -> list[tuple[str, str]]:
        """What the list says."""
        return [
            (f"{self.base}{LIST}/{name}_alert.xml", f"edition {self.edition[name]}")
            for name in self.documents
        ]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer as the path says."""
        self.asked.append(request.path)
        odd = self.odd.get(request.path, "")
        match odd.partition(" ")[0]:
            case "status":
                return web.Response(status=int(odd.partition(" ")[2]))
            case "to":
                return web.Response(status=302, headers={"Location": odd.partition(" ")[2]})
            case "endless":
                return await _endless(request)
            case "compressed":
                answer = web.Response(body=rss())
                answer.enable_compression(web.ContentCoding.gzip)
                answer.headers["Content-Encoding"] = "gzip"
                return answer
            case "never":
                await asyncio.sleep(60)
        if request.path == LIST:
            return self._list(request)
        name = request.path.rpartition("/")[2].removesuffix("_alert.xml")
        if name not in self.documents:
            raise web.HTTPNotFound
        return web.Response(body=self.documents[name], content_type="application/xml")

    def _list(self, request: web.Request) -> web.Response:
        body = rss(*self.links()) if self.list_body is None else self.list_body
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == etag:
            self.not_modified += 1
            return web.Response(status=304)
        headers = {"ETag": etag, "Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}
        return web.Response(body=body, content_type="application/rss+xml", headers=headers)


async def _endless(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse()
    await stream.prepare(request)
    while True:
        await stream.write(b" " * 65_536)


@asynccontextmanager
async def authority_server(port: int | None = None) -> AsyncIterator[Authority]:
    """A server that answers until the block ends."""
    found = Authority(port or free_port())
    async with serving(found):
        yield found


@asynccontextmanager
async def serving(found: Authority) -> AsyncIterator[None]:
    """Let it answer until the block ends."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", found.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "localhost", found.port, ssl_context=server_tls()).start()
    try:
        yield
    finally:
        await runner.cleanup()
