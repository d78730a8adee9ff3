"""Which calls are beyond the limit of a number, or of an address, because it has so many at once.

Counted are the living calls that are served in their turn. Those beyond the limit are behind, and
not counted, so no list here is longer than its limit, whoever floods the line. Nobody tells of a
call's end: a channel that lives no more counts no more. Pure but for the log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import structlog

from acd.calls.call import Call
from acd.numbers.caller import COUNTRY, same_caller, tail_of
from acd.numbers.caller_limits import CallerLimits

log = structlog.get_logger("limits")

NUMBER, ADDRESS = "number", "address"
TOLD_AGAIN_S = 60.0
"""The log tells no more often that somebody is beyond a limit."""
_KEPT = 1000  # numbers of which no call may live before these are looked for


class CallsAtOnce:
    """The living calls of each number and address. `over`: calls beyond a limit, by which one.

    `calls`: those that live, by channel. `never`: numbers that many people call from. `country`:
    where numbers without a country code are from (ISO 3166).
    """

    def __init__(
        self,
        limits: CallerLimits,
        calls: Mapping[str, Call],
        never: Iterable[str] = (),
        country: str = COUNTRY,
    ) -> None:
        self.limits, self.over = limits, Counter[str]()
        self._calls, self._country = calls, country
        self._never = {same_caller(one, country) for one in never}
        # channels with their numbers, by the last digits, and by the whole number of callers whose
        # last digits others have too; channels, by the address
        self._by_tail: dict[str, dict[str, str]] = {}
        self._by_address: dict[str, dict[str, str]] = {}
        self._shared = set[str]()  # last digits that several callers have had
        self._told_at: float | None = None
        self._tails, self._tidy_at, self._addresses_tidy_at = 0, _KEPT, _KEPT

    def arrives(self, channel: str, number: str, address: str) -> str | None:
        """Count a call; return which limit it is beyond, NUMBER or ADDRESS: then it is not counted.

        None: it may be served in its turn, also if it is asked again. `address`: "" if unknown.
        """
        limits, here = self.limits, None
        if address and limits.at_once_per_address:
            if len(self._by_address) >= self._addresses_tidy_at:
                self._tidy()
            here = self._by_address.setdefault(address, {})
            if not self._has_room(here, channel, limits.at_once_per_address):
                return ADDRESS
        if limits.at_once_per_number:
            tail = tail_of(number)
            same = self._by_tail.get(tail)
            if same is None:  # as of nearly all
                if self._tails >= self._tidy_at:
                    self._tidy()
                self._by_tail[tail] = {channel: number}
                self._tails += 1
            elif tail not in self._shared and self._has_room(
                same, channel, limits.at_once_per_number
            ):
                same[channel] = number
            elif not self._caller_has_room(tail, channel, number):
                return NUMBER
        if here is not None:
            here[channel] = number
        return None

    def restored(self, calls: Iterable[Call]) -> None:
        """Count the calls of an earlier engine."""
        for call in calls:
            if not call.behind:
                self.arrives(call.channel, call.record.caller_number, call.address)

    def is_behind(self, by: str, address: str, now: float) -> None:
        """A call is here that is beyond a limit."""
        self.over[by] += 1
        if self._told_at is None or not self._told_at <= now < self._told_at + TOLD_AGAIN_S:
            self._told_at = now
            log.warning("calls_beyond_limit", by=by, address=address, since_start=dict(self.over))

    def _has_room(self, found: dict[str, str], channel: str, most: int) -> bool:
        if channel in found or len(found) < most:
            return True
        for one in [one for one in found if one not in self._calls]:
            del found[one]
        return len(found) < most

    def _caller_has_room(self, tail: str, channel: str, number: str) -> bool:
        """Whether this caller has few calls, where others have the same last digits.

        Then the call is counted, by the whole number. Few come here, and it costs more.
        """
        caller = same_caller(number, self._country)
        if caller is None or caller in self._never:
            return True
        same, most = self._by_tail[tail], self.limits.at_once_per_number
        for one in [one for one in same if one not in self._calls and one != channel]:
            del same[one]
        there = sum(same_caller(one, self._country) == caller for one in same.values())
        if channel in same or there >= most:
            return channel in same
        self._shared.add(tail)
        if caller not in self._by_tail:
            self._tails += 1
        own = self._by_tail.setdefault(caller, {})
        if not self._has_room(own, channel, most - there):
            return False
        own[channel] = number
        return True

    def _tidy(self) -> None:
        """Forget the numbers and addresses of which no call lives."""
        for lists in (self._by_tail, self._by_address):
            for key, found in list(lists.items()):
                if not any(one in self._calls for one in found):
                    del lists[key]
        self._shared &= self._by_tail.keys()
        self._tails = len(self._by_tail)
        self._tidy_at = _KEPT + 2 * self._tails
        self._addresses_tidy_at = _KEPT + 2 * len(self._by_address)
