"""A past time of the line, played again from what was kept: who waited, who talked, the totals.

Pure: what happened is added in parts, and played up to a moment. A call's record is the fold of its
events, as everywhere, and is counted once its last event is played; so at the end the totals are
those of `reports.summary` for the same time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import heappop, heappush
from typing import Any

import msgspec

from acd.calls.record import REFUSED, CallEvent, CallRecord, EventKind, apply
from acd.calls.states import Stage
from acd.operators.operator import Status
from acd.operators.states import State
from reports.figures import SHORT_S, Figures
from reports.figures_count import COUNTED_OF, Tally, takers
from reports.operator_times import Change

MOST_WAITING = 50

_MOMENTS = {"arrived_at", "operator_answered_at", "ended_at"}
_WAITING = (Stage.QUEUED, Stage.RINGING)
_STAGES = {
    EventKind.ARRIVED: Stage.MENU,
    EventKind.INFORMATION_STARTED: Stage.INFORMATION,
    EventKind.QUEUED: Stage.QUEUED,
    EventKind.OFFERED: Stage.RINGING,
    EventKind.RINGING: Stage.RINGING,
    EventKind.ANSWERED: Stage.TALKING,
    EventKind.JOINED: Stage.TALKING,
    EventKind.FALLBACK: Stage.CLAIMED,
    EventKind.ENDED: Stage.ENDED,
}


class _Played:
    """A call as far as it is played."""

    def __init__(self, events: Sequence[CallEvent]) -> None:
        self.record = CallRecord(call_id=events[0].call_id)
        self.stage = Stage.CLAIMED
        self._rest = iter(events)
        self.next: CallEvent | None = next(self._rest, None)

    def play(self) -> CallEvent:
        """Let the next event happen, and return it."""
        event = self.next
        assert event is not None
        apply(self.record, event)
        stage = _STAGES.get(event.kind, self.stage)
        if event.kind is EventKind.OFFER_FAILED and not event.data.get("ringing"):
            stage = Stage.QUEUED if self.stage is Stage.RINGING else self.stage
        talks = self.stage is Stage.TALKING and self.record.operator_answered_at is not None
        if talks and stage is Stage.RINGING:
            stage = Stage.TALKING  # it rings for a transfer
        self.stage = stage
        self.next = next(self._rest, None)
        return event


class Replayed:
    """The line at the moment up to which it is played. `names`: of operators, by id."""

    def __init__(self, names: dict[str, str], short_s: float = SHORT_S) -> None:
        self._names, self._short_s = names, short_s
        self._counted = Tally()  # of calls to which nothing happens any more
        self._due: list[tuple[float, str]] = []  # when the next event of a call is
        self._calls: dict[str, _Played] = {}
        self._changes: list[tuple[int, int, Change]] = []
        self._added = 0
        self._people: dict[str, tuple[Change, int]] = {}  # and since when it does that
        self._taken: Counter[str] = Counter()

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to be played of the calls that were added."""
        return not self._due

    def add(self, calls: Iterable[Sequence[CallEvent]], changes: Iterable[Change]) -> None:
        """Add what happened next: all events of each call, and the changes of operators."""
        for events in calls:
            if not events:
                continue
            one = self._calls[events[0].call_id] = _Played(events)
            self._await(one, 0.0)
        for change in changes:
            self._added += 1  # those of one moment stay in their order
            heappush(self._changes, (change.at, self._added, change))

    def play(self, until: float) -> None:
        """Let all happen up to a moment, in seconds since the epoch."""
        while self._due and self._due[0][0] <= until:
            at, call_id = heappop(self._due)
            one = self._calls[call_id]
            self._count_taken(one.play())
            self._await(one, at)
        while self._changes and self._changes[0][0] <= until * 1000:
            _, _, change = heappop(self._changes)
            before, since = self._people.get(change.operator, (None, change.at))
            same = before is not None and _does(before) == _does(change)
            self._people[change.operator] = change, since if same else change.at

    def figures(self) -> Figures:
        """Compute the figures of all calls that have begun."""
        tally = Tally()
        tally.merge(self._counted)
        _count(tally, [one.record for one in self._begun()])
        return tally.figures(self._short_s)

    def snapshot(self, now: float, at: str) -> dict[str, Any]:
        """Return what a board shows; the parts have the form of those that the engine pushes."""
        waiting = sorted(
            (one for one in self._begun() if one.stage in _WAITING),
            key=lambda one: (one.record.queued_at or now, one.record.call_id),
        )
        waits = [now - (one.record.queued_at or now) for one in waiting]
        categories: dict[str, list[float]] = defaultdict(list)
        for one, wait in zip(waiting, waits, strict=True):
            categories[one.record.category or ""].append(wait)
        figures, stages = self.figures(), Counter(one.stage.value for one in self._begun())
        return {
            "at": at,
            "queue": {"length": len(waiting), "longest_wait_s": max(waits, default=0.0)},
            "calls": dict(stages),
            "operators": self._counts(),
            "categories": [
                {"category": name, "waiting": len(some), "longest_wait_s": max(some)}
                for name, some in sorted(categories.items())
            ],
            "waiting": [
                # who calls is no part of a replay, which leaves no line in the access trail
                {
                    "id": one.record.call_id,
                    "kind": "call",
                    "category": one.record.category or "",
                    "caller": "",
                    "wait_s": wait,
                }
                for one, wait in list(zip(waiting, waits, strict=True))[:MOST_WAITING]
            ],
            "people": [self._person(name, now) for name in sorted(self._people)],
            **totals(figures),
        }

    def _begun(self) -> Iterator[_Played]:
        return (one for one in self._calls.values() if one.record.events)

    def _await(self, one: _Played, now: float) -> None:
        """Wait for a call's next event; without one its record is as it will stay."""
        if one.next is not None and one.record.ended_at is None:
            # what the fallback tells later is of before; the order of a call's events counts
            heappush(self._due, (max(now, one.next.at), one.record.call_id))
            return
        while one.next is not None:  # as that it was erased: nobody watches for a month
            self._count_taken(one.play())
        del self._calls[one.record.call_id]
        _count(self._counted, [one.record])

    def _count_taken(self, event: CallEvent) -> None:
        who = event.data.get("operator")
        if who and event.kind in (EventKind.ANSWERED, EventKind.JOINED):
            self._taken[who] += 1
        elif who and event.kind is EventKind.LEFT and event.data.get("reason") == REFUSED:
            self._taken[who] -= 1

    def _counts(self) -> dict[str, dict[str, int]]:
        people = [change for change, _ in self._people.values()]
        status = Counter(one.status for one in people)
        state = Counter(one.state for one in people if one.status != Status.LOGGED_OUT)
        return {
            "status": {one.value: status[one.value] for one in Status},
            "state": {one.value: state[one.value] for one in State},
        }

    def _person(self, name: str, now: float) -> dict[str, Any]:
        change, since = self._people[name]
        return {
            "id": name,
            "name": self._names.get(name, ""),
            "status": change.status,
            "state": change.state,
            "for_s": max(0.0, now - since / 1000),
            "pause_reason": change.pause_reason,
            "phone": "",
            "device": None,
            "call": None,
            "text": None,
            "calls_taken": self._taken[name],
        }


def totals(figures: Figures) -> dict[str, Any]:
    """Return the totals that a board shows under the line; per cents and seconds as texts."""
    names = ("offered", "live", "answered", "information", "fallback")
    lost = ("lost_menu", "lost_queue", "lost_ringing", "lost_fallback")
    return {
        "totals": {name: getattr(figures, name) for name in (*names, *lost)},
        "within": {
            "ten": _tenth(figures.within_10s_percent),
            "twenty": _tenth(figures.within_20s_percent),
            "p50": _seconds(figures.answer_p50_ms),
            "p95": _seconds(figures.answer_p95_ms),
        },
    }


def _does(one: Change) -> tuple[str, str, str | None]:
    return one.status, one.state, one.pause_reason


def _tenth(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.1f}"


def _seconds(ms: int | None) -> str:
    return "-" if ms is None else f"{ms / 1000:.1f}"


def _count(tally: Tally, records: Sequence[CallRecord]) -> None:
    """Count records as `reports.summary` counts their rows."""
    columns: list[list[Any]] = [[getattr(one, name) for one in records] for name in COUNTED_OF]
    for n, name in enumerate(COUNTED_OF):
        if name in _MOMENTS:
            columns[n] = [None if at is None else _moment(at) for at in columns[n]]
    tally.add(columns)
    for one in records:
        tally.taken += len(list(takers([msgspec.to_builtins(leg) for leg in one.legs])))


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(round(at, 6), UTC)
