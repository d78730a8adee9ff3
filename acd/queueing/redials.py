"""Who hangs up while waiting and dials again soon keeps the place in line.

People who panic hang up after ten seconds and dial again. Put to the end each time, those with the
least patience would never be served in a surge. FreeSWITCH's mod_callcenter has the same by
`abandoned-resume-allowed`.
"""

from __future__ import annotations

from acd.calls.call import Call
from acd.numbers.caller import COUNTRY, same_caller

WITHIN_S = 60.0
"""So long after hanging up a call from the same number goes on waiting in the same place."""
LONGEST_S = 300.0
"""Who has waited for longer, in all calls together, begins anew: else a number that rings every
minute would be before all others."""
GAVE_UP = ("caller", "unknown")
"""By whom such a call was ended; nobody knows who hangs up while no engine watches."""
_MOST = 10_000


class Redials:
    """Since when each number that hung up unserved has waited; no more than 10,000 of them.

    An engine that dies takes this along: whoever dials again then waits from that call on.
    """

    def __init__(self, country: str = COUNTRY) -> None:
        self._country = country
        self._left: dict[str, tuple[float, float]] = {}  # caller -> waits since, left; oldest first

    def gave_up(self, call: Call, now: float) -> None:
        """A call has ended while the citizen waited: remember since when that was."""
        record = call.record
        caller = same_caller(record.caller_number, self._country)
        if record.ended_by in GAVE_UP and caller is not None:
            self._left.pop(caller, None)
            since = call.waits_since or record.arrived_at
            self._left[caller] = (since, record.ended_at or now)
            self._forget_old(now)

    def since(self, number: str, now: float) -> float | None:
        """Since when whoever calls from this number has waited, if that began with another call.

        Only the first call from that number is told.
        """
        if not self._left:
            return None  # as on a quiet day
        caller = same_caller(number, self._country)
        if caller is None or caller not in self._left:
            return None
        since, left = self._left.pop(caller)
        return since if now - left <= WITHIN_S and now - since <= LONGEST_S else None

    def _forget_old(self, now: float) -> None:
        # in the order in which it was told of them, which is almost that of their ends
        while self._left:
            caller, (_, left) = next(iter(self._left.items()))
            if now - left <= WITHIN_S and len(self._left) <= _MOST:
                return
            del self._left[caller]
