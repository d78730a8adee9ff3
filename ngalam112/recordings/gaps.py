"""When nothing was written though the call was up, seen by how a growing file grows. Pure.

Asterisk writes what it hears and says; where neither comes, as from a phone that sends nothing in
silence, it writes nothing, and what follows would move forward. So that a second in the file is a
second of the call, silence is put where the file stood still.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from ngalam112.recordings.audio import BYTES_S, FRAME, RATE, Gap

LOOKS = 4
"""Asterisk writes 32 KB at once, each 1.02 s; of four looks 0.7 s apart one comes shortly after."""
LOOK_S = 0.7
_LEAST_S = 0.6
UNEXPLAINED_S = 60.0
"""So much silence at most is put before all that was heard; more is missing for another reason."""
MOST_SILENCE_S = 3600.0
"""... and into a whole recording: a clock that was set forward by a year is no year of silence."""


class Growth:
    """One growing file. `arrived_at`: from when on it should grow; `gaps`: found so far."""

    def __init__(self, arrived_at: float, gaps: Iterable[Gap] = ()) -> None:
        self.gaps = list(gaps)
        self._arrived_at = arrived_at
        self._behind: deque[float] = deque(maxlen=LOOKS)

    def look(self, size: int, now: float) -> bool:
        """Take its size in bytes in at a moment; returns whether a gap has begun or grown."""
        known = sum(gap.frames for gap in self.gaps) / RATE
        self._behind.append(now - self._arrived_at - size / BYTES_S - known)
        least = min(self._behind)
        if len(self._behind) < LOOKS or least < _LEAST_S:
            return False
        at, frames = size // FRAME, round(least * RATE)
        if self.gaps and self.gaps[-1].at == at:
            frames += self.gaps.pop().frames
        self.gaps.append(Gap(at, frames))
        self._behind.clear()
        return True


def filled(frames: int, total_s: float, known: Sequence[Gap]) -> list[Gap]:
    """Return the gaps by which a recording of so many frames comes to last as long as its call.

    What `known` does not explain is the time before the answer, at the begin.
    """
    left = min(round(total_s * RATE) - frames, round(MOST_SILENCE_S * RATE))
    found: list[Gap] = []
    for gap in known:
        if (some := min(gap.frames, left)) > 0:
            found.append(Gap(min(gap.at, frames), some))
            left -= some
    first = min(left, round(UNEXPLAINED_S * RATE))
    return [Gap(0, first), *found] if first > 0 else found
