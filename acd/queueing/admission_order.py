"""In which order citizens are admitted who wait for it: those beyond a limit after all others.

Pure. Who is behind (`acd.numbers.calls_at_once`) is admitted while nobody else waits, and work
would not have to be shed for it; or once the own time has come, and then in the place of every
fourth of the others at least: so a flood takes no more than a quarter of what is admitted from the
others, and nobody waits for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush

PASSED_AT_MOST = 3
"""So many of the others are admitted before one of those behind whose time has come."""
_KEPT = 64  # entries of who has gone that a heap may hold, beside as many as wait


class _Heap:
    """Channels by a key, the least first; may hold who has gone, or has another key by now."""

    def __init__(self) -> None:
        self.keys: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def add(self, channel: str, key: float) -> None:
        self.keys[channel] = key
        heappush(self._heap, (key, channel))
        if len(self._heap) > _KEPT + 2 * len(self.keys):
            self._heap = [(key, one) for one, key in self.keys.items()]
            heapify(self._heap)

    def first(self) -> tuple[float, str] | None:
        while self._heap and self.keys.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0] if self._heap else None


class AdmissionOrder:
    """The channels that wait: in two heaps, each in the order of its keys.

    `behind`: the keys of those behind all others, by channel; `ahead`: those of the others.
    """

    def __init__(self) -> None:
        self._ahead, self._behind = _Heap(), _Heap()
        self.ahead: Mapping[str, float] = self._ahead.keys
        self.behind: Mapping[str, float] = self._behind.keys
        self._passed = 0

    def __len__(self) -> int:
        return len(self.ahead) + len(self.behind)

    def add(self, channel: str, key: float, *, behind: bool = False) -> None:
        """Let a channel wait, or wait by another key. `key`: when it counts as having arrived."""
        (self._behind if behind else self._ahead).add(channel, key)

    def next(self, now: float, *, spare: bool) -> str | None:
        """Whose turn it is; None: nobody's now. `spare`: there is room for those behind."""
        first, behind = self._ahead.first(), self._behind.first()
        is_due = behind is not None and behind[0] <= now
        if first is not None and not (is_due and self._passed >= PASSED_AT_MOST):
            return first[1]
        return behind[1] if behind is not None and (is_due or spare) else None

    def admitted(self, channel: str, now: float) -> None:
        """It was its turn."""
        behind = self._behind.first()
        waits = behind is not None and behind[0] <= now and channel in self.ahead
        self._passed = self._passed + 1 if waits else 0
        self.remove(channel)

    def remove(self, channel: str) -> None:
        """It waits no more."""
        if self._ahead.keys.pop(channel, None) is None:
            self._behind.keys.pop(channel, None)
