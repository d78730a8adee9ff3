"""The verdict on a fault: from what citizens, phones and records tell, what went wrong. Pure.

Each function says one sentence for each thing that should not be; none is a verdict of "held".
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

import msgspec

from acd.calls.record import CallEvent, CallRecord, CategorySource, EventKind
from lab.chaos.notes import FALLBACK, Note, times
from reports.calls import CallHistory

_SLACK_S = 0.1  # SIPp's notes of one message at its two ends
_OFFER_ENDS = (EventKind.OFFER_FAILED, EventKind.QUEUED)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What a fault has cost. `wrong`: a sentence for each thing that should not be.

    `late`: those of them that a machine which stood still may have made: broken time bounds, and
    that the scenario could not be played. `stalls_s`: for how long it stood still while the line
    was up. `spoiled`: how many plays were thrown away for that before this one.
    `calls_up`: calls at the moment of the fault; of several faults, the fewest. `lost`: citizens
    who wanted to be served and were not. `back_s`: from the fault to the first service, at worst;
    None if there was none. `records_missing`: calls without a whole record, or with two.
    """

    fault: str
    calls_up: int
    lost: int
    back_s: float | None
    records_missing: int
    held: bool
    seconds: float = 0.0
    details: dict[str, Any] = {}
    wrong: list[str] = []
    late: list[str] = []
    stalls_s: float = 0.0
    spoiled: int = 0

    @property
    def only_late(self) -> bool:
        """Whether it has not held, and nothing but time is to blame."""
        return not self.held and set(self.wrong) <= set(self.late)


def lost(citizens: Sequence[Note], phones: Sequence[Note]) -> list[str]:
    """Say who dialled and had no talk that an operator ended.

    A citizen of these plays never hangs up: who was not served was refused, forgotten or cut off.
    """
    served = Counter(note.citizen for note in phones if note.what == "over")
    ends = times(citizens, "over")
    talks_end = times(phones, "over")
    wrong = []
    for number in times(citizens, "dialled"):
        if not served[number]:
            wrong.append(f"{number} has had no talk that was brought to its end")
        elif number not in ends or ends[number] < talks_end[number] - _SLACK_S:
            wrong.append(f"the call of {number} ended before its talk did")
    return wrong


def cut_talks(phones: Sequence[Note], calls: Sequence[CallHistory]) -> tuple[list[str], int]:
    """Say whose talk was ended by neither side; and count answers that led to no talk.

    A phone that answers while no engine lives is hung up by Asterisk, and its citizen waits on:
    such an answer is in no record. A talk that is in one must be ended by one of its two sides.
    """
    begun: dict[tuple[str, str], float] = {}
    for note in sorted(phones, key=lambda one: one.at):
        if note.what == "talks":
            begun[note.citizen, note.phone] = note.at
        elif note.what == "over":
            begun.pop((note.citizen, note.phone), None)
    talks = {
        (one.record.caller_number, str(phone))
        for one in calls
        for phone in (one.record.phone, *(leg.phone for leg in one.record.legs))
        if one.record.operator_answered_at is not None
    }
    cut = [f"the talk of {who} at {phone} was cut" for who, phone in begun.keys() & talks]
    return cut, len(begun.keys() - talks)


def _offer_open(events: Iterable[CallEvent], at: float) -> bool | None:
    """Whether a call that waited at a moment was being offered; None if it did not wait."""
    waits = offered = False
    for event in events:
        if event.at > at:
            break
        if event.kind is EventKind.OFFERED:
            offered = True
        elif event.kind in _OFFER_ENDS:
            waits, offered = True, False
        elif event.kind in (EventKind.ANSWERED, EventKind.ENDED, EventKind.FALLBACK):
            return None
    return offered if waits else None


def _first(events: Iterable[CallEvent], kind: EventKind, after: float) -> float | None:
    return next((event.at for event in events if event.kind is kind and event.at > after), None)


def _unknown_at(record: CallRecord, at: float) -> bool:
    """Whether a citizen may have been on the line after a fault with nothing of it stored.

    Citizens of these plays press a key: who was never asked for one came while no engine served.
    """
    return record.category_source is CategorySource.NONE and at < (record.queued_at or at)


def out_of_turn(calls: Sequence[CallHistory], at: float) -> list[str]:
    """Say who waited at the moment of a fault and was offered later than one who came later.

    All categories of these plays have the same priority. Who was being offered at that moment had
    had their turn; and a citizen whom the dead engine had not stored yet goes before all others. So
    does who is silent, as are those whose key was pressed while no engine heard it.
    """
    waiting, others = [], []
    for one in calls:
        offered = _first(one.events, EventKind.OFFERED, at)
        if offered is None:
            continue
        state = _offer_open(one.events, at)
        if state is False:
            waiting.append((one.record, offered))
        if state is not True and not _unknown_at(one.record, at) and not one.record.silent:
            others.append((one.record, offered))
    return [
        f"{first.caller_number} came before {other.caller_number} and was offered later"
        for first, offered in waiting
        for other, sooner in others
        if other.arrived_at > first.arrived_at and sooner < offered
    ]


def passed(citizens: Sequence[Note], phones: Sequence[Note], by_s: float) -> list[tuple[str, str]]:
    """Return who was served although the next one had dialled more than `by_s` earlier.

    Pairs of numbers: the one who was served, and the one who came next.
    """
    dialled, talked = times(citizens, "dialled"), times(phones, "talks")
    order = sorted(talked.keys() & dialled.keys(), key=lambda who: talked[who])
    return [
        (one, other)
        for one, other in itertools.pairwise(order)
        if dialled[one] > dialled[other] + by_s
    ]


def back_s(calls: Sequence[CallHistory], phones: Sequence[Note], at: float) -> float | None:
    """Seconds from a fault to the first call that an engine has served since.

    Served: offered, and that phone rings; or connected with an operator who has answered. What is
    stored with a moment after `at` was done by an engine that lived then.
    """
    offers: dict[tuple[str, str], list[float]] = {}
    served: list[float] = []
    for one in calls:
        for event in one.events:
            if event.at <= at:
                continue
            if event.kind is EventKind.OFFERED:
                where = one.record.caller_number, str(event.data.get("phone"))
                offers.setdefault(where, []).append(event.at)
            elif event.kind is EventKind.ANSWERED:
                served.append(event.at)
    for note in phones:
        offered = offers.get((note.citizen, note.phone), ())
        if note.what == "rings" and note.at > at and note.shown != FALLBACK:
            served += [note.at for offer in offered if offer <= note.at + _SLACK_S]
    return min(served) - at if served else None


def longest_gap(moments: Sequence[float], since: float, until: float) -> float | None:
    """The longest time without a packet between two moments; None if nothing was heard there."""
    inside = [at for at in moments if since <= at <= until]
    if not inside:
        return None
    edges = [max(since, moments[0]), *inside, min(until, moments[-1])]
    return max(after - before for before, after in itertools.pairwise(edges))


def delays(
    citizens: Sequence[Note], phones: Sequence[Note], since: float, until: float
) -> tuple[float, float] | None:
    """Medians of who dialled in a time, in seconds: to the answer, and to a phone that rings."""
    answered, rings = times(citizens, "answered"), times(phones, "rings")
    dialled = {who: at for who, at in times(citizens, "dialled").items() if since <= at < until}
    to_answer = [answered[who] - at for who, at in dialled.items() if who in answered]
    to_ring = [rings[who] - at for who, at in dialled.items() if who in rings]
    if not to_answer or not to_ring:
        return None
    return median(to_answer), median(to_ring)


def later(
    before: tuple[float, float] | None, during: tuple[float, float] | None, limit_s: float
) -> list[str]:
    """Say if citizens waited longer during a fault than before it; medians as of `delays`.

    What was not measured is not late.
    """
    if before is None or during is None:
        return []
    return [
        f"{what} came {(after - first) * 1000:.0f} ms later than before"
        for what, first, after in zip(("the answer", "the ringing"), before, during, strict=True)
        if after - first > limit_s
    ]
