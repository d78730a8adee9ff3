"""The queue: who and what waits, in the order of service, and what decides that order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from acd.calls.call import Call
from acd.queueing.waiting import Waiting
from acd.rules.rules import Rules

Key = tuple[int, float, float, str]
Lane = tuple[int, str, str, float, bool]  # tier, category, language, head start, whether a text
_AGED: Lane = (0, "", "", 0.0, False)  # to anybody: what they are about makes no difference


def head_start(call: Call, rules: Rules) -> float:
    """The priority of a call: it is served as if it had arrived so many seconds earlier.

    Below 0 for who is a nuisance (`acd.numbers.nuisance`) until an operator has spoken with them:
    such a call counts as having arrived later, whatever it is about and whatever they press. So it
    is, with its other priority added, for a call that is beyond the limit of its number or address
    (`acd.queueing.calls_at_once`).
    """
    if call.record.nuisance is not None and call.record.operator_answered_at is None:
        return -rules.nuisance.behind_s
    seconds = rules.category(call.record.category).head_start_s
    if call.behind and call.record.operator_answered_at is None:
        seconds -= rules.caller_limits.behind_s
    if call.resource_priority:  # of several the best counts (RFC 4412); the dialplan writes /
        named = call.resource_priority.lower().replace("/", ",").split(",")
        seconds += max(rules.resource_priority.get(name.strip(), 0.0) for name in named)
    if call.silent:
        seconds += rules.silent_head_start_s
    if call.waits_since is not None and call.waits_since > call.record.arrived_at:
        seconds += rules.handed_over_head_start_s
    return seconds


def cap_at(one: Waiting, rules: Rules) -> float:
    """When something has waited so long that it is served before all others, and by anybody."""
    cap_s = one.cap_s
    if cap_s is None:
        cap_s = rules.category(one.category).cap_s
    if one.head_start_s < 0:
        cap_s -= one.head_start_s  # it counts from when it counts as having arrived
    return one.waits_from + cap_s


def service_key(one: Waiting) -> Key:
    """Sort key of what waits: who is beyond the cap, by arrival; then all others, by arrival
    with their head start. The arrival of who dials again is that of the first call (`redials`), of
    who was handed to a category the moment of that.

    The key of a call changes only by `WaitingQueue.age`. A call passes another by at most its head
    start, so none is passed for longer than the largest of them; or, where caps differ, by the
    difference of the caps. A head start below 0 is a later arrival, also beyond the cap: so such a
    call is passed by who comes up to so much later, and never by anybody else.
    """
    arrived = one.waits_from
    if one.aged:
        late = arrived - one.head_start_s if one.head_start_s < 0 else arrived
        return (0, late, arrived, one.id)
    # the arrival once more: with a head start, two that are almost equal may become equal
    return (1, arrived - one.head_start_s, arrived, one.id)


def lane_of(one: Waiting) -> Lane:
    """The lane of what waits: its neighbours may be served by the same operators as itself.

    In a lane all wait by arrival, so whoever may serve one may serve all before it (circles widen
    with the waiting time): if nobody may serve the first, the lane can be skipped as a whole. So a
    text, which fewer operators may serve, has a lane apart from calls; it never ages.
    """
    if one.aged:
        return _AGED
    return (1, one.category or "", one.language, one.head_start_s, one.is_text)


class _Place(NamedTuple):
    one: Waiting
    lane: Lane
    key: Key


class WaitingQueue:
    """Calls and work items, sorted by `service_key`; what comes back gets its old place.

    What they are sorted by is read when they are added: to change it, take them out first.
    """

    def __init__(self) -> None:
        self.places: dict[str, _Place] = {}  # by their ids, in no order of service
        self._lanes: dict[Lane, list[Key]] = {}

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Waiting]:
        """Iterate over all, the next one to be served first."""
        return self._of(merge(*self._lanes.values()))

    def __contains__(self, one: Waiting) -> bool:
        return one.id in self.places

    def lanes(self) -> list[Iterator[Waiting]]:
        """Return every lane that is not empty, in the order of service."""
        return [self._of(iter(keys)) for keys in self._lanes.values()]

    def add(self, one: Waiting) -> int:
        """Put a call or an item in its place; returns its position, counted from 1."""
        place = self.places.get(one.id)
        if place is None:
            place = self.places[one.id] = _Place(one, lane_of(one), service_key(one))
            insort(self._lanes.setdefault(place.lane, []), place.key)
        return self._before(place.key) + 1

    def remove(self, one: Waiting) -> bool:
        """Take it out; False if it was not in the queue."""
        place = self.places.pop(one.id, None)
        if place is None:
            return False
        keys = self._lanes[place.lane]
        del keys[bisect_left(keys, place.key)]
        if not keys:
            del self._lanes[place.lane]
        return True

    def position(self, one: Waiting) -> int | None:
        """How many are served up to and with this one; None if it does not wait."""
        place = self.places.get(one.id)
        return None if place is None else self._before(place.key) + 1

    def age(self, one: Waiting) -> None:
        """It is beyond its cap: from now on it goes before all that are not."""
        waiting = self.remove(one)
        one.aged = True
        if waiting:
            self.add(one)

    def _before(self, key: Key) -> int:
        return sum(bisect_left(keys, key) for keys in self._lanes.values())

    def _of(self, keys: Iterator[Key]) -> Iterator[Waiting]:
        return (self.places[key[-1]].one for key in keys)
