"""Judges what became of calls whose phones died, rebooted or lost their connection. Pure.

A phone that is gone without BYE is no operator who hangs up: its citizen waits for the next
operator, and nobody is offered a call at it until it is seen. A connection that is lost is no end
of a talk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from acd.calls.record import CallEvent, EventKind, LegRecord
from lab.storm.kinds import FATES
from lab.storm.lateness import Outage, Stall, in_outage, ran_s
from reports.calls import CallHistory

NOTICED_S = 3.0
"""Within so long, beside the setting for silent phones, the line knows that one is dead."""
LOST = "lost"
_FORGETS = {one.name for one in FATES if one.forgets}
_NEXT = (EventKind.QUEUED, EventKind.OFFERED, EventKind.ANSWERED, EventKind.JOINED, EventKind.ENDED)


class Trouble(msgspec.Struct, kw_only=True):
    """A phone was gone from `at` on, and was back and registered at `back_at`; epoch seconds.

    `talked`: it was in a talk. `failed`: why it has not come back.
    """

    phone: str
    fate: str
    at: float
    talked: bool = False
    back_at: float | None = None
    failed: str = ""


def lost_legs(
    troubles: Iterable[Trouble], calls: Sequence[CallHistory]
) -> Iterator[tuple[Trouble, CallHistory, LegRecord]]:
    """Find the citizens' talks in which a phone was when it was gone."""
    for trouble in troubles:
        for call in calls if trouble.talked else ():
            for leg in call.record.legs:
                at_it = leg.phone == trouble.phone and leg.joined_at <= trouble.at
                if at_it and trouble.at < _end(leg, call):
                    yield trouble, call, leg


def wrong(
    troubles: Sequence[Trouble],
    calls: Sequence[CallHistory],
    silence_s: float,
    outages: Sequence[Outage] = (),
    stalls: Sequence[Stall] = (),
) -> list[str]:
    """Say each thing that is wrong, one sentence each. `silence_s`: the setting of the line."""
    found = [
        f"the phone {one.phone} has not come back ({one.fate}): {one.failed or 'the storm is over'}"
        for one in troubles
        if one.back_at is None
    ]
    for trouble, call, leg in lost_legs(troubles, calls):
        end = _end(leg, call)
        if in_outage(trouble.at, end, outages):
            continue  # what happened meanwhile, the next engine learns otherwise
        who = f"the phone {leg.phone} of the call {call.record.call_id} ({trouble.fate})"
        if trouble.fate not in _FORGETS:
            if leg.reason == LOST:
                after_s = end - trouble.at
                found.append(f"{who} lost its talk {after_s:.1f} s after its connection")
            continue
        if (noticed_s := ran_s(trouble.at, end, stalls)) > silence_s + NOTICED_S:
            found.append(f"{who} was gone, and in the talk for {noticed_s:.1f} s more")
        found += (f"{who} {what}" for what in _of_citizen(call, leg))
        if leg.reason == LOST:  # else the citizen hung up before: nobody can know of the phone
            found += (f"{who} {what}" for what in _of_offers(trouble, end, calls, outages))
    return found


def _of_citizen(call: CallHistory, leg: LegRecord) -> Iterator[str]:
    """Whose operator's phone is gone waits again, or talks on with others, or hangs up."""
    if leg.reason == LOST:
        after = _after_left(call.events, leg.leg)
        others = [one for one in call.record.legs if one is not leg and _talked_beside(one, leg)]
        following = next((one for one in after if one.kind in _NEXT), None)
        ended = following is None or following.kind is EventKind.ENDED
        if ended and not others and call.record.ended_by != "caller":
            yield f"was lost, and its citizen let go ({call.record.ended_by})"
    elif leg.left_at is None and call.record.ended_by == "operator":
        yield "was gone, and the record says that the operator has hung up"


def _talked_beside(one: LegRecord, lost: LegRecord) -> bool:
    at = lost.left_at or 0.0
    return one.joined_at <= at and (one.left_at is None or one.left_at > at)


def _of_offers(
    trouble: Trouble, since: float, calls: Iterable[CallHistory], outages: Sequence[Outage]
) -> Iterator[str]:
    """A phone that is known to be dead is not rung before it is back."""
    until = trouble.back_at if trouble.back_at is not None else float("inf")
    for call in calls:
        for event in call.events:
            rung = event.kind is EventKind.OFFERED and event.data.get("phone") == trouble.phone
            if rung and since < event.at < until and not in_outage(since, event.at, outages):
                yield f"was offered the call {call.record.call_id} while it was away"


def _after_left(events: Sequence[CallEvent], leg: str) -> Sequence[CallEvent]:
    for index, event in enumerate(events):
        if event.kind is EventKind.LEFT and event.data.get("leg") == leg:
            return events[index + 1 :]
    return ()


def _end(leg: LegRecord, call: CallHistory) -> float:
    end = leg.left_at if leg.left_at is not None else call.record.ended_at
    return end if end is not None else float("inf")
