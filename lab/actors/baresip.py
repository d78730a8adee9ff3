"""Talks to one baresip: its process, its control socket (ctrl_tcp), and the SIP that it traces.

baresip is Debian's softphone (baresip-core 1.1). It needs no sound hardware here: what it says is
a tone, and what it hears goes nowhere, or into a file when that is asked for. Events come over
the control socket; SIP messages come out of the trace that it prints, since its events say
neither what a REFER was answered nor which tags a dialog has.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from lab.actors.phone_facts import PhoneEvent, SipMessage, SoftphoneError, read_trace
from lab.actors.sipp import free_port
from lab.machine.waiting import Limit, comes_true
from pbx.processes import end, start
from pbx.programs import Programs

RTP_PORTS = "30000-31998"
"""Beside those of the lines and of SIPp; baresip tries again if another has the port."""

_T = TypeVar("_T")
NO_PLAYER = "aubridge,nobody"
_START_S = 10.0
_ANSWER_S = 5.0
_KEPT = 4000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_CONFIG = """\
poll_method             epoll
sip_listen              {host}:{sip_port}
net_interface           {host}
sip_trans_def           udp
call_max_calls          8
call_hold_other_calls   yes
audio_source            ausine,{tone_hz}
audio_player            {player}
audio_alert             {player}
ausrc_srate             48000
ausrc_channels          1
auplay_srate            8000
auplay_channels         1
jitter_buffer_type      off
rtp_ports               {rtp_ports}
module_path             /usr/lib/baresip/modules
module                  g711.so
module                  ausine.so
module                  aufile.so
module                  aubridge.so
module_app              ctrl_tcp.so
module_app              menu.so
module_app              debug_cmd.so
ctrl_tcp_listen         {host}:{control_port}
statmode_default        off
ringback_disabled       yes
ring_aufile             none
callwaiting_aufile      none
busy_aufile             none
notfound_aufile         none
error_aufile            none
"""


class _Answer(msgspec.Struct, frozen=True):
    token: str
    ok: bool
    data: str = ""


def netstring(text: bytes) -> bytes:
    """The text with its length before it, as ctrl_tcp reads and writes."""
    return b"%d:%s," % (len(text), text)


class Baresip:
    """One baresip process: commands go in, events and SIP messages come out, in their order."""

    def __init__(
        self, programs: Programs, work: Path, name: str, *, host: str, tone_hz: int
    ) -> None:
        self.name, self.folder = name, work
        self.port = free_port(host)
        self.events: list[PhoneEvent] = []
        self.messages: list[SipMessage] = []
        self.host = host
        self._programs, self._tone_hz = programs, tone_hz
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._answers: dict[str, asyncio.Future[_Answer]] = {}
        self._tokens = itertools.count(1)
        self._news = asyncio.Event()
        self._output = b""
        self._said = ""

    async def start(self) -> None:
        """Start the process and connect to its control socket."""
        self.folder.mkdir(parents=True, exist_ok=True)
        control_port = free_port(self.host)
        config = _CONFIG.format(
            host=self.host,
            sip_port=self.port,
            control_port=control_port,
            tone_hz=self._tone_hz,
            player=NO_PLAYER,
            rtp_ports=RTP_PORTS,
        )
        (self.folder / "config").write_text(config)
        # without these it writes its own, with comments and other people's addresses
        for name in ("accounts", "contacts"):
            (self.folder / name).write_text("")
        argv = self._programs.command(
            "baresip", "-f", str(self.folder), "-s", writable=[self.folder], cwd=self.folder
        )
        self._process = await start(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert self._process.stdout is not None
        self._tasks.append(asyncio.create_task(self._read_output(self._process.stdout)))
        reader, self._writer = await self._connect(control_port)
        self._tasks.append(asyncio.create_task(self._read_control(reader)))

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async def connected() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
            if self._process is None or self._process.returncode is not None:
                raise SoftphoneError(f"Softphone {self.name} did not start: {self.last_words()}")
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(self.host, port)
            return None

        found, limit = await comes_true(connected, _START_S)
        if found is None:
            raise SoftphoneError(
                f"Softphone {self.name} did not start within {limit}: {self.last_words()}"
            )
        reader, writer = found
        return reader, writer

    async def stop(self) -> None:
        """Hang up, unregister and end; by force after some seconds."""
        if self._process is not None and self._process.returncode is None:
            # a transfer whose outcome is open keeps it for half a minute; told twice, it goes
            with contextlib.suppress(TimeoutError, ProcessLookupError):
                self._process.terminate()
                async with asyncio.timeout(1.0):
                    await self._process.wait()
        await end(self._process, within=4.0)
        if self._writer is not None:
            self._writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def command(self, name: str, params: str = "") -> str:
        """Give a command of baresip's menu and return what it says; SoftphoneError if refused."""
        answer = await self._command(name, params)
        if not answer.ok:
            said = _COLOUR.sub("", answer.data).strip()
            raise SoftphoneError(f"Softphone {self.name} refused {name} {params}: {said}")
        return answer.data

    async def attempt(self, name: str, params: str) -> None:
        """Give a command whose own word on its success is not to be trusted."""
        await self._command(name, params)

    async def _command(self, name: str, params: str) -> _Answer:
        assert self._writer is not None
        token = str(next(self._tokens))
        told: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._answers[token] = told
        order = {"command": name, "params": params, "token": token}
        if not params:
            del order["params"]
        self._writer.write(netstring(msgspec.json.encode(order)))
        limit = Limit(_ANSWER_S)
        try:
            while not told.done() and not limit.over:
                await asyncio.wait({told}, timeout=limit.left)
        finally:
            del self._answers[token]
        if told.done():
            return told.result()
        raise SoftphoneError(
            f"Softphone {self.name} did not answer {name} {params} within {limit}: "
            f"{self.last_words()}"
        )

    async def until(self, check: Callable[[], _T | None], within: float, what: str) -> _T:
        """Wait until `check` gives something, looked at after each event and each message."""
        limit = Limit(within)
        while True:
            last = limit.over
            self._news.clear()
            seen = check()
            if seen is not None:
                return seen
            if last:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit.left):
                    await self._news.wait()
        kinds = [event.kind for event in self.events[-4:]]
        raise SoftphoneError(f"Softphone {self.name}: no {what} within {limit}; last seen: {kinds}")

    def note(self, event: PhoneEvent) -> None:
        """Add an event that baresip does not tell of."""
        self.events.append(event)
        self._news.set()

    def last_words(self) -> str:
        """The end of what it printed."""
        lines = [line.strip() for line in _COLOUR.sub("", self._said).splitlines()]
        return next((line[:300] for line in reversed(lines) if line), "nothing printed")

    async def _read_control(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int((await reader.readuntil(b":"))[:-1])
                self._take((await reader.readexactly(length + 1))[:-1])

    def _take(self, told: bytes) -> None:
        heard = msgspec.json.decode(told)
        if heard.get("event"):
            self.note(msgspec.convert(heard, PhoneEvent))
        elif heard.get("response"):
            answer = msgspec.convert(heard, _Answer)
            waiting = self._answers.get(answer.token)
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _read_output(self, output: asyncio.StreamReader) -> None:
        own = f"{self.host}:{self.port}"
        while chunk := await output.read(65536):
            self._said = (self._said + chunk.decode("utf-8", "replace"))[-_KEPT:]
            with (self.folder / "log").open("ab") as log:
                log.write(chunk)
            messages, self._output = read_trace(self._output + chunk, own)
            self.messages += messages
            self._news.set()
