"""Calls with all their events, as a day of a line has them, for tests of the reports."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from acd.calls.record import CallEvent, CallRecord, EventKind, fold
from models.tables import CallEventRow, CallRow
from models.writing import upsert

E = EventKind
DAY = datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=7)))
"""The day of the calls, Monday 23 November 2026 in Malang."""


class _Story:
    """The events of one call."""

    def __init__(self, call_id: str, at: float) -> None:
        self.call_id, self.at = call_id, at
        self.events: list[CallEvent] = []

    def then(self, after: float, kind: EventKind, **data: Any) -> None:
        self.at += after
        seq = len(self.events) + 1
        self.events.append(
            CallEvent(call_id=self.call_id, seq=seq, at=self.at, kind=kind, data=data)
        )


def calls_of_a_day(count: int, seed: int = 112) -> list[list[CallEvent]]:
    """The events of so many calls, spread over the day: of each kind there is."""
    lot = Random(seed)
    return [_call(n, 86_400 * (n + lot.random()) / count, lot) for n in range(count)]


def _call(n: int, after: float, lot: Random) -> list[CallEvent]:
    story = _Story(f"c{n:05}", DAY.timestamp() + after)
    about: dict[str, Any] = {"asterisk_id": f"{n}.1", "caller_number": f"0812{n:06}"}
    kind = lot.choice(("menu", "queue", "ringing", "test", "callback", *("answered",) * 10))
    if kind == "test":
        about["test"] = "alaw"
    if kind == "callback":
        about["callback_of"] = f"c{n - 1:05}"
    story.then(0, E.ARRIVED, called_number="112", language="id", **about)
    end: dict[str, Any] = {"ended_by": "caller", "hangup_cause": 16}
    if kind in ("menu", "test"):
        story.then(lot.uniform(1, 9), E.ENDED, **end)
        return story.events
    category = lot.choice(("police", "fire", "power"))
    story.then(lot.uniform(2, 9), E.MENU_DONE, category=category, category_source="menu")
    story.then(0.01, E.QUEUED, category=category, position=1)
    if kind == "queue":
        story.then(lot.uniform(1, 60), E.ENDED, **end)
        return story.events
    leg = {"operator": f"100{lot.randrange(1, 4)}", "phone": "101", "leg": f"a{n}"}
    story.then(lot.expovariate(1 / 5), E.OFFERED, **leg)
    if kind != "ringing":
        story.then(lot.uniform(1, 6), E.ANSWERED, **leg)
        if lot.random() < 0.2:
            story.then(5, E.HELD, **leg)
            story.then(8, E.RESUMED, **leg, held_ms=8000)
        if lot.random() < 0.2:
            story.then(5, E.JOINED, operator="1004", phone="104", leg=f"b{n}", how="transfer")
            story.then(3, E.LEFT, operator="1004", phone="104", leg=f"b{n}", reason="operator")
    story.then(lot.expovariate(1 / 60), E.ENDED, **end)
    return story.events


async def keep_calls(connection: AsyncConnection, calls: list[list[CallEvent]]) -> list[CallRecord]:
    """Write the calls and their events as an engine does; returns the records."""
    records = [fold(events[0].call_id, events) for events in calls]
    await upsert(connection, CallRow, [one.row() for one in records if not one.place_source])
    rows = [
        {"call_id": one.call_id, "seq": one.seq, "at": one.at, "kind": one.kind.value}
        | {"data": one.data}
        for events in calls
        for one in events
    ]
    await upsert(connection, CallEventRow, rows)
    return records
