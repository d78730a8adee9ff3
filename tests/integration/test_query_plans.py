"""How the databases find what is asked: by an index, and not by reading every call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from factories import a_record
from sqlalchemy import event

from acd.calls.record import Outcome
from acd.work_items.callbacks import CUT_OFF, KIND
from acd.work_items.item import WorkItem
from models.database import Database
from models.tables import CallRow, WorkItemRow
from models.writing import upsert
from ngalam112.recovery.snapshot import known_call, open_calls
from reports.callbacks import callbacks
from reports.calls import list_calls, show_call
from reports.errors import NoSuchCall, SeveralCalls
from reports.summary import summary

pytest_plugins = ("databases",)

Asked = list[tuple[str, Any]]

NOON = datetime(2026, 4, 13, 12, tzinfo=timezone(timedelta(hours=7)))
CALLS = 500
OWED = 8  # so many of them are to be called back


@pytest.fixture
async def filled(database: Database) -> Database:
    """Calls that came one a minute and were lost; some citizens are owed a call yet."""
    rows = [
        a_record(
            f"{number}.1",
            call_id=f"{number:08x}",
            caller_number=f"08{number:06}",
            arrived_at=NOON.timestamp() + 60 * number,
            ended_at=NOON.timestamp() + 60 * number + 30,
            ended_by=CUT_OFF[number % 2] if number < OWED else "caller",
            outcome=Outcome.LOST_QUEUE,
        ).row()
        for number in range(CALLS)
    ]
    async with database.engine.begin() as connection:
        await upsert(connection, CallRow, rows)
        items = [
            WorkItem(
                id=row["call_id"],
                kind=KIND,
                call_id=row["call_id"],
                created_at=row["ended_at"],
                waits_since=row["arrived_at"],
                ended_at=None if number < OWED else row["ended_at"] + 60,
            ).row()
            for number, row in enumerate(rows)
        ]
        await upsert(connection, WorkItemRow, items)
        await connection.exec_driver_sql("ANALYZE")
    return database


@contextmanager
def questions(database: Database) -> Iterator[Asked]:
    """Collect what is asked of the database."""
    asked: Asked = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


PARTIAL = ("ix_work_items_open", "ix_calls_live")  # to read one of these wholly is to find few


async def reads(database: Database, asked: Asked) -> tuple[str, list[str]]:
    """How the database gets at the tables for these questions; and what of it reads every row."""
    steps, whole = [], []
    async with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # a table as small as this one is read as a whole unless nothing else is possible
            await connection.exec_driver_sql("SET enable_seqscan = off")
            explain, step_of = "EXPLAIN (FORMAT JSON)", _of_postgresql
        else:
            explain, step_of = "EXPLAIN QUERY PLAN", _of_sqlite
        for statement, parameters in asked:
            for row in await connection.exec_driver_sql(f"{explain} {statement}", parameters):
                for step, bounded in step_of(row):
                    steps.append(step)
                    if not bounded and not any(name in step for name in PARTIAL):
                        whole.append(step)
    assert steps, "something was asked"
    return "\n".join(steps), whole


def _of_sqlite(row: Any) -> Iterator[tuple[str, bool]]:
    if row.detail.startswith(("SCAN", "SEARCH")):
        yield row.detail, row.detail.startswith("SEARCH")


def _of_postgresql(row: Any) -> Iterator[tuple[str, bool]]:
    nodes = [one["Plan"] for one in (json.loads(row[0]) if isinstance(row[0], str) else row[0])]
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", [])
        if node["Node Type"].endswith("Scan") and node["Node Type"] != "Bitmap Heap Scan":
            name = node.get("Index Name", "the table")
            yield f"{node['Node Type']} of {name}", "Index Cond" in node


async def test_a_report_of_a_time_reads_its_calls(filled: Database) -> None:
    with questions(filled) as asked:
        async with filled.session() as session:
            found = await summary(session, NOON, NOON + timedelta(minutes=10), "operator")
            listed = await list_calls(session, NOON, NOON + timedelta(minutes=10))
    assert (found.offered, len(listed)) == (10, 10)
    steps, whole = await reads(filled, asked)
    assert not whole and "ix_calls_arrived_at" in steps


async def test_who_is_owed_a_call_is_found_without_the_others(filled: Database) -> None:
    with questions(filled) as asked:
        async with filled.session() as session:
            assert len(await callbacks(session)) == OWED
    steps, whole = await reads(filled, asked)
    assert not whole and "ix_work_items_open" in steps


async def test_a_call_is_found_by_the_begin_of_its_id(filled: Database) -> None:
    with questions(filled) as asked:
        async with filled.session() as session:
            assert (await show_call(session, "00000011")).record.call_id == "00000011"
            with pytest.raises(SeveralCalls):
                await show_call(session, "0000001")
            with pytest.raises(NoSuchCall):
                await show_call(session, "f")
    _, whole = await reads(filled, asked)
    assert not whole


async def test_a_call_is_found_by_the_id_that_asterisk_gave_it(filled: Database) -> None:
    with questions(filled) as asked:
        known = await known_call(filled, "7.1")
    assert known is not None and known.record.call_id == "00000007"
    steps, whole = await reads(filled, asked)
    assert not whole and "uq_calls_asterisk_id" in steps


async def test_the_calls_that_have_no_end_are_found_without_the_others(filled: Database) -> None:
    with questions(filled) as asked:
        assert await open_calls(filled) == []
    steps, whole = await reads(filled, asked)
    assert not whole and "ix_calls_live" in steps
