"""How often a feed may be asked: requests in a minute, and pauses when it is away. Pure."""

from __future__ import annotations

from collections import deque

MOST_REQUESTS = 30
WITHIN_S = 60.0
"""Half of what BMKG allows an address (60 a minute), for others may be behind the same one."""
SHORTEST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0


class Budget:
    """Counts requests, so that no `WITHIN_S` has more than `MOST_REQUESTS`."""

    def __init__(self) -> None:
        self._at: deque[float] = deque()
        self.asked = 0

    def take(self, now: float) -> bool:
        """Whether one more request may be made; then it counts."""
        while self._at and self._at[0] <= now - WITHIN_S:
            self._at.popleft()
        if len(self._at) >= MOST_REQUESTS:
            return False
        self._at.append(now)
        self.asked += 1
        return True


def pause_s(every_s: float, failures: int, *, unfinished: bool = False) -> float:
    """Return how long to wait until the next poll.

    `failures`: so many polls in a row have failed; each doubles the pause, to an hour at most.
    `unfinished`: the budget ended before all documents were fetched; the rest is fetched soon.
    """
    if unfinished and not failures:
        return SHORTEST_PAUSE_S
    longest = max(every_s, LONGEST_PAUSE_S)
    return min(longest, every_s * 2.0 ** min(max(0, failures - 1), 20))
