"""Which request lane what belongs to a call takes: the same for all of one call.

Only the order among a call's own requests matters (ring before hang-up, bridge before who is put
into it), so calls are spread over the lanes by turns and do not wait for each other's.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import cycle

# An id older than that many others has no request under way any more, so any lane will do for it.
_REMEMBERED = 20_000


class CallLanes:
    """Gives the lane, of 1 to `lanes` - 1 (0 if there is but one), of a channel, bridge, prompt."""

    def __init__(self, lanes: int) -> None:
        self._turns = cycle(range(1, lanes) if lanes > 1 else (0,))
        self._lane_of: OrderedDict[str, int] = OrderedDict()

    def of(self, one: str) -> int:
        """The lane of what is known; what is not belongs to a call of its own."""
        lane = self._lane_of.get(one)
        return self._remember(one, next(self._turns)) if lane is None else lane

    def add(self, one: str, to: str) -> int:
        """Let `one`, which is new, take the lane of what it belongs to, and return that."""
        return self._remember(one, self.of(to))

    def move(self, one: str, to: str) -> int:
        """Let `one` come to the call of `to`, and return the lane on which to ask for that.

        It is the one that it had until now, so that what was asked for before is done before: a
        phone may hand over a colleague whom Asterisk is still putting together with it.
        """
        new = self.of(to)
        old = self._lane_of.get(one, new)
        self._remember(one, new)
        return old

    def _remember(self, one: str, lane: int) -> int:
        self._lane_of[one] = lane
        if len(self._lane_of) > _REMEMBERED:
            self._lane_of.popitem(last=False)
        return lane
