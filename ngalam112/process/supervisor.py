"""Keeps one part of a line running: starts it, or finds it running; ends it if its heartbeat stops.

Parts are started detached: they neither die with this process nor hear its terminal's Ctrl-C. The
file `<home>/run/<name>.pid` says who they are, so that the next supervisor finds them; their ends
are seen by pidfd, whoever started them. A part with a heartbeat reports to the socket
`<home>/run/<name>.notify` (`ngalam112.process.heartbeat`), which the next supervisor binds anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ngalam112.process import pidfiles
from ngalam112.process.watchdog import TICK_S, Watchdog, next_pause

_DATAGRAM = 4096


class SupervisorError(Exception):
    """A part cannot be kept; the message says why and what to do."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept running.

    `command` is asked for at every start. `output`: the file to which what it prints is added.
    `heartbeat_s`: after how long a silence it counts as dead; None: it has no heartbeat.
    """

    name: str
    command: Callable[[], list[str]]
    output: Path
    environment: dict[str, str] | None = None
    heartbeat_s: float | None = None


class _Running:
    """A process that runs, ours or one found; its end is a future with the words for it."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self.pid, self._child = pid, child
        self._fd = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self.since = time.monotonic()
        self.ended: asyncio.Future[str] = self._loop.create_future()
        self._loop.add_reader(self._fd, self._over)

    def _over(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self.ended.set_result(_words(self._child.wait()) if self._child else "it has ended")

    async def wait(self, within: float | None = None) -> bool:
        """Wait for its end; returns whether it has ended in time. Who waits can be cancelled."""
        done, _ = await asyncio.wait({self.ended}, timeout=within)
        return bool(done)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; to this process and no other that may have its pid by now."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, number)


def _words(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"


class Supervisor:
    """Keeps one part. `say` gets a sentence for people about what has happened."""

    def __init__(self, part: Part, run: Path, say: Callable[[str], None]) -> None:
        self.part = part
        self._say = say
        self.file = run / f"{part.name}.pid"
        self._socket = None if part.heartbeat_s is None else _bound(run / f"{part.name}.notify")
        self._running: _Running | None = None
        self._watchdog: Watchdog | None = None

    @property
    def process(self) -> pidfiles.Process | None:
        """The part as its file tells it, while it lives."""
        return pidfiles.read(self.file)

    def lives(self) -> bool:
        """Whether it runs."""
        return self._running is not None and not self._running.ended.done()

    def last_words(self) -> str:
        """The last line that it printed; empty if none."""
        text = self.part.output.read_text("utf-8", "replace") if self.part.output.exists() else ""
        return (["", *text.strip().splitlines()])[-1]

    def find(self) -> bool:
        """Take on a process of this part that runs already; returns whether there is one."""
        found = self.process
        if found is None:
            return False
        try:
            self._running = _Running(found.pid, None)
        except ProcessLookupError:
            return False
        self._listen(beats=found.state != "starting")
        return True

    def start(self) -> None:
        """Start it."""
        self._drain()  # what a dead one has said is not this one's
        environment = dict(os.environ if self.part.environment is None else self.part.environment)
        if self._socket is not None:
            environment["NOTIFY_SOCKET"] = self._socket.getsockname()
        command = self.part.command()
        output = self.part.output
        output.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=environment,
                start_new_session=True,
            )
        pidfiles.write(self.file, child.pid)
        self._running = _Running(child.pid, child)
        self._listen(beats=False)

    async def keep(self) -> None:
        """Start it again whenever it ends, until cancelled."""
        pause = 0.0
        while True:
            if not self.lives():
                try:
                    self.start()
                except OSError as error:
                    self._say(f"{self.part.name} cannot be started ({error}).")
                    pause = next_pause(0.0, pause)
                    await asyncio.sleep(pause)
                    continue
            assert self._running is not None
            why = await self._end_of(self._running)
            pause = next_pause(time.monotonic() - self._running.since, pause)
            after = f" in {pause:g} s" if pause else ""
            self._say(f"{self.part.name} (pid {self._running.pid}): {why}; started again{after}.")
            await asyncio.sleep(pause)

    async def _end_of(self, running: _Running) -> str:
        """Wait for the end of a process; end it if its heartbeat stops."""
        while not await running.wait(TICK_S):
            self._hear()
            if self._watchdog is not None and self._watchdog.stopped(time.monotonic()):
                # a stopped process can be ended by this signal only
                running.signal(signal.SIGKILL)
                await running.wait()
                return f"no heartbeat for {self.part.heartbeat_s:g} s, so it was killed"
        return running.ended.result()

    async def end(self, number: signal.Signals, within: float) -> None:
        """Ask it to end by this signal; kill it if it does not. Harmless if it has ended."""
        if self._running is not None:
            self._running.signal(number)
            if not await self._running.wait(within):
                self._running.signal(signal.SIGKILL)
                await self._running.wait()
        self.file.unlink(missing_ok=True)

    def close(self) -> None:
        """Stop listening; the process, if it runs, goes on."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()

    # --- the heartbeat ----------------------------------------------------------------------

    def _listen(self, *, beats: bool) -> None:
        if self._socket is not None and self.part.heartbeat_s is not None:
            self._watchdog = Watchdog(self.part.heartbeat_s, time.monotonic(), beats=beats)
            asyncio.get_running_loop().add_reader(self._socket, self._hear)

    def _hear(self) -> None:
        for words in self._drain():
            if self._watchdog is not None:
                self._watchdog.heard(words, time.monotonic())

    def _drain(self) -> list[str]:
        said: list[str] = []
        if self._socket is not None:
            with contextlib.suppress(BlockingIOError):
                while True:
                    said.append(self._socket.recv(_DATAGRAM).decode("utf-8", "replace"))
        return said


def _bound(path: Path) -> socket.socket:
    """A socket at `path`; one that a dead supervisor has left there is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.setblocking(False)
    try:
        listening.bind(str(path))
    except OSError as error:
        listening.close()
        raise SupervisorError(
            f"There can be no socket {path} ({error}); set NGALAM112_HOME to a shorter path."
        ) from None
    return listening


def tell(sentence: str) -> None:
    """Say what happened to a part, on standard error."""
    print(sentence, file=sys.stderr, flush=True)  # noqa: T201
