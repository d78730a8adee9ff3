"""Measures when the machine stood still, so that nobody takes that for a fault of the line.

A process of its own does nothing but sleep for 40 ms at a time, once for each processor, for one of
them may stand still while the others run. When a sleep takes far longer, no program there could
have done better: a stall. It is written to a file, as moments of CLOCK_MONOTONIC, which all
processes share. Standard library only, for the process starts in 20 ms.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

TICK_S = 0.04
SHORTEST_S = 0.1
"""What is shorter is how machines are, and every limit has room for it."""
FINE_S = 0.02
"""The shortest stall for who measures gaps in audio, of which a packet holds so much."""
ENDS_WITHIN_S = 5.0
_MOMENT = struct.Struct("d")
_STALL = struct.Struct("dd")


class Stalls:
    """The stalls of at least `shortest_s` that the sleeping process has written to `file`."""

    def __init__(self, file: Path, shortest_s: float = SHORTEST_S) -> None:
        self._file, self._shortest_s = file, shortest_s

    def between(self, since: float, until: float | None = None) -> list[tuple[float, float]]:
        """Begin and end of each stall from `since` to `until` (now), cut off at these two.

        Moments are of time.monotonic(). Those of several processors at a time are one. One that
        has just ended counts even if the sleeping process has not run since.
        """
        until = time.monotonic() if until is None else until
        written = self._file.read_bytes()
        (last,) = _MOMENT.unpack_from(written)
        whole = (len(written) - _MOMENT.size) // _STALL.size * _STALL.size
        found = list(_STALL.iter_unpack(written[_MOMENT.size : _MOMENT.size + whole]))
        now = time.monotonic()
        if now - last - TICK_S > self._shortest_s:
            found.append((last, now))
        cut = ((max(begin, since), min(end, until)) for begin, end in found)
        return united([(begin, end) for begin, end in cut if begin < end])


def united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time as spans that do not overlap, in their order."""
    found: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


_watched: list[Stalls] = []


def stalls(since: float, until: float | None = None) -> list[tuple[float, float]]:
    """The stalls between two moments, as `Stalls.between`; none where nobody watches."""
    return _watched[-1].between(since, until) if _watched else []


def stood_still(since: float, until: float | None = None) -> float:
    """For how many seconds the machine stood still between two moments of time.monotonic()."""
    return sum(end - begin for begin, end in stalls(since, until))


def on_the_clock(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same, as seconds since the epoch; right unless the clock was set since."""
    ahead = time.time() - time.monotonic()
    return [(begin + ahead, end + ahead) for begin, end in spans]


@contextlib.contextmanager
def watched(file: Path, shortest_s: float = SHORTEST_S) -> Iterator[Stalls]:
    """Watch the machine for as long as the block lasts; `stalls` and `stood_still` tell of it.

    What is shorter than `shortest_s` is not noted; the sleeps are a quarter of it, or `TICK_S`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_MOMENT.pack(time.monotonic()))
    sleeper = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(file), str(shortest_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is not for it
    )
    assert sleeper.stdout is not None
    sleeper.stdout.read(1)  # it watches from now on
    found = Stalls(file, shortest_s)
    _watched.append(found)
    try:
        yield found
    finally:
        _watched.remove(found)
        sleeper.communicate(timeout=ENDS_WITHIN_S)


class _Notes:
    """Writes the stalls that the sleeping threads have seen, one after the other."""

    def __init__(self, file: Path, shortest_s: float) -> None:
        self.tick_s = min(TICK_S, shortest_s / 4)
        self._shortest_s = shortest_s
        self._descriptor = os.open(file, os.O_WRONLY)
        self._at = os.fstat(self._descriptor).st_size
        self._turn = threading.Lock()

    def woke(self, before: float) -> float:
        """Note a stall if the sleep since `before` took too long; returns the time."""
        now = time.monotonic()
        if now - before - self.tick_s > self._shortest_s:
            with self._turn:
                os.pwrite(self._descriptor, _STALL.pack(before, now), self._at)
                self._at += _STALL.size
        return now

    def awake(self, now: float) -> None:
        """Note that somebody was awake at this moment, the last one so far."""
        os.pwrite(self._descriptor, _MOMENT.pack(now), 0)


def _sleep_on(processor: int, notes: _Notes) -> None:
    """Sleep on this processor alone until the process ends."""
    os.sched_setaffinity(0, {processor})  # of this thread
    before = time.monotonic()
    while True:
        time.sleep(notes.tick_s)
        before = notes.woke(before)


def _sleep_and_note(file: Path, shortest_s: float) -> None:
    """Sleep until standard input is closed; note each sleep that took too long."""
    notes = _Notes(file, shortest_s)
    for processor in os.sched_getaffinity(0):
        threading.Thread(target=_sleep_on, args=(processor, notes), daemon=True).start()
    before = time.monotonic()
    os.write(1, b"!")
    while not select.select([0], [], [], notes.tick_s)[0]:
        before = notes.woke(before)
        notes.awake(before)


if __name__ == "__main__":
    _sleep_and_note(Path(sys.argv[1]), float(sys.argv[2]))
