"""Says that this engine lives: to its supervisor, and in `<home>/run/engine.beat` to the rescuer.

To the supervisor in systemd's words (sd_notify(3)): datagrams to the Unix socket that
$NOTIFY_SOCKET names. `READY=1` once the engine waits or serves, `STATUS=` tells which,
`WATCHDOG=1` every half second, `STOPPING=1` at its end. A beat goes through the inbox of the one
writer first, so an engine whose loop or writer stands still is silent.

`engine.beat` is 21 bytes: the monotonic clock at the last beat, as `f"{seconds:020.6f}\\n"`
(CLOCK_MONOTONIC, one for all processes since the boot, so that no stepped clock can fool whoever
compares it with its own `time.monotonic()`). Only the engine that serves writes it, and only when
Asterisk has just answered it over the event socket. At a stop it stays, and grows old.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from journal.disk_thread import DiskThread

EVERY_S = 0.5

Proof = Callable[[], Awaitable[object]]


class Notifier:
    """Speaks to whoever supervises this process; silent where nobody does."""

    def __init__(self, address: str | None = None) -> None:
        given = os.environ.get("NOTIFY_SOCKET", "") if address is None else address
        self._address = f"\0{given[1:]}" if given.startswith("@") else given
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # a supervisor that does not listen must not stop us
        self._socket.setblocking(False)

    def say(self, *words: str) -> None:
        """Send words such as READY=1, in one datagram."""
        if self._address:
            # by the address each time: it may be another supervisor that listens there now
            with contextlib.suppress(OSError):
                self._socket.sendto("\n".join(words).encode(), self._address)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()


class Heartbeat:
    """Beats for ever. `proof` returns once the part that is to be proved has done its turn."""

    def __init__(self, notifier: Notifier, every_s: float = EVERY_S) -> None:
        self.proof: Proof | None = None
        self.ask_asterisk: Callable[[], None] | None = None
        self._notifier, self._every_s = notifier, every_s

    async def run(self) -> None:
        """Beat until cancelled; as long as `proof` does not return, there is no further beat."""
        while True:
            if self.proof is not None:
                await self.proof()
            self._notifier.say("WATCHDOG=1")
            if self.ask_asterisk is not None:
                self.ask_asterisk()
            await asyncio.sleep(self._every_s)


class BeatFile:
    """`engine.beat`, open for writing."""

    def __init__(self, path: Path) -> None:
        self._file: int | None = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._disk = DiskThread("beat")

    def touch(self) -> None:
        """Write that now is the last beat; a disk that is full or hangs is no reason to stop."""
        if self._file is None:
            return  # an answer that came late; the number may be another file's by now
        with contextlib.suppress(OSError):
            # one write over what is there: a reader sees the old beat or the new one
            self._disk.do(partial(os.pwrite, self._file, beat_text(time.monotonic()), 0))

    def close(self) -> None:
        """Let go of the file, which stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def beat_text(now: float) -> bytes:
    """What stands in `engine.beat` for a beat at `now` (CLOCK_MONOTONIC): always 21 bytes."""
    return f"{now:020.6f}\n".encode("ascii")


def read_beat(path: Path) -> float | None:
    """When the last beat was (CLOCK_MONOTONIC); None if there was none."""
    try:
        return float(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
