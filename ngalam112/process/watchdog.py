"""Decides when a part of the line is dead, and how soon it is started again. Pure."""

from __future__ import annotations

START_S = 30.0
"""How long a part may take until its first beat."""
STOP_S = 20.0
"""How long it may take to end, once it has said that it does."""
TICK_S = 0.25
"""How often whoever watches looks."""

_HELD_UP_S = 1.0
STEADY_S = 5.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 8.0


def next_pause(lived_s: float, last_pause_s: float) -> float:
    """Seconds to wait before a part that has died is started again.

    None after a steady life. What dies within seconds of its start waits longer each time, so that
    a broken configuration does not keep the machine busy.
    """
    if lived_s >= STEADY_S:
        return 0.0
    return min(_LONGEST_PAUSE_S, max(_FIRST_PAUSE_S, last_pause_s * 2))


class Watchdog:
    """The heartbeat of one process, seen from its supervisor; `limit_s` of silence is death.

    Times are seconds of the monotonic clock.
    """

    def __init__(self, limit_s: float, now: float, *, beats: bool = False) -> None:
        self._since = now
        self._looked: float | None = None
        self._beating_s = limit_s
        # what has only just been started has to import first
        self._limit_s = limit_s if beats else max(START_S, limit_s)
        self._ending = False

    def heard(self, words: str, now: float) -> None:
        """Take one message: words of sd_notify(3), one a line."""
        said = words.split("\n")
        self._since = now
        if "STOPPING=1" in said:
            self._ending, self._limit_s = True, max(STOP_S, self._beating_s)
        elif "WATCHDOG=1" in said and not self._ending:
            self._limit_s = self._beating_s

    def stopped(self, now: float) -> bool:
        """Whether the part has been silent for too long; to be asked every TICK_S.

        Who asks too late was held up too (the machine slept, or had no time), and what could not
        be said meanwhile does not count.
        """
        late = 0.0 if self._looked is None else now - self._looked - TICK_S
        self._looked = now
        if late > _HELD_UP_S:
            self._since += late
        return now - self._since > self._limit_s
