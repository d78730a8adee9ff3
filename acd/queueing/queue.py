"""The queue: waiting calls in the order in which they are served, and what decides that order."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge
from typing import NamedTuple

from acd.calls.call import Call
from acd.rules.rules import Rules

Key = tuple[int, float, float, str]
Lane = tuple[int, str, str, float]  # tier, category, language, head start
_AGED: Lane = (0, "", "", 0.0)  # to anybody: what they are about makes no difference


def head_start(call: Call, rules: Rules) -> float:
    """The priority of a call: it is served as if it had arrived so many seconds earlier."""
    seconds = rules.category(call.record.category).head_start_s
    if call.resource_priority:  # of several the best counts (RFC 4412); the dialplan writes /
        named = call.resource_priority.lower().replace("/", ",").split(",")
        seconds += max(rules.resource_priority.get(name.strip(), 0.0) for name in named)
    if call.callback:
        seconds += rules.callback_head_start_s
    if call.silent:
        seconds += rules.silent_head_start_s
    if call.waits_since is not None and call.waits_since > call.record.arrived_at:
        seconds += rules.handed_over_head_start_s
    return seconds


def cap_at(call: Call, rules: Rules) -> float:
    """When a call has waited so long that it is served before all others, and by anybody."""
    return (call.waits_since or call.record.arrived_at) + rules.category(call.record.category).cap_s


def service_key(call: Call) -> Key:
    """Sort key of a waiting call: who is beyond the cap, by arrival; then all others, by arrival
    with their head start. The arrival of who dials again is that of the first call (`redials`), of
    who was handed to a category the moment of that.

    The key of a call changes only by `WaitingQueue.age`. A call passes another by at most its head
    start, so none is passed for longer than the largest of them; or, where caps differ, by the
    difference of the caps.
    """
    arrived = call.waits_since or call.record.arrived_at
    if call.aged:
        return (0, arrived, arrived, call.id)
    # the arrival once more: with a head start, two that are almost equal may become equal
    return (1, arrived - call.head_start_s, arrived, call.id)


def lane_of(call: Call) -> Lane:
    """The lane of a waiting call: its neighbours may be served by the same operators as itself.

    In a lane all wait by arrival, so whoever may serve one may serve all before it (circles widen
    with the waiting time): if nobody may serve the first, the lane can be skipped as a whole.
    """
    if call.aged:
        return _AGED
    return (1, call.record.category or "", call.record.language, call.head_start_s)


class _Place(NamedTuple):
    call: Call
    lane: Lane
    key: Key


class WaitingQueue:
    """Waiting calls, sorted by `service_key`; a call that comes back gets its old place.

    What a call is sorted by is read when it is added: to change it, take the call out first.
    """

    def __init__(self) -> None:
        self.places: dict[str, _Place] = {}  # by the call's id, in no order of service
        self._lanes: dict[Lane, list[Key]] = {}

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Call]:
        """Iterate over the calls, the next one to be served first."""
        return self._calls(merge(*self._lanes.values()))

    def __contains__(self, call: Call) -> bool:
        return call.id in self.places

    def lanes(self) -> list[Iterator[Call]]:
        """Return every lane that is not empty, its calls in the order of service."""
        return [self._calls(iter(keys)) for keys in self._lanes.values()]

    def add(self, call: Call) -> int:
        """Put a call in its place; returns its position, counted from 1."""
        place = self.places.get(call.id)
        if place is None:
            place = self.places[call.id] = _Place(call, lane_of(call), service_key(call))
            insort(self._lanes.setdefault(place.lane, []), place.key)
        return self._before(place.key) + 1

    def remove(self, call: Call) -> bool:
        """Take a call out; False if it was not in the queue."""
        place = self.places.pop(call.id, None)
        if place is None:
            return False
        keys = self._lanes[place.lane]
        del keys[bisect_left(keys, place.key)]
        if not keys:
            del self._lanes[place.lane]
        return True

    def position(self, call: Call) -> int | None:
        """How many are served up to and with this call; None if it does not wait."""
        place = self.places.get(call.id)
        return None if place is None else self._before(place.key) + 1

    def age(self, call: Call) -> None:
        """A call is beyond its cap: from now on it goes before all that are not."""
        waiting = self.remove(call)
        call.aged = True
        if waiting:
            self.add(call)

    def _before(self, key: Key) -> int:
        return sum(bisect_left(keys, key) for keys in self._lanes.values())

    def _calls(self, keys: Iterator[Key]) -> Iterator[Call]:
        return (self.places[key[-1]].call for key in keys)
