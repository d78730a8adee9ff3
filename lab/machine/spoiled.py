"""Plays that are thrown away and repeated, because the machine stood still in them."""

from __future__ import annotations

from collections.abc import Callable

SLACK_S = 0.15
"""For how long, in all, the machine may stand still in a play that counts."""
MOST_REPEATS = 2


class Repeats:
    """Decides whether a play that has not held is repeated. `spoiled`: how many were thrown away.

    Only who asks knows whether a stall can be to blame: nobody is lost because of one.
    """

    def __init__(
        self, say: Callable[[str], None], what: str = "the play", slack_s: float = SLACK_S
    ) -> None:
        self._say, self._what, self._slack_s = say, what, slack_s
        self.spoiled = 0

    def again(self, stalls_s: float) -> bool:
        """Whether to repeat a play during which the machine stood still for so long."""
        if stalls_s <= self._slack_s or self.spoiled >= MOST_REPEATS:
            return False
        self.spoiled += 1
        self._say(f"the machine stood still for {stalls_s:.1f} s; {self._what} is repeated")
        return True
