"""A recorded Asterisk: says to an engine what a real one said, once the engine asks what it asked.

Speaks ARI (the sockets with their requests; lists and the claim over HTTP) and AMI. Any number of
calls may be up together; each has ids of its own, and those that the engine chooses are read out of
its requests. An event goes out once the engine has made all requests that came before it. A request
that the recording does not have is counted, and answered with 204, or with 404 over HTTP.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from lab.bench.ami_replay import AmiReplay
from lab.bench.recording import Recording
from lab.bench.script import DONE, Said, Script, Step, Template, Wanted, key_of, words_of
from pbx.request_lane import is_further_lane

_LONG_S, _SHORT_S = 1.0, 1.0
_CREATED_S = 1_700_000_000  # Asterisk's ids are the second of its call and a counter


class _Pair(msgspec.Struct, frozen=True):
    name: str
    value: str


class _Asked(msgspec.Struct, frozen=True):
    request_id: str
    method: str
    uri: str
    query_strings: list[_Pair] = []


class _Answered(msgspec.Struct, frozen=True):
    status_code: int
    message_body: str = ""


@dataclass(slots=True, eq=False)
class _Call:
    values: dict[str, str]
    got: int = 0  # the bits of the requests that have come
    at: int = 0
    waits: bool = False
    ids: list[str] = field(default_factory=list)


class _Lane:
    """One socket of the engine's, and what is to be said over it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._outgoing: deque[str] = deque()
        self._ready = asyncio.Event()

    def send(self, text: str) -> None:
        self._outgoing.append(text)
        self._ready.set()

    async def write(self) -> None:
        outgoing = self._outgoing
        while True:
            await self._ready.wait()
            self._ready.clear()
            while outgoing:
                await self._socket.send_str(outgoing.popleft())


class Replay:
    """`over()` is called when a call has come to its end.

    `paced`: leave the recording's own times between items. Without it all goes as fast as it can,
    but for the citizen's and the operator's own long pauses (menu, talk), which become short ones:
    a talk of no time at all would be none to the engine.
    `events`, `requests`: how many went over the event socket. `unexpected`: requests that the
    recording does not have.
    """

    def __init__(
        self, recording: Recording, phones: Iterable[str], over: Callable[[], None], *, paced: bool
    ) -> None:
        self.events = self.requests = self.claims = self.ami_events = 0
        self.unexpected: Counter[str] = Counter()
        self._script, self._over, self._paced = Script(recording), over, paced
        self._ami = AmiReplay(phones)
        self._calls: dict[str, _Call] = {}  # by each id that is known of it
        self._unclaimed_by_call: dict[str, Wanted] = {}  # what was asked about an id of no call yet
        self._began = 0
        self._decode = msgspec.json.Decoder(_Asked).decode
        self._events: _Lane | None = None

    @property
    def living(self) -> int:
        """How many calls are up."""
        return len({id(call) for call in self._calls.values()})

    def begin(self) -> None:
        """A citizen calls."""
        self._began += 1
        citizen = f"{_CREATED_S + self._began}.{self._began}"
        call = _Call({"citizen": citizen, "caller": f"0811{self._began:08d}"})
        self._know(call, citizen)
        self._go_on(call)

    @asynccontextmanager
    async def listening(self, ari_port: int, ami_port: int) -> AsyncIterator[None]:
        """Serve one engine at these ports of 127.0.0.1."""
        app = web.Application()
        app.router.add_get("/ari/events", self._socket)
        app.router.add_post("/ari/events/claim", self._claim)
        app.router.add_route("*", "/ari/{uri:.*}", self._of_line)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", ari_port).start()
            async with self._ami.listening(ami_port):
                yield
        finally:
            await runner.cleanup()

    # --- the wire -----------------------------------------------------------------------------

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0, compress=False)
        await socket.prepare(request)
        lane = _Lane(socket)
        if not is_further_lane(request.query["app"]):
            self._events = lane
        writing = asyncio.create_task(lane.write())
        try:
            async for message in socket:
                asked = self._decode(message.data)
                self.requests += 1
                query = [(one.name, one.value) for one in asked.query_strings]
                answer = self._asked(asked.method, asked.uri, query)
                lane.send(answer[0].fill(answer[1] | {"request": asked.request_id}))
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return socket

    async def _claim(self, request: web.Request) -> web.Response:
        self.claims += 1
        asyncio.get_running_loop().call_soon(
            self._asked, "POST", "events/claim", list(request.query.items())
        )
        return web.Response(status=204)

    async def _of_line(self, request: web.Request) -> web.Response:
        """Answer what the engine asks beside its calls, by its recorded answer."""
        what = f"{request.method} {request.match_info['uri']}"
        answer = self._script.of_line.get(what)
        if answer is None:
            self.unexpected[what] += 1
            return web.Response(status=404)
        told = msgspec.json.decode(answer.fill({"request": ""}), type=_Answered)
        return web.Response(
            status=told.status_code, text=told.message_body, content_type="application/json"
        )

    # --- the calls ----------------------------------------------------------------------------

    def _asked(
        self, method: str, uri: str, query: list[tuple[str, str]]
    ) -> tuple[Template, dict[str, str]]:
        """Take a request; returns the answer, and the values that belong into it."""
        if uri.startswith("asterisk/modules/"):
            return DONE, {}  # phones are read anew when the line starts, or a little later
        of_line = self._script.of_line.get(f"{method} {uri}")
        if of_line is not None:
            return of_line, {}
        words = words_of(uri, query)
        for wanted in self._script.wanted.get(key_of(method, uri), ()):
            match = wanted.match(words)
            if match is None:
                continue
            values = match.groupdict()
            call = next((self._calls[one] for one in values.values() if one in self._calls), None)
            if call is None:
                # a bridge is made before it is said for whom
                for one in values.values():
                    self._unclaimed_by_call[one] = wanted
                return wanted.answer, values
            if self._is_new(call, wanted, values):
                self._got(call, wanted, values)
                return wanted.answer, call.values
        self.unexpected[" ".join(map(str, key_of(method, uri)[:3]))] += 1
        return DONE, {}

    @staticmethod
    def _is_new(call: _Call, wanted: Wanted, values: Mapping[str, str]) -> bool:
        if call.got & wanted.bit:
            return False
        return all(call.values.get(name, value) == value for name, value in values.items())

    def _got(self, call: _Call, wanted: Wanted, values: Mapping[str, str]) -> None:
        call.got |= wanted.bit
        for name, value in values.items():
            if name not in call.values:
                call.values[name] = value
                if name not in ("phone", "sounds"):
                    self._know(call, value)
        # after the answer, which the caller sends
        asyncio.get_running_loop().call_soon(self._go_on, call)

    def _know(self, call: _Call, one: str) -> None:
        self._calls[one] = call
        call.ids.append(one)
        before = self._unclaimed_by_call.pop(one, None)
        if before is not None:
            call.got |= before.bit

    def _go_on(self, call: _Call) -> None:
        """Say what comes next, up to a request that has not come yet."""
        steps = self._script.steps
        while call.at < len(steps) and not call.waits:
            step = steps[call.at]
            if isinstance(step, Wanted):
                if not call.got & step.bit:
                    return
            elif gap_s := self._gap(step):
                call.waits = True
                asyncio.get_running_loop().call_later(gap_s, self._goes_on, call)
                return
            else:
                self._say(call, step)
            call.at += 1
        if call.at == len(steps) and call.ids:
            for one in call.ids:
                del self._calls[one]
            call.ids.clear()
            self._over()

    def _gap(self, step: Step) -> float:
        if self._paced:
            return step.gap_s if step.gap_s > 0.001 else 0.0
        return _SHORT_S if step.gap_s > _LONG_S else 0.0

    def _goes_on(self, call: _Call) -> None:
        call.waits = False
        self._say(call, self._script.steps[call.at])
        call.at += 1
        self._go_on(call)

    def _say(self, call: _Call, step: Step) -> None:
        assert isinstance(step, Said)
        text = step.text.fill(call.values)
        if step.ami:
            self.ami_events += 1
            self._ami.say(text)
        else:
            assert self._events is not None
            self.events += 1
            self._events.send(text)
