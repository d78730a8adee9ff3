"""A seeded day of calls, written by what an engine writes with: call, journal, database writer."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from report_calls import DAY

from acd.calls.call import Call
from acd.calls.record import CallRecord, EventKind
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.api.metrics import CountingJournal

E = EventKind
Told = dict[str, Any]
"""What a call was, as `recount.figures` takes it."""


def a_day(count: int, journal: CountingJournal, plan: list[Told]) -> Iterator[float]:
    """Let so many calls of a seeded day happen in the order of time; `plan` gets what they were."""
    lot, begin = Random(f"recount {count}"), DAY.timestamp()
    stories = [
        _story(n, begin + 86_400 * (n + lot.random()) / count, lot, plan) for n in range(count)
    ]
    calls: dict[str, Call] = {}
    for at, _, kind, id, data in heapq.merge(*stories):
        if id not in calls:
            calls[id] = Call(f"channel-{id}", CallRecord(call_id=id), journal)
        calls[id].note(kind, at, **data)
        yield at


def _story(n: int, at: float, lot: Random, plan: list[Told]) -> list[tuple[Any, ...]]:
    id, steps = f"s{n:05}", list[tuple[Any, ...]]()

    def then(after: float, kind: EventKind, **data: Any) -> float:
        nonlocal at
        at += after
        steps.append((at, n, kind, id, data))
        return at

    kind = lot.choice(("menu", "queue", "ringing", *("answered",) * 7))
    about = {"asterisk_id": f"{n}.2", "caller_number": f"0813{n:06}", "called_number": "112"}
    one: Told = {"arrived": then(0, E.ARRIVED, language="id", **about), "taken": 0}
    plan.append(one)
    if kind != "menu":
        one["category"] = lot.choice(("police", "fire", "power"))
        chosen = {"category": one["category"]}
        then(lot.uniform(2, 9), E.MENU_DONE, category_source="menu", **chosen)
        one["queued"] = then(0.01, E.QUEUED, position=1, **chosen)
    leg = {"operator": f"{1101 + lot.randrange(9)}", "phone": "101", "leg": f"a{n}"}
    if kind in ("ringing", "answered"):
        if lot.random() < 0.2:
            other = leg | {"leg": f"x{n}", "operator": "1110"}
            then(lot.expovariate(1 / 5), E.OFFERED, **other)
            then(15, E.OFFER_FAILED, reason="no_answer", **other)
        then(lot.expovariate(1 / 5), E.OFFERED, **leg)
    one["answered"] = None
    if kind == "answered":
        one["answered"] = then(lot.uniform(1, 6), E.ANSWERED, **leg)
        one["taken"], one["operator"] = 1, leg["operator"]
    end = then(lot.expovariate(1 / 40), E.ENDED, ended_by="caller", hangup_cause=16)
    one["ended"] = end
    one["outcome"] = kind if kind == "answered" else f"lost_{kind}"
    return steps


async def simulated(url: str, folder: Path, count: int) -> list[Told]:
    """Write the day by the journal and the writer of an engine; return what it was."""
    plan: list[Told] = []
    async with Database(url) as database:
        recorder = DatabaseWriter(database, WriteAheadLog(folder))
        running = asyncio.create_task(recorder.run())
        for number, _ in enumerate(a_day(count, CountingJournal(recorder), plan)):
            if number % 100 == 0:
                await asyncio.sleep(0)
        assert await recorder.close(60) == 0
        await running
    return plan
