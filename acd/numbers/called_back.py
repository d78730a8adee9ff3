"""How often citizens were called back within the last 24 hours, against the limits of the policy.

Counted over any 24 hours rather than days, so that midnight gives nobody a second helping.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import msgspec

from acd.numbers.caller import COUNTRY, same_caller
from acd.numbers.outbound import Barred, Outbound

CALLED_BACK = "called_back:"
"""The key of a callback for the next engine is this and its number
(`acd.calls.journal.Journal.keep`)."""

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
        self._dialled: deque[tuple[str, Dialled]] = deque()  # key, callback; oldest first
        self._of_number: Counter[str] = Counter()
        self._of_operator: Counter[str] = Counter()
        self._last = 0
        self._expired: list[str] = []

    def over(self, operator: str, number: str, now: float) -> Barred | None:
        """Return which limit another callback would break; None if it breaks none."""
        self._forget_old(now)
        policy = self._outbound
        if self._of_number[same_caller(number, self._country) or number] >= policy.a_day_number:
            return Barred.NUMBER_OFTEN
        if self._of_operator[operator] >= policy.a_day_operator:
            return Barred.OPERATOR_OFTEN
        return Barred.LINE_OFTEN if len(self._dialled) >= policy.a_day else None

    def dialled(self, operator: str, number: str, now: float) -> tuple[str, Dialled]:
        """Count a callback, and return it with its key, for the next engine."""
        self._last += 1
        caller = same_caller(number, self._country) or number
        return self._count(f"{CALLED_BACK}{self._last}", Dialled(now, operator, caller))

    def expired(self) -> list[str]:
        """The keys that nobody needs any more, each told once."""
        keys, self._expired = self._expired, []
        return keys

    def _forget_old(self, now: float) -> None:
        while self._dialled and now - self._dialled[0][1].at >= DAY_S:
            key, one = self._dialled.popleft()
            self._expired.append(key)
            for counter, of in ((self._of_number, one.number), (self._of_operator, one.operator)):
                counter[of] -= 1
                if not counter[of]:
                    del counter[of]

    def remember(self, facts: Mapping[str, Any]) -> None:
        """Know what an earlier engine has dialled; what makes no sense is left out."""
        found = []
        for key, value in facts.items():
            name = key.removeprefix(CALLED_BACK)
            if not key.startswith(CALLED_BACK) or not name.isdecimal():
                continue
            try:
                found.append((int(name), key, msgspec.convert(value, Dialled)))
            except msgspec.ValidationError:
                continue
        for number, key, one in sorted(found):
            self._last = max(self._last, number)
            self._count(key, one)

    def _count(self, key: str, one: Dialled) -> tuple[str, Dialled]:
        self._dialled.append((key, one))
        self._of_number[one.number] += 1
        self._of_operator[one.operator] += 1
        return key, one
