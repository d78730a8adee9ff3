"""Measures when the machine stood still, so that nobody takes that for a fault of the line.

A process of its own does nothing but sleep for 40 ms at a time. When a sleep takes far longer, no
program of this machine could have done better: a stall. It is written to a file, as moments of
CLOCK_MONOTONIC, which all processes share. Standard library only, for the process starts in 20 ms.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

TICK_S = 0.04
SHORTEST_S = 0.1
"""What is shorter is how machines are, and every limit has room for it."""
ENDS_WITHIN_S = 5.0
_MOMENT = struct.Struct("d")
_STALL = struct.Struct("dd")


class Stalls:
    """The stalls that the sleeping process has written to `file`."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def between(self, since: float, until: float | None = None) -> list[tuple[float, float]]:
        """Begin and end of each stall from `since` to `until` (now), cut off at these two.

        Moments are of time.monotonic(). One that has just ended counts even if the sleeping
        process has not run since.
        """
        until = time.monotonic() if until is None else until
        written = self._file.read_bytes()
        (last,) = _MOMENT.unpack_from(written)
        whole = (len(written) - _MOMENT.size) // _STALL.size * _STALL.size
        found = list(_STALL.iter_unpack(written[_MOMENT.size : _MOMENT.size + whole]))
        now = time.monotonic()
        if now - last - TICK_S > SHORTEST_S:
            found.append((last, now))
        cut = ((max(begin, since), min(end, until)) for begin, end in found)
        return [(begin, end) for begin, end in cut if begin < end]


_watched: list[Stalls] = []


def stalls(since: float, until: float | None = None) -> list[tuple[float, float]]:
    """The stalls between two moments, as `Stalls.between`; none where nobody watches."""
    return _watched[-1].between(since, until) if _watched else []


def stood_still(since: float, until: float | None = None) -> float:
    """For how many seconds the machine stood still between two moments of time.monotonic()."""
    return sum(end - begin for begin, end in stalls(since, until))


@contextlib.contextmanager
def watched(file: Path) -> Iterator[Stalls]:
    """Watch the machine for as long as the block lasts; `stalls` and `stood_still` tell of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_MOMENT.pack(time.monotonic()))
    sleeper = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # a terminal's Ctrl-C is not for it
    )
    assert sleeper.stdout is not None
    sleeper.stdout.read(1)  # it watches from now on
    found = Stalls(file)
    _watched.append(found)
    try:
        yield found
    finally:
        _watched.remove(found)
        sleeper.communicate(timeout=ENDS_WITHIN_S)


def _sleep_and_note(file: Path) -> None:
    """Sleep until standard input is closed; note each sleep that took too long."""
    descriptor = os.open(file, os.O_WRONLY)
    at = os.fstat(descriptor).st_size
    before = time.monotonic()
    os.write(1, b"!")
    while not select.select([0], [], [], TICK_S)[0]:
        now = time.monotonic()
        if now - before - TICK_S > SHORTEST_S:
            os.pwrite(descriptor, _STALL.pack(before, now), at)
            at += _STALL.size
        os.pwrite(descriptor, _MOMENT.pack(now), 0)
        before = now


if __name__ == "__main__":
    _sleep_and_note(Path(sys.argv[1]))
