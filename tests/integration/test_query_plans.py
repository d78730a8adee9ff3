"""How the databases find what is asked: by an index, and not by reading every call."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from factories import a_record

from acd.calls.record import Outcome
from acd.work_items.callbacks import CUT_OFF, KIND
from acd.work_items.item import WorkItem
from lab.bench.incident_questions import QUESTIONS, known
from lab.bench.incident_rows import NUISANCE_CALLER
from lab.bench.incidents import fill
from lab.bench.query_plans import Asked, questions
from lab.bench.query_plans import reads as plans
from models.database import Database
from models.tables import CallRow, WorkItemRow
from models.writing import upsert
from ngalam112.recovery.snapshot import known_call, open_calls
from reports.callbacks import callbacks
from reports.calls import list_calls, show_call
from reports.check import check
from reports.errors import NoSuchCall, SeveralCalls
from reports.summary import summary
from reports.supervisor_facts import agency_parts, beside, callback_parts, operator_parts

pytest_plugins = ("databases",)

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


PARTIAL = (  # to read one of these wholly is to find few
    "ix_work_items_open",
    "ix_calls_live",
    "ix_incidents_at_work",
    "ix_incidents_not_coded",
    "ix_dispatches_to_watch",
    "ix_incidents_merged",
    "ix_incidents_merged_into",
    "ix_incidents_due",
)


async def reads(database: Database, asked: Asked) -> tuple[str, list[str]]:
    """How the database gets at the tables for these questions; and what of it reads every row."""
    async with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # a table as small as this one is read as a whole unless nothing else is possible
            await connection.exec_driver_sql("SET enable_seqscan = off")
        found = await plans(connection, asked)
    assert found, "something was asked"
    whole = [one.step for one in found if not one.bounded and one.index not in PARTIAL]
    return "\n".join(one.step for one in found), whole


async def test_a_report_of_a_time_reads_its_calls(filled: Database) -> None:
    with questions(filled) as asked:
        async with filled.session() as session:
            found = await summary(session, NOON, NOON + timedelta(minutes=10), "operator")
            listed = await list_calls(session, NOON, NOON + timedelta(minutes=10))
    assert (found.offered, len(listed)) == (10, 10)
    steps, whole = await reads(filled, asked)
    assert not whole and "ix_calls_arrived_at" in steps


async def test_every_report_of_a_time_reads_what_is_of_it(filled: Database) -> None:
    since, until = NOON, NOON + timedelta(minutes=10)
    await fill(filled, 112, 300)  # incidents and dispatches, else no index is worth it
    with questions(filled) as asked:
        async with filled.session() as session:
            for by in (None, "15min", "kecamatan"):
                assert (await summary(session, since, until, by)).offered == 10  # type: ignore[arg-type]
            for ask in (beside, operator_parts, agency_parts, callback_parts, check):
                await ask(session, since, until)  # type: ignore[operator]
    assert len(asked) > 10
    steps, whole = await reads(filled, asked)
    assert not whole, whole
    for index in ("calls_arrived_at", "work_items_created_at", "incidents_opened_at"):
        assert f"ix_{index}" in steps, index
    for index in ("operator_events", "text_conversations_opened_at", "dispatches_incident_id"):
        assert f"ix_{index}" in steps, index


async def test_a_list_is_read_on_from_the_row_that_the_reader_has(filled: Database) -> None:
    with questions(filled) as asked:
        async with filled.session() as session:
            listed = await list_calls(session, limit=10, before="00000100")
    assert [one.call_id for one in listed][:2] == ["000000ff", "000000fe"]
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


INCIDENTS = 10_000
BY = {  # what a question has to use, however the database plans
    "list open": "ix_incidents_at_work",
    "list not_coded": "ix_incidents_not_coded",
    "list uncoded": "ix_incidents_class_opened_at",
    "list merged": "ix_incidents_merged",
    "list overdue_complaints": "ix_incidents_due",
    "complaints to close": "ix_incidents_due",
    "by reference": "ix_incident_references_reference",
    "list of a month": "ix_incidents_opened_at",
    "list of a caller": "ix_incident_contacts_caller",
    "text, all words of one": "_words",  # of PostgreSQL it is ix_incidents_words
    "by number": "ix_incidents_number",
    "shown with those merged": "ix_incidents_merged_into",
    "dispatches alarms": "ix_incidents_at_work",
    "dispatches of one": "ix_dispatches_incident_id",
}
WALKED = ("ix_incidents_opened_at",)  # from the newest on, to the limit


async def test_what_people_ask_of_incidents_is_found_by_an_index(database: Database) -> None:
    await fill(database, 112, INCIDENTS)
    wrong, lot = {}, Random(112)
    async with database.session() as session:
        of = await known(session, lot, NUISANCE_CALLER)
    for with_statistics in (False, True):
        async with database.engine.begin() as connection:
            if with_statistics:
                await connection.exec_driver_sql("ANALYZE")
        for name, ask in QUESTIONS.items():
            with questions(database) as asked:
                async with database.session() as session:
                    await ask(session, of, lot)
            async with database.engine.connect() as connection:
                found = await plans(connection, asked)
            for one in found:
                if not one.index or not (one.bounded or one.index in PARTIAL + WALKED):
                    wrong[name] = one.step
            if not any(one.index.endswith(BY.get(name, "")) for one in found):
                wrong[name] = f"not by {BY[name]}"
    assert wrong == {}
