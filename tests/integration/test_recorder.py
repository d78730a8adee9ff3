"""What the recorder was given is in the database: all of it, once, in order, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from acd.agencies.changes import Terms
from acd.agencies.first import Sources
from acd.calls.record import CallEvent, CallRecord, EventKind, Outcome, apply, fold
from acd.operators.operator import Operator
from journal import database_writer
from journal.database_writer import DatabaseWriter
from journal.entries import Kept
from journal.row_kinds import OPERATORS
from journal.write_ahead_log import WriteAheadLog
from lab.machine.waiting import eventually
from models.database import Database, upgrade
from models.tables import CallEventRow, CallRow, OperatorEventRow, OperatorRow
from ngalam112.recovery.startup_state import read_stored
from reports.calls import show_call

if TYPE_CHECKING:
    from databases import Outage, PostgresServer

pytest_plugins = ("databases",)

STEPS: list[tuple[EventKind, dict[str, Any]]] = [
    (EventKind.ARRIVED, {"caller_number": "0812\x00345", "called_number": "112"}),
    (EventKind.MENU_DONE, {"category": "fire", "category_source": "menu"}),
    (EventKind.QUEUED, {"category": "fire", "position": 1}),
    (EventKind.OFFERED, {"operator": "1001", "phone": "101"}),
    (EventKind.ANSWERED, {"operator": "1001", "phone": "101"}),
    (EventKind.ENDED, {"ended_by": "caller", "hangup_cause": 16}),
]


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[WriteAheadLog]:
    opened = WriteAheadLog(tmp_path / "journal")
    yield opened
    opened.close()


@asynccontextmanager
async def recording(
    database: Database, write_limit_s: float = 30.0
) -> AsyncIterator[DatabaseWriter]:
    with tempfile.TemporaryDirectory(prefix="ngalam112-journal-") as folder:
        journal = WriteAheadLog(Path(folder) / "journal")
        recorder = DatabaseWriter(
            database, journal, first_pause_s=0.02, write_limit_s=write_limit_s
        )
        task = asyncio.create_task(recorder.run())
        try:
            yield recorder
        finally:
            await recorder.close(10.0)
            task.cancel()
            await asyncio.wait([task])
            journal.close()


def tell(recorder: DatabaseWriter, call_id: str, steps: int = len(STEPS), **first: Any) -> None:
    """Let the first `steps` things happen to a call, as the engine does: on one live record."""
    record = CallRecord(call_id=call_id)
    for seq, (kind, data) in enumerate(STEPS[:steps], 1):
        data = data | first if kind is EventKind.ARRIVED else data
        event = CallEvent(call_id=call_id, seq=seq, at=1_776_000_000.0 + seq, kind=kind, data=data)
        apply(record, event)
        recorder.call_event(event, record)


async def count(database: Database, model: type[Any]) -> int:
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


async def stored(database: Database) -> list[tuple[str, int, int]]:
    """Every call with the number of its events, as its record and as the events table have it."""
    columns = (CallRow.call_id, CallRow.events)
    found = select(*columns, func.count(CallEventRow.seq)).join(CallEventRow).group_by(*columns)
    async with database.session() as session:
        return sorted((row[0], row[1], row[2]) for row in await session.execute(found))


async def test_a_call_is_kept_with_its_events_and_its_record_is_their_fold(
    database: Database,
) -> None:
    async with recording(database) as recorder:
        tell(recorder, "one")
        await recorder.flushed()
        async with database.session() as session:
            history = await show_call(session, "one")
    assert [event.kind for event in history.events] == [kind for kind, _ in STEPS]
    assert history.record == fold("one", history.events)
    assert history.record.caller_number == "0812345"


async def test_the_record_is_kept_as_it_was_at_its_event(database: Database) -> None:
    async with recording(database) as recorder:
        record = CallRecord(call_id="one")
        event = CallEvent(call_id="one", seq=1, at=1.0, kind=EventKind.ARRIVED)
        apply(record, event)
        recorder.call_event(event, record)
        record.category = "changed later"
        await recorder.flushed()
        async with database.session() as session:
            assert (await show_call(session, "one")).record.category is None


async def test_an_event_once_kept_is_never_changed(database: Database) -> None:
    async with recording(database) as recorder:
        for kind in (EventKind.ARRIVED, EventKind.ENDED):
            event = CallEvent(call_id="one", seq=1, at=1.0, kind=kind)
            recorder.call_event(event, CallRecord(call_id="one"))
            await recorder.flushed()
        async with database.session() as session:
            (kept,) = (await show_call(session, "one")).events
    assert kept.kind is EventKind.ARRIVED


async def test_thousands_of_entries_are_all_written(database: Database) -> None:
    async with recording(database) as recorder:
        for number in range(500):
            tell(recorder, f"call {number:03}")
        assert recorder.backlog == 500 * len(STEPS)
        await recorder.flushed()
        assert (recorder.backlog, recorder.written) == (0, 500 * len(STEPS))
    assert await stored(database) == [(f"call {n:03}", 6, 6) for n in range(500)]


async def test_operators_are_kept_as_they_are_and_as_they_were(database: Database) -> None:
    sari = Operator(id="1001", name="Sari", pin_hash="x")
    async with recording(database) as recorder:
        for at, kind in enumerate(("login", "pause", "ready", "logout")):
            sari.calls_taken = at
            recorder.operator_state(sari.row())
            recorder.operator_event("1001", 5.0, kind, "101", "break" * 99)
        await recorder.flushed()
    async with database.session() as session:
        kinds = select(OperatorEventRow.kind).order_by(OperatorEventRow.at, OperatorEventRow.id)
        assert list(await session.scalars(kinds)) == ["login", "pause", "ready", "logout"]
        (kept,) = await session.scalars(select(OperatorRow))
        assert (kept.name, kept.calls_taken, kept.status) == ("Sari", 3, "logged_out")


async def test_an_outage_delays_writing_and_loses_nothing(
    database: Database, outage: Outage
) -> None:
    with capture_logs() as logs:
        async with recording(database) as recorder:
            tell(recorder, "before")
            await recorder.flushed()
            with outage():
                for number in range(100):
                    tell(recorder, f"during {number:03}")
                await eventually(lambda: recorder.failing_since is not None, what="outage seen")
                tell(recorder, "later")
                assert recorder.backlog == 101 * len(STEPS)
            await asyncio.wait_for(recorder.flushed(), 20)
            await eventually(lambda: recorder.failing_since is None, what="its end is seen")
    assert [one["event"] for one in logs] == ["recording_fails", "recording_again"]
    names = ["before", *(f"during {n:03}" for n in range(100)), "later"]
    assert await stored(database) == [(name, 6, 6) for name in names]


async def test_a_connection_that_freezes_is_given_up(postgres_server: PostgresServer) -> None:
    name = postgres_server.create()
    url = postgres_server.url(name)
    await upgrade(url)
    async with Database(url) as database:
        async with database.engine.connect() as connection:
            frozen: int = (await connection.execute(select(func.pg_backend_pid()))).scalar_one()
        os.kill(frozen, signal.SIGSTOP)
        try:
            async with recording(database, write_limit_s=0.5) as recorder:
                tell(recorder, "one")
                await asyncio.wait_for(recorder.flushed(), 20)
                assert await stored(database) == [("one", 6, 6)]
        finally:
            os.kill(frozen, signal.SIGCONT)
    postgres_server.drop(name)


async def test_a_writer_that_is_cut_off_at_any_moment_writes_nothing_twice(
    database: Database, journal: WriteAheadLog
) -> None:
    recorder = DatabaseWriter(database, journal, first_pause_s=0.01)
    for number in range(30):
        tell(recorder, f"call {number:02}")
        recorder.operator_event("1001", 1.0, "missed", "101", None)
        writer = asyncio.create_task(recorder.run())
        await asyncio.wait([writer], timeout=0.048 + number / 2000)
        writer.cancel()
        await asyncio.wait([writer])
    writer = asyncio.create_task(recorder.run())
    assert await recorder.close(10.0) == 0
    await writer
    assert await stored(database) == [(f"call {n:02}", 6, 6) for n in range(30)]
    assert await count(database, OperatorEventRow) == 30


async def test_what_the_database_refuses_for_ever_does_not_hold_up_the_rest(
    database: Database,
) -> None:
    with capture_logs() as logs:
        async with recording(database) as recorder:
            tell(recorder, "first", asterisk_id="1.1")
            await recorder.flushed()
            for number in range(50):
                tell(recorder, f"good {number:02}")
            tell(recorder, "twin", steps=1, asterisk_id="1.1")
            recorder.operator_state(Operator(id="1001", name="Sari").row() | {"name": None})
            recorder.operator_state({"id": "1002", "nonsense": 1, "pin_hash": "hush"})
            recorder.operator_state({"id": "1003"})
            recorder.operator_event("1001", float("nan"), "login", "1" * 99, "\ud800")
            tell(recorder, "last")
            await recorder.flushed()
            assert recorder.refused == 4
            assert recorder.failing_since is None
    names = ["first", *(f"good {n:02}" for n in range(50)), "last"]
    assert await stored(database) == [(name, 6, 6) for name in names]
    assert await count(database, OperatorEventRow) == 1
    # a column that no table has may be a later version's
    events = ["row_of_a_later_version_kept", *["record_refused"] * 4]
    assert sorted(one["event"] for one in logs) == sorted(events)
    refused = [one for one in logs if one["event"] == "record_refused"]
    assert refused[0]["entry"]["call_id"] == "twin"
    assert "hush" not in str(logs)


async def test_closing_writes_what_is_left_and_ends_the_writer(
    database: Database, journal: WriteAheadLog
) -> None:
    recorder = DatabaseWriter(database, journal)
    writer = asyncio.create_task(recorder.run())
    tell(recorder, "one")
    assert await recorder.close(10.0) == 0
    await asyncio.wait_for(writer, 5)
    assert await stored(database) == [("one", 6, 6)]


async def test_closing_in_an_outage_ends_in_time_and_logs_what_was_not_written(
    database: Database, outage: Outage, tmp_path: Path
) -> None:
    (tmp_path / "no folder").touch()
    recorder = DatabaseWriter(database, WriteAheadLog(tmp_path / "no folder"))
    with capture_logs() as logs, outage():
        writer = asyncio.create_task(recorder.run())
        tell(recorder, "one")
        assert await asyncio.wait_for(recorder.close(0.3), 5) == len(STEPS)
        await asyncio.wait_for(writer, 10)
    unwritten = [one["entry"]["seq"] for one in logs if one["event"] == "record_not_written"]
    assert unwritten == [1, 2, 3, 4, 5, 6]


async def test_closing_in_an_outage_leaves_the_rest_to_the_next_engine_and_waits_for_nobody(
    database: Database, outage: Outage, tmp_path: Path
) -> None:
    journal = WriteAheadLog(tmp_path / "journal")
    recorder = DatabaseWriter(database, journal, first_pause_s=0.02)
    with capture_logs() as logs, outage():
        writer = asyncio.create_task(recorder.run())
        tell(recorder, "one")
        await eventually(lambda: recorder.failing_since is not None, what="outage seen")
        begun = time.monotonic()
        assert await recorder.close(10.0) == len(STEPS)
        assert time.monotonic() - begun < 1
        await asyncio.wait_for(writer, 10)
    journal.close()
    assert [one["event"] for one in logs] == ["recording_fails"]
    journal = WriteAheadLog(tmp_path / "journal")
    recorder = DatabaseWriter(database, journal)
    writer = asyncio.create_task(recorder.run())
    assert await recorder.close(10.0) == 0
    await writer
    journal.close()
    assert await stored(database) == [("one", 6, 6)]


async def test_older_words_about_operators_are_left_out_where_the_database_knows_better(
    database: Database, journal: WriteAheadLog
) -> None:
    recorder = DatabaseWriter(database, journal)
    recorder.operator_state(Operator(id="1001", name="Old").row())
    recorder.operator_event("1001", 1.0, "login", "101", None)
    recorder.operators_after = journal.last
    recorder.operator_state(Operator(id="1002", name="New").row())
    writer = asyncio.create_task(recorder.run())
    assert await recorder.close(10.0) == 0
    await writer
    async with database.session() as session:
        assert list(await session.scalars(select(OperatorRow.name))) == ["New"]
    assert await count(database, OperatorEventRow) == 1


async def test_rows_of_an_earlier_engine_are_written_as_this_version_tells_them(
    database: Database,
) -> None:
    newer, older = (CallRecord(call_id="one", events=seq, ended_at=9.0) for seq in (5, 4))
    older.outcome = newer.outcome = Outcome.FALLBACK
    for record in (newer, older):
        async with recording(database) as recorder:
            recorder.local.add(("calls", record.row()))
    async with database.session() as session:
        kept = (await show_call(session, "one")).record
    assert (kept.events, kept.outcome) == (5, Outcome.LOST_FALLBACK)


async def test_the_start_knows_which_of_the_journals_calls_the_database_has_seen_end(
    database: Database, database_url: str
) -> None:
    async with recording(database) as recorder:
        tell(recorder, "over")
        tell(recorder, "lives", 3)
    stored = await read_stored(
        database_url,
        Sources({}, Terms(dial=lambda number: number)),
        Kept(calls={one: {} for one in ("over", "lives", "unknown")}),
    )
    assert stored.over == {"over"}
    assert [one.call_id for one in stored.calls] == ["lives"]


async def test_waiting_for_nothing_ends_at_once(database: Database, journal: WriteAheadLog) -> None:
    await asyncio.wait_for(DatabaseWriter(database, journal).flushed(), 1)


async def test_rows_of_a_later_version_are_kept_for_it_and_refuse_nobody(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine of before an upgrade takes over from one of after it, and gives back."""
    journal = WriteAheadLog(tmp_path / "journal")
    operator = Operator(id="1001", name="Siti").row()
    later = operator | {"shift": "night"}
    journal.add(("operators", later), ("shifts", {"id": "night", "begins_at": 9.0}))
    recorder = DatabaseWriter(database, journal)
    task = asyncio.create_task(recorder.run())
    await recorder.flushed()
    await recorder.close(10.0)
    await asyncio.wait_for(task, 10)
    assert (await count(database, OperatorRow), recorder.refused) == (1, 0)
    journal.close()

    again = WriteAheadLog(tmp_path / "journal")
    assert len(again.kept.facts) == 2
    # nothing is known of it yet, so it waits on
    DatabaseWriter(database, again)
    assert again.backlog == 0
    again.close()
    # a version that has the table, here one of the same columns
    kinds = {**database_writer.BY_TABLE, "shifts": OPERATORS}
    monkeypatch.setattr(database_writer, "BY_TABLE", kinds)
    monkeypatch.setattr(database_writer, "columns_of", lambda _: frozenset(later) | {"begins_at"})
    upgraded = WriteAheadLog(tmp_path / "journal")
    DatabaseWriter(database, upgraded)
    assert upgraded.backlog == 2
    upgraded.close()
    # once, however often it is opened after that
    last = WriteAheadLog(tmp_path / "journal")
    assert (last.kept.facts, last.backlog) == ({}, 2)
    last.close()


async def test_a_row_of_an_earlier_version_gets_the_defaults_of_what_it_does_not_know(
    database: Database,
) -> None:
    async with recording(database) as recorder:
        new = CallRecord(call_id="new", asterisk_id="new").row()
        old = CallRecord(call_id="old", asterisk_id="old").row()
        for name in ("legs", "holds", "transfers"):
            old.pop(name, None)
        recorder.row(CallRow.__tablename__, new)
        recorder.row(CallRow.__tablename__, old)
        await recorder.flushed()
        assert (await count(database, CallRow), recorder.refused) == (2, 0)
