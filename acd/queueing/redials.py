"""Who hangs up while waiting and dials again soon keeps the place in line.

People who panic hang up after ten seconds and dial again. Put to the end each time, those with the
least patience would never be served in a surge. FreeSWITCH's mod_callcenter has the same by
`abandoned-resume-allowed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from acd.calls.call import Call
from acd.numbers.caller import COUNTRY, same_caller
from acd.work_items.item import WorkItem

WITHIN_S = 60.0
"""So long after hanging up a call from the same number goes on waiting in the same place."""
LONGEST_S = 300.0
"""Who has waited for longer, in all calls together, begins anew: else a number that rings every
minute would be before all others."""
GAVE_UP = ("caller", "unknown")
"""By whom such a call was ended; nobody knows who hangs up while no engine watches."""
_MOST = 10_000


class GivenUp(NamedTuple):
    """A call whose citizen hung up unserved. `since`: when the waiting began; `at`: when it ended.

    `category`: None if the citizen has not come so far in the menu.
    """

    since: float
    at: float
    call_id: str
    category: str | None
    language: str


class Redials:
    """Who hung up unserved just now, by number; no more than 10,000 of them."""

    def __init__(self, country: str = COUNTRY) -> None:
        self._country = country
        self._left: dict[str, GivenUp] = {}  # by the caller; oldest first

    def gave_up(self, call: Call, now: float) -> None:
        """A call has ended while the citizen waited: remember since when that was."""
        record = call.record
        caller = same_caller(record.caller_number, self._country)
        if record.ended_by in GAVE_UP and caller is not None:
            category = record.category if record.queued_at is not None else None
            at = record.ended_at or now
            left = GivenUp(call.waits_from, at, call.id, category, record.language)
            self._know(caller, left, now)

    def remember(self, items: Iterable[WorkItem], now: float) -> None:
        """Know who gave up while an earlier engine served; the callbacks of these calls tell."""
        for item in sorted(items, key=lambda one: one.created_at):
            caller = same_caller(item.number, self._country)
            if caller is not None and item.reason.startswith("lost_"):
                category = None if item.reason == "lost_menu" else item.category
                at = item.created_at
                left = GivenUp(item.waits_since, at, item.call_id, category, item.language)
                self._know(caller, left, now)

    def before(self, number: str, now: float) -> GivenUp | None:
        """The call that whoever calls from this number has given up just now.

        Only the first call from that number is told.
        """
        if not self._left:
            return None  # as on a quiet day
        caller = same_caller(number, self._country)
        if caller is None or caller not in self._left:
            return None
        left = self._left.pop(caller)
        return left if now - left.at <= WITHIN_S and now - left.since <= LONGEST_S else None

    def _know(self, caller: str, left: GivenUp, now: float) -> None:
        self._left.pop(caller, None)
        self._left[caller] = left
        self._forget_old(now)

    def _forget_old(self, now: float) -> None:
        # in the order in which it was told of them, which is almost that of their ends
        while self._left:
            caller, left = next(iter(self._left.items()))
            if now - left.at <= WITHIN_S and len(self._left) <= _MOST:
                return
            del self._left[caller]
