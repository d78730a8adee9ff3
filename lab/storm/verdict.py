"""The verdict on a storm: from what is kept and what is left, the numbers. Pure.

Every number counts what should not be; a storm that was held has zeros, and its worst wrap-up is
within half a second of its setting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from acd.calls.record import fold
from lab.storm.lateness import (
    NEVER_MS,
    Outage,
    Sighting,
    Stall,
    StateChange,
    in_outage,
    late_as_kept,
    late_as_seen,
    ran_s,
    talks_on,
)
from reports.calls import CallHistory

WRAP_UP_LIMIT_MS = 500
STATE_LATE_LIMIT_MS = 1000
_MICROSECONDS = 5e-6
_NO_END = (None, "line_stopped", "unknown")
_NO_END_IN_OUTAGES = (None, "line_stopped")
"""Nobody knows who has hung up while no engine served."""


class OperatorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `operator_events`."""

    operator: str
    at: float
    kind: str
    reason: str | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known after a storm.

    `offered`: the number of each call that SIPp made. `operators`, `phones`: as the API tells.
    `channels`, `bridges`: how many Asterisk holds. `engine_errors`: events that failed in the
    engine. `refers_accepted`: REFERs of citizens that were not refused. `events`: of operators,
    in their order. `seen`: who was busy with what, as the API told during the storm. `complaints`:
    lines of the logs that should not be there; `late_answers`: those by which the database was
    late. `outages`: when the engine was killed. `stalls`: when the machine stood still. `states`:
    what operators did, in their order.
    `callbacks`: what is wrong with them (`lab.storm.ledger`), one sentence each; `incidents`: with
    those (`lab.storm.incidents`), `phones_wrong`: with phones that were gone (`lab.storm.frailty`).
    """

    offered: Sequence[str]
    calls: Sequence[CallHistory]
    operators: Sequence[Mapping[str, Any]]
    phones: Sequence[Mapping[str, Any]]
    channels: int
    bridges: int
    engine_errors: int
    refers_accepted: int
    events: Sequence[OperatorEvent]
    seen: Sequence[Sighting] = ()
    complaints: Sequence[str] = ()
    late_answers: Sequence[str] = ()
    outages: Sequence[Outage] = ()
    stalls: Sequence[Stall] = ()
    states: Sequence[StateChange] = ()
    callbacks: Sequence[str] = ()
    incidents: Sequence[str] = ()
    phones_wrong: Sequence[str] = ()

    def missing(self) -> list[str]:
        """What is wrong with the records, one sentence each."""
        return missing(self.offered, self.calls, _NO_END_IN_OUTAGES if self.outages else _NO_END)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers by which a storm is judged.

    `state_late_worst_ms`: how long, at worst, an operator was seen busy with what was over; the
    API is asked about once a second, so it may have lasted by a second longer. `database_late`: how
    often the database did not answer an engine in time.
    """

    stuck_operators: int
    orphan_channels: int
    orphan_bridges: int
    records_missing: int
    wrapup_worst_ms: int
    state_late_worst_ms: int
    refers_accepted: int
    engine_errors: int
    complaints: int
    callbacks_wrong: int = 0
    incidents_wrong: int = 0
    phones_wrong: int = 0
    database_late: int = 0

    @property
    def held(self) -> bool:
        """The line has held the storm."""
        return not self.lost and not self.late()

    @property
    def lost(self) -> bool:
        """Whether something is wrong that has nothing to do with time."""
        counts = (
            self.stuck_operators,
            self.orphan_channels,
            self.orphan_bridges,
            self.records_missing,
            self.refers_accepted,
            self.engine_errors,
            self.complaints,
            self.callbacks_wrong,
            self.incidents_wrong,
            self.phones_wrong,
        )
        # a wrap-up that is missing is not late
        return any(counts) or self.state_late_worst_ms >= NEVER_MS

    @property
    def only_late(self) -> bool:
        """Whether it has not held, and nothing but time is to blame."""
        return not self.held and not self.lost

    def late(self) -> list[str]:
        """Say which time bounds were broken."""
        bounds = (
            ("a wrap-up was", "from its setting", self.wrapup_worst_ms, WRAP_UP_LIMIT_MS),
            ("an operator's state was", "late", self.state_late_worst_ms, STATE_LATE_LIMIT_MS),
        )
        late = [
            f"{what} {worst} ms {how}; {limit} ms are allowed"
            for what, how, worst, limit in bounds
            if worst > limit
        ]
        if self.database_late:
            late.append(f"the database did not answer in time {self.database_late} times")
        return late


def judge(facts: Facts) -> Verdict:
    """Compute the numbers."""
    when = facts.outages, facts.stalls
    worst, unended = wrap_ups(facts.events, *when)
    late = max(
        late_as_seen(facts.seen, facts.calls, *when),
        late_as_kept(
            _wrap_ups_of(facts.events), facts.calls, *when, talked_on=talks_on(facts.states)
        ),
    )
    return Verdict(
        stuck_operators=len(stuck(facts.operators, facts.phones) | unended),
        orphan_channels=facts.channels,
        orphan_bridges=facts.bridges,
        records_missing=len(facts.missing()),
        wrapup_worst_ms=worst,
        state_late_worst_ms=late,
        refers_accepted=facts.refers_accepted,
        engine_errors=facts.engine_errors,
        complaints=len(facts.complaints),
        callbacks_wrong=len(facts.callbacks),
        incidents_wrong=len(facts.incidents),
        phones_wrong=len(facts.phones_wrong),
        database_late=len(facts.late_answers),
    )


def stuck(operators: Sequence[Mapping[str, Any]], phones: Sequence[Mapping[str, Any]]) -> set[str]:
    """Name the operators who do something although no call is left, or whose phone is not free."""
    devices = {phone["number"]: phone["device"] for phone in phones}
    return {
        one["id"]
        for one in operators
        if one["state"] != "idle"
        or one["call"] is not None
        or devices.get(one["phone"] or one["home_phone"]) != "free"
    }


def missing(
    offered: Sequence[str], calls: Sequence[CallHistory], no_end: Collection[str | None] = _NO_END
) -> list[str]:
    """Say each thing that is wrong with the records, one sentence for one call.

    `no_end`: what `ended_by` must not be.
    """
    called = Counter(offered)
    kept = Counter(one.record.caller_number for one in calls if one.record.callback_of is None)
    wrong = [f"the call of {number} has no record" for number in (called - kept).elements()]
    wrong += [f"a record of {number} has no call" for number in (kept - called).elements()]
    for one in calls:
        record = one.record
        if record.ended_at is None or record.ended_by in no_end or record.outcome is None:
            wrong.append(f"the record {record.call_id} has no end ({record.ended_by})")
        elif different := _differences(fold(record.call_id, one.events).row(), record.row()):
            what = f"the record {record.call_id} is not what its events say"
            wrong.append(f"{what} ({', '.join(different)})")
    return wrong


def _differences(told: Mapping[str, object], kept: Mapping[str, object]) -> list[str]:
    """Name the fields that are not alike, with what the record has and what its events say."""
    return [
        f"{name}: {kept.get(name)!r}, by its events {told.get(name)!r}"
        for name in {**told, **kept}
        if (name in told) != (name in kept) or not _alike({name: told[name]}, {name: kept[name]})
    ]


def _alike(one: object, other: object) -> bool:
    """Equal, but for a millisecond, and a microsecond of a moment.

    The database keeps times to the microsecond, so what is computed anew may be rounded otherwise.
    """
    match one, other:
        case float(), float():
            return abs(one - other) < _MICROSECONDS
        case list(), list():
            return len(one) == len(other) and all(map(_alike, one, other))
        case dict(), dict():
            return one.keys() == other.keys() and all(
                _close(one[name], other[name])
                if name.endswith("_ms")
                else _alike(one[name], other[name])
                for name in one
            )
        case _:
            return one == other


def _close(one: int | None, other: int | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) <= 1)


def _wrap_ups_of(events: Sequence[OperatorEvent]) -> dict[str, list[float]]:
    begun: dict[str, list[float]] = {}
    for event in events:
        if event.kind == "wrap_up":
            begun.setdefault(event.operator, []).append(event.at)
    return begun


def wrap_ups(
    events: Sequence[OperatorEvent],
    outages: Sequence[Outage] = (),
    stalls: Sequence[Stall] = (),
) -> tuple[int, set[str]]:
    """Return by how much the worst wrap-up missed its setting, and whose never ended.

    Only the time counts in which the machine ran. One that the operator ended early has no setting
    to keep, nor has one during an outage.
    """
    worst = 0.0
    begun: dict[str, OperatorEvent] = {}
    unended: set[str] = set()
    for event in events:
        if event.kind == "wrap_up":
            if event.operator in begun:
                unended.add(event.operator)
            begun[event.operator] = event
        elif event.kind == "wrap_up_end":
            start = begun.pop(event.operator, None)
            if start is None:
                unended.add(event.operator)
            elif event.reason == "done" and not in_outage(start.at, event.at, outages):
                due = start.at + float(start.reason or 0)
                worst = max(worst, ran_s(min(due, event.at), max(due, event.at), stalls))
    return round(worst * 1000), unended | set(begun)
