"""How late an operator's state was right: busy with a call that was over for them. Pure.

Of a delay only the time counts in which the machine ran: while it stood still nobody was late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from acd.calls.record import CallEvent, EventKind, LegRecord
from reports.calls import CallHistory

BUSY = ("offered", "talking", "holding")
AT_ONCE_S = 0.5  # who has talked so shortly has helped nobody, and has nothing to wrap up
NEVER_MS = 1_000_000
AFTER_S = 1.0  # an engine that has begun to serve still asks Asterisk who has gone meanwhile
_ENDS = (EventKind.LEFT, EventKind.OFFER_FAILED)


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """The engine was killed at `since`, and another one served from `until` on; epoch seconds.

    `why`: "random", or the moment that was chosen (`lab.storm.kills`), in which `item` was.
    """

    since: float
    until: float
    why: str
    item: str = ""


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator does from `at` on, as the line keeps it; epoch seconds."""

    operator: str
    at: float
    state: str
    call_id: str | None = None


Stall = tuple[float, float]
"""When the machine stood still: begin and end, epoch seconds; no two overlap."""


def ran_s(begin: float, end: float, stalls: Iterable[Stall]) -> float:
    """For how many seconds from `begin` to `end` the machine has run."""
    still = (min(end, until) - max(begin, since) for since, until in stalls)
    return end - begin - sum(one for one in still if one > 0)


def in_outage(begin: float, end: float, outages: Iterable[Outage]) -> bool:
    """Whether some of this time fell into an outage, or into the second after it."""
    return any(one.since <= end and begin <= one.until + AFTER_S for one in outages)


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """An operator who was busy with a call at some moment between `asked` and `told`."""

    operator: str
    call: str
    state: str
    asked: float
    told: float


def late_as_seen(
    seen: Iterable[Sighting],
    calls: Iterable[CallHistory],
    outages: Sequence[Outage] = (),
    stalls: Sequence[Stall] = (),
) -> int:
    """Return for how many milliseconds, at worst, an operator was seen busy with what was over.

    What is seen once in a period may have lasted by a period longer. While no engine served, or a
    moment after, nobody was late.
    """
    events = {one.record.call_id: one.events for one in calls}
    late = (
        ran_s(over, one.asked, stalls)
        for one in seen
        if (over := _over_since(events.get(one.call, ()), one)) is not None
        and not in_outage(over, one.asked, outages)
    )
    return round(max(late, default=0.0) * 1000)


def _over_since(events: Sequence[CallEvent], seen: Sighting) -> float | None:
    """Since when the call was over for the operator; None if it was not, or was none of a citizen.

    The operator has the call from the first offer until no leg of theirs is left.
    """
    legs: set[str] = set()
    over = None
    for event in events:
        if event.at > seen.told:
            break
        mine = event.data.get("operator") == seen.operator
        leg = str(event.data.get("leg"))
        if event.kind is EventKind.ENDED or (mine and event.kind in _ENDS):
            had = bool(legs)
            legs = set() if event.kind is EventKind.ENDED else legs - {leg}
            if had and not legs:
                over = event.at
        elif mine and event.kind in (EventKind.OFFERED, EventKind.ANSWERED, EventKind.JOINED):
            legs.add(leg)
            over = None
    return over if over is not None and over < seen.asked else None


def late_as_kept(
    wrap_ups: Mapping[str, Sequence[float]],
    calls: Iterable[CallHistory],
    outages: Sequence[Outage] = (),
    stalls: Sequence[Stall] = (),
    talked_on: Mapping[str, float] = MappingProxyType({}),
) -> int:
    """Return by how many milliseconds, at worst, a wrap-up began beside the end of its talk.

    `wrap_ups`: when the wrap-ups of each operator began. A talk that ended in an outage has one
    whenever the next engine knows of it. `talked_on`: until when the operator of a leg talked on
    with an agency after the citizen had gone (`talks_on`).
    """
    late = (
        min(
            (ran_s(min(at, end), max(at, end), stalls) for at in wrap_ups.get(leg.operator, ())),
            default=None,
        )
        for one in calls
        for leg in one.record.legs
        if leg.operator is not None
        and (end := _end(leg, one, talked_on)) is not None
        and end - leg.joined_at >= AT_ONCE_S
        and not in_outage(end - AFTER_S, end, outages)
    )
    return max((NEVER_MS if one is None else round(one * 1000) for one in late), default=0)


def _end(leg: LegRecord, call: CallHistory, talked_on: Mapping[str, float]) -> float | None:
    end = leg.left_at if leg.left_at is not None else call.record.ended_at
    return talked_on.get(leg.leg, end) if _has_an_agency(call) else end


def _has_an_agency(call: CallHistory) -> bool:
    """Whether an agency was rung or in the talk when the citizen's call ended."""
    legs: set[str] = set()
    for event in call.events:
        leg = str(event.data.get("leg"))
        if event.kind in _ENDS:
            legs.discard(leg)
        elif event.kind is EventKind.OFFERED and event.data.get("operator") is None:
            legs.add(leg)
    return bool(legs)


def talks_on(states: Iterable[StateChange]) -> dict[str, float]:
    """Return until when operators talked on, by the legs that they had in the citizen's call.

    `states`: of all operators, each one's in their order. While an operator talks on, the state is
    `calling`, with that leg.
    """
    until: dict[str, float] = {}
    leg: dict[str, str] = {}  # by the operator
    for one in states:
        if one.operator in leg:
            until[leg.pop(one.operator)] = one.at
        if one.state == "calling" and one.call_id:
            leg[one.operator] = one.call_id
    return until
