"""Deadlines as stored times: nothing here reads a clock, `now` is always an argument."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Due = Callable[[float], None]


def _nothing(_: float) -> None:
    """Do nothing at a deadline that only wakes the writer."""


class Timer:
    """One deadline; `cancel` makes it never come."""

    __slots__ = ("at", "due")

    def __init__(self, at: float, due: Due) -> None:
        self.at = at
        self.due: Due | None = due

    def cancel(self) -> None:
        """Forget the deadline; harmless when it has come or was cancelled before."""
        self.due = None


class Timers:
    """All deadlines of the line, earliest first."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def at(self, when: float, due: Due) -> Timer:
        """Arrange that `due(now)` is called once `when` has come."""
        timer = Timer(when, due)
        heapq.heappush(self._heap, (when, next(self._order), timer))
        return timer

    def wake(self, when: float) -> None:
        """Have the line looked at once `when` has come: the writer does so after all deadlines."""
        self.at(when, _nothing)

    def next(self) -> float | None:
        """The time of the earliest deadline, or None."""
        heap = self._heap
        while heap and heap[0][2].due is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def fire(self, now: float) -> bool:
        """Call everything that is due at `now`, earliest first; True if there was anything."""
        fired = False
        while (when := self.next()) is not None and when <= now:
            timer = heapq.heappop(self._heap)[2]
            due, timer.due = timer.due, None
            if due is not None:
                fired = True
                due(now)
        return fired
