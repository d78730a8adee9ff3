"""Who hangs up while waiting and dials again soon keeps the place in line.

People who panic hang up after ten seconds and dial again. Put to the end each time, those with the
least patience would never be served in a surge. FreeSWITCH's mod_callcenter has the same by
`abandoned-resume-allowed`.
"""

from __future__ import annotations

import re

from acd.calls import Call
from acd.records import CallRecord

WITHIN_S = 60.0
"""So long after hanging up a call from the same number goes on waiting in the same place."""
_MOST = 10_000
_NUMBER = re.compile(r"\+?[0-9]{3,}")  # `anonymous` is many people


class Redials:
    """Since when each number that hung up unserved has waited; no more than 10,000 of them.

    An engine that dies takes this along: whoever dials again then waits from that call on.
    """

    def __init__(self) -> None:
        self._left: dict[str, tuple[float, float]] = {}  # number -> waits since, left; oldest first

    def over(self, call: Call, now: float) -> None:
        """A call has ended: remember since when the citizen has waited, if nobody served it."""
        record = call.record
        self._forget_old(now)
        if _gave_up(record) and _NUMBER.fullmatch(record.caller_number):
            self._left.pop(record.caller_number, None)
            self._left[record.caller_number] = (call.since, now)

    def since(self, number: str, now: float) -> float | None:
        """Since when whoever calls from this number has waited, if that began with another call.

        Only the first call from that number is told.
        """
        self._forget_old(now)
        since, _ = self._left.pop(number, (None, 0.0))
        return since

    def _forget_old(self, now: float) -> None:
        while self._left:
            number, (_, left) = next(iter(self._left.items()))
            if now - left <= WITHIN_S and len(self._left) <= _MOST:
                return
            del self._left[number]


def _gave_up(record: CallRecord) -> bool:
    return record.ended_by == "caller" and record.operator_answered_at is None
