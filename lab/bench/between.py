"""Stands between a real Asterisk and an engine: passes all on, and notes what passes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
from aiohttp import web

from lab.bench.recording import Answer, Claimed, Heard, Item, Request, Told

_OF_THE_LINE = re.compile(r"\w+ (asterisk|applications)/.*|GET channels|GET bridges")


class _Asked(msgspec.Struct):
    request_id: str
    method: str
    uri: str
    query_strings: list[dict[str, str]] = []


class _Told(msgspec.Struct):
    type: str
    request_id: str = ""


class _Response(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="RESTResponse"):
    request_id: str
    status_code: int
    reason_phrase: str
    uri: str
    content_type: str = "application/json"
    message_body: str


class Notes:
    """All that has passed, in order; `begin` makes the call's part begin."""

    def __init__(self) -> None:
        self.line: list[Item] = []
        self.call: list[Item] = []
        self._began: float | None = None
        self._of_line: dict[int, Request] = {}
        self._known: set[str] = set()

    def begin(self) -> None:
        """The call begins now."""
        self._began = time.monotonic()

    def _note(self, item: Item) -> None:
        if self._began is not None:
            at_ms = round((time.monotonic() - self._began) * 1000, 3)
            self.call.append(msgspec.structs.replace(item, at_ms=at_ms))

    def request(self, number: int, method: str, uri: str, query: dict[str, str]) -> None:
        """The engine asks for something."""
        item = Request(number=number, method=method, uri=uri, query=query)
        if _OF_THE_LINE.fullmatch(f"{method} {uri}"):
            self._of_line[number] = item
        else:
            self._note(item)

    def answer(self, number: int, response: str) -> None:
        """Asterisk answers, in the form of an answer over the event socket."""
        own = f'"request_id":"{number}"'
        raw = msgspec.Raw(response.replace(own, '"request_id":"$request$"').encode())
        request = self._of_line.pop(number, None)
        if request is None:
            self._note(Answer(to=number, response=raw))
            return
        what = f"{request.method} {request.uri}"
        if what not in self._known:
            # once is enough: it is always asked in the same words
            self._known.add(what)
            self.line += [request, Answer(to=number, response=raw, line=True)]

    def claimed(self, number: int, status: int) -> None:
        """Asterisk answers a claim."""
        self._note(Claimed(to=number, status=status))

    def from_engine(self, text: str) -> None:
        """Note a text of the engine's over the event socket."""
        asked = msgspec.json.decode(text, type=_Asked)
        query = {one["name"]: one["value"] for one in asked.query_strings}
        self.request(int(asked.request_id), asked.method, asked.uri, query)

    def from_asterisk(self, text: str) -> None:
        """Note a text of Asterisk's over the event socket."""
        told = msgspec.json.decode(text, type=_Told)
        if told.type == "RESTResponse":
            self.answer(int(told.request_id), text)
        else:
            self._note(Told(event=msgspec.Raw(text.encode())))

    def from_ami(self, block: str) -> None:
        """Note a block of AMI's, if it is an event."""
        headers = block.split("\r\n")
        if headers[0].startswith("Event: ") and "\r\nActionID: " not in block:
            self._note(Heard(headers=headers))


class Between:
    """Listens at the engine's ports for ARI and AMI, and passes all on to Asterisk's."""

    def __init__(self, notes: Notes, ari_port: int, ami_port: int) -> None:
        self._notes, self._ari, self._ami_port = notes, f"127.0.0.1:{ari_port}", ami_port
        self._over_http = 0
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def listening(self, ari_port: int, ami_port: int) -> AsyncIterator[None]:
        """Serve at these ports."""
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_post("/ari/events/claim", self._claim)
        app.router.add_route("*", "/ari/{uri:.*}", self._of_line)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        ami = await asyncio.start_server(self._ami, "127.0.0.1", ami_port)
        async with aiohttp.ClientSession() as self._session:
            try:
                await web.TCPSite(runner, "127.0.0.1", ari_port).start()
                yield
            finally:
                ami.close()
                for one in self._open:
                    one.close()
                await runner.cleanup()

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        engine = web.WebSocketResponse(max_msg_size=0)
        await engine.prepare(request)
        sign = {"Authorization": request.headers["Authorization"]}
        async with self._session.ws_connect(
            f"http://{self._ari}{request.path_qs}", headers=sign, max_msg_size=0
        ) as asterisk:

            async def back() -> None:
                async for message in asterisk:
                    self._notes.from_asterisk(message.data)
                    await engine.send_str(message.data)

            passing = asyncio.create_task(back())
            try:
                async for message in engine:
                    self._notes.from_engine(message.data)
                    await asterisk.send_str(message.data)
            finally:
                passing.cancel()
                await asyncio.gather(passing, return_exceptions=True)
        return engine

    async def _claim(self, request: web.Request) -> web.Response:
        number = self._noted(request, "events/claim")
        sign = {"Authorization": request.headers["Authorization"]}
        async with self._session.post(
            f"http://{self._ari}{request.path_qs}", headers=sign
        ) as answer:
            self._notes.claimed(number, answer.status)
            return web.Response(status=answer.status, reason=answer.reason)

    def _noted(self, request: web.Request, uri: str) -> int:
        self._over_http -= 1  # apart from the numbers of the socket
        self._notes.request(self._over_http, request.method, uri, dict(request.query))
        return self._over_http

    async def _of_line(self, request: web.Request) -> web.Response:
        """Pass on what is asked beside the calls, such as a list."""
        uri = request.match_info["uri"]
        number = self._noted(request, uri)
        names = ("Authorization", "Content-Type")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        async with self._session.request(
            request.method,
            f"http://{self._ari}{request.path_qs}",
            headers=headers,
            data=await request.read(),
        ) as answer:
            told = _Response(
                request_id=str(number),
                status_code=answer.status,
                reason_phrase=answer.reason or "",
                uri=uri,
                message_body=await answer.text(),
            )
            self._notes.answer(number, msgspec.json.encode(told).decode())
            return web.Response(
                status=told.status_code, text=told.message_body, content_type="application/json"
            )

    async def _ami(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._ami_port)
        self._open.add(back)
        forth = asyncio.create_task(_pass_on(reader, back))
        try:
            greeting = await there.readline()
            writer.write(greeting)
            while greeting:
                block = await there.readuntil(b"\r\n\r\n")
                self._notes.from_ami(block.decode("utf-8", "replace").removesuffix("\r\n\r\n"))
                writer.write(block)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            forth.cancel()
            back.close()
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
