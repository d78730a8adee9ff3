"""Measure: how long a report of a month and of a year takes, on SQLite and on PostgreSQL.

A month has 100,000 calls; a year is ten of such months, copied by the database itself. A report is
timed as the command line asks it, in a database that is opened for reading only.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import DateTime, Interval, String, func, insert, literal, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from acd.calls.record import CallRecord, LegRecord, Outcome
from acd.work_items.callbacks import KIND
from acd.work_items.item import Step, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from lab.bench import incidents
from lab.bench.stage import Figures, Stage
from lab.chaos.postgres import PostgresFailed, PostgresServer
from models.database import Database, upgrade
from models.tables import Base, CallRow, WorkItemRow
from models.writing import upsert
from reports.figures_groups import By
from reports.kinds import Asked, report_of
from reports.summary import summary
from reports.supervisor_facts import agency_parts, callback_parts, operator_parts

MONTH, MONTHS = 100_000, 10
INCIDENTS = 20_000
DAYS = 31
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 2000
_ENDS = {
    Outcome.ANSWERED: 70,
    Outcome.LOST_MENU: 12,
    Outcome.LOST_QUEUE: 9,
    Outcome.LOST_RINGING: 3,
    Outcome.INFORMATION: 6,
}

Ask = Callable[[AsyncSession, datetime | None, datetime | None], Awaitable[Any]]


def _summed(by: By | None) -> Ask:
    return partial(_summary, by)


async def _summary(
    by: By | None, session: AsyncSession, since: datetime | None, until: datetime | None
) -> Any:
    return await summary(session, since, until, by)


async def _month(session: AsyncSession, since: datetime | None, until: datetime | None) -> Any:
    return await report_of(session, "month", Asked(period=(since, until)))


REPORTS: dict[str, Ask] = {
    "summary, service-level, losses": _summed(None),
    "... by category": _summed("category"),
    "... by operator": _summed("operator"),
    "... by 15 minutes": _summed("15min"),
    "... by day": _summed("day"),
    "month": _month,
    "operators": operator_parts,
    "callbacks": callback_parts,
    "agencies": agency_parts,
}
"""What is measured: what the commands of `ngalam112 report` read."""


async def measure(stage: Stage) -> Figures:
    """Time every report on both databases; on SQLite alone where PostgreSQL does not start."""
    folder = stage.ground.folder / "reports"
    folder.mkdir(parents=True)
    found: Figures = {"sqlite": await _measured(f"sqlite:///{folder / 'reports.db'}", stage)}
    server = PostgresServer(Path(folder))
    try:
        server.start()
    except (PostgresFailed, OSError, subprocess.SubprocessError) as error:
        stage.say(f"reports: PostgreSQL is not measured, for it does not start ({error})")
        return {"reports": found}
    try:
        found["postgresql"] = await _measured(server.url(server.create()), stage)
    finally:
        server.stop()
    return {"reports": found}


async def fill(database: Database, seed: int, count: int, months: int = 1) -> None:
    """Write so many months of so many calls, with callbacks and operators."""
    lot = Random(f"reports {seed}")  # noqa: S311 - a play, and no secret
    for begin in range(0, count, _BATCH):
        some = [_call(n, count, lot) for n in range(begin, min(begin + _BATCH, count))]
        items = [_item(one) for one in some if one.outcome in (Outcome.LOST_QUEUE,)]
        async with database.engine.begin() as connection:
            await upsert(connection, CallRow, [one.row() for one in some])
            if items:
                await upsert(connection, WorkItemRow, [one.row() for one in items])
    for month in range(1, months):
        async with database.engine.begin() as connection:
            for model, id in ((CallRow, "call_id"), (WorkItemRow, "id")):
                await _copy(connection, model, id, month, count)
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("ANALYZE")


def _call(n: int, count: int, lot: Random) -> CallRecord:
    at = BEGIN.timestamp() + DAYS * 86_400 * (n + lot.random()) / count
    outcome = lot.choices(list(_ENDS), list(_ENDS.values()))[0]
    queued = at + lot.uniform(3, 10)
    waited = lot.expovariate(1 / 8)
    record = CallRecord(
        call_id=f"{n:08x}",
        caller_number=f"0812{n:08}",
        called_number="112",
        category=lot.choice(("police", "fire", "covid", "power", "general")),
        kecamatan=lot.choice(("Klojen", "Blimbing", "Sukun", None)),
        arrived_at=at,
        menu_done_at=queued,
        outcome=outcome,
        ended_at=queued + waited,
        ended_by="caller",
        hangup_cause=16,
        events=12,
    )
    if outcome in (Outcome.LOST_MENU, Outcome.INFORMATION):
        return record
    record.queued_at, record.wait_ms = queued, round(1000 * waited)
    if outcome is Outcome.ANSWERED:
        answered, talked = queued + waited, lot.expovariate(1 / 90)
        operator = f"{1001 + lot.randrange(20)}"
        record.operator, record.operator_answered_at = operator, answered
        record.ended_at, record.talk_ms = answered + talked, round(1000 * talked)
        record.ring_ms = 2000
        legs = [LegRecord(leg=f"l{n}", operator=operator, phone="101", joined_at=answered)]
        if lot.random() < 0.05:
            other = LegRecord(leg=f"m{n}", operator="1021", phone="121", how="transfer")
            other.joined_at = answered + talked / 2
            legs.append(other)
        for leg in legs:
            leg.left_at, leg.reason = record.ended_at, "caller"
        record.legs = legs
    return record


def _item(record: CallRecord) -> WorkItem:
    lost = record.ended_at or 0.0
    steps = [Step(at=lost, state="waiting"), Step(at=lost + 90, state=ItemState.TALKING.value)]
    return WorkItem(
        id=f"w{record.call_id}",
        kind=KIND,
        state=ItemState.CLOSED,
        call_id=record.call_id,
        number=record.caller_number,
        created_at=lost,
        waits_since=lost,
        ended_at=lost + 200,
        outcome=ItemOutcome.REACHED,
        history=steps,
    )


async def _copy(
    connection: AsyncConnection, model: type[Base], id: str, month: int, count: int
) -> None:
    """Write the first month once more, so many months later."""
    columns: list[Any] = []
    end = BEGIN + timedelta(days=DAYS)
    table = model.__table__
    for column in table.columns:
        if column.name == id:
            columns.append(literal(f"{month}-", String) + column)
        elif isinstance(getattr(column.type, "impl", None), DateTime):
            columns.append(_later(connection, column, DAYS * month))
        else:
            columns.append(column)
    first = table.c["arrived_at" if model is CallRow else "created_at"] < end + timedelta(hours=1)
    names = [column.name for column in table.columns]
    original = literal_column("'-'", String)
    query = select(*columns).where(first, ~table.c[id].contains(original))
    await connection.execute(insert(model).from_select(names, query))


def _later(connection: AsyncConnection, column: Any, days: int) -> Any:
    if connection.dialect.name == "postgresql":
        return column + literal(timedelta(days=days), Interval)
    # SQLite keeps a moment as a text, here to the millisecond
    return func.strftime("%Y-%m-%d %H:%M:%f", column, f"+{days} days") + literal("000", String)


async def _measured(url: str, stage: Stage) -> Figures:
    await upgrade(url)
    async with Database(url) as database:
        name = database.engine.dialect.name
        stage.say(f"reports: filling {name} with {MONTHS} months of {MONTH:,} calls")
        started = time.monotonic()
        await fill(database, stage.seed, MONTH, MONTHS)
        await incidents.fill(database, stage.seed, INCIDENTS)
        stage.say(f"reports: {name} is filled in {time.monotonic() - started:.0f} s")
    found: Figures = {"month_calls": MONTH, "year_calls": MONTH * MONTHS, "reports": {}}
    month = BEGIN + timedelta(days=DAYS * (MONTHS // 2))
    times: dict[str, tuple[datetime | None, datetime | None]] = {
        "month": (month, month + timedelta(days=DAYS)),
        "year": (None, None),
    }
    async with Database(url, read_only=True) as database:
        for what, ask in REPORTS.items():
            one = {}
            for span, period in times.items():
                cpu, started = time.process_time(), time.perf_counter()
                async with database.session() as session:
                    await ask(session, *period)
                one[f"{span}_s"] = round(time.perf_counter() - started, 2)
                one[f"{span}_cpu_s"] = round(time.process_time() - cpu, 2)
            found["reports"][what] = one
    return found
