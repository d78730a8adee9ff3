"""How often citizens were called back within the last 24 hours, against the limits of the policy.

Counted over any 24 hours rather than days, so that midnight gives nobody a second helping.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from acd.numbers.caller import COUNTRY, same_caller
from acd.numbers.outbound import Barred, Outbound

CALLED_BACK = "called_back"
"""The key under which the next engine finds what was dialled (`acd.calls.journal.Journal.keep`)."""

DAY_S = 86_400.0


class Dialled(msgspec.Struct, frozen=True, array_like=True):
    """One callback; `at`: seconds since the epoch."""

    at: float
    operator: str
    number: str


class CalledBack:
    """The callbacks of the last 24 hours; `over` is asked before each, `dialled` told of it."""

    def __init__(self, outbound: Outbound, country: str = COUNTRY) -> None:
        self._outbound, self._country = outbound, country
        self._dialled: deque[Dialled] = deque()  # oldest first

    def over(self, operator: str, number: str, now: float) -> Barred | None:
        """Return which limit another callback would break; None if it breaks none."""
        while self._dialled and now - self._dialled[0].at >= DAY_S:
            self._dialled.popleft()
        caller = same_caller(number, self._country) or number
        if sum(one.number == caller for one in self._dialled) >= self._outbound.a_day_number:
            return Barred.NUMBER_OFTEN
        if sum(one.operator == operator for one in self._dialled) >= self._outbound.a_day_operator:
            return Barred.OPERATOR_OFTEN
        return Barred.LINE_OFTEN if len(self._dialled) >= self._outbound.a_day else None

    def dialled(self, operator: str, number: str, now: float) -> list[Dialled]:
        """Count a callback, and return all that the next engine has to know."""
        caller = same_caller(number, self._country) or number
        self._dialled.append(Dialled(now, operator, caller))
        return list(self._dialled)

    def remember(self, kept: Any) -> None:
        """Know what an earlier engine has dialled; what makes no sense is left out."""
        try:
            self._dialled = deque(msgspec.convert(kept, list[Dialled]))
        except msgspec.ValidationError:
            return
