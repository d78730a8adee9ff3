"""What an engine does to incidents before it dies the next one knows, whatever the database has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from databases import with_tables
from lines import line_settings
from served import with_silent_prompts
from sqlalchemy import select

from acd.agencies.agency import Agency
from acd.config_file import load_distribution
from incidents.book import By
from incidents.dispatch import Dispatch
from incidents.incident import Incident
from incidents.states import IncidentClass, IncidentState
from journal.database_writer import DatabaseWriter
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from models.tables import IncidentRow
from ngalam112.api.metrics import CountingJournal
from ngalam112.config.agencies import sources_of
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.recovery.late_database import _know_incidents, _learn
from ngalam112.recovery.startup_state import Known, known_by, read_stored
from ngalam112.wiring import build

OPERATOR = By("1001", "phone")
DAMKAR = Agency(id="damkar", number="62", name="Damkar", webhook="https://damkar.example/112")


class FakeSender:
    """incidents.dispatches.Sender that counts."""

    def __init__(self) -> None:
        self.sent = 0

    def send(self, dispatch: Dispatch, index: int, incident: Incident) -> None:
        self.sent += 1

    def stop(self, dispatch_id: str, *, settled: bool) -> None:
        pass


class One(NamedTuple):
    """An engine that serves nobody, and what it keeps with."""

    engine: Engine
    recorder: DatabaseWriter
    sender: FakeSender

    def open(self, now: float = 1000.0) -> Incident:
        return self.engine.router.incidents.open({"description": "smoke"}, OPERATOR, now)

    def code(self, incident: Incident, what: IncidentClass) -> None:
        self.engine.router.incidents.code(incident, what, OPERATOR, 1001.0)

    async def write_all(self) -> None:
        task = asyncio.create_task(self.recorder.run())
        await self.recorder.flushed()
        task.cancel()

    def time_passes(self) -> None:
        for at in (1010.0, 1400.0, 9999.0):
            self.engine.timers.fire(at)


@asynccontextmanager
async def an_engine(settings: Settings) -> AsyncIterator[One]:
    """Until the block ends; nothing is written into the database at its end, as at a kill."""
    async with Database(settings.url) as database:
        local = WriteAheadLog(settings.journal)
        recorder = DatabaseWriter(database, local)
        engine = build(settings, CountingJournal(recorder)).engine
        engine.know_agencies([DAMKAR], stored=True)
        sender = FakeSender()
        engine.dispatches._sender = sender
        try:
            yield One(engine, recorder, sender)
        finally:
            local.close()


async def a_line(tmp_path: Path) -> Settings:
    settings = with_silent_prompts(line_settings(tmp_path / "home"))
    await with_tables(settings.url)
    return settings


async def stored(settings: Settings, one: One) -> Known:
    sources = sources_of(settings, load_distribution(settings.distribution_file))
    return await read_stored(settings.url, sources, one.recorder.local.kept)


async def test_a_dispatch_of_a_coded_incident_outlives_a_kill_before_it_is_written(
    tmp_path: Path,
) -> None:
    settings = await a_line(tmp_path)
    async with an_engine(settings) as one:
        incident = one.open()
        one.code(incident, IncidentClass.EMERGENCY)
        await one.write_all()  # coded and settled, as the database has it
        one.engine.dispatches.dispatch(incident, DAMKAR, OPERATOR, 1002.0)
    async with an_engine(settings) as after:
        known = known_by(after.recorder.local.kept, await stored(settings, after))
        _know_incidents(after.engine, known, None, 1005.0)
        after.engine.timers.fire(1005.0)
        assert after.sender.sent == 1
        await after.write_all()
        async with Database(settings.url) as database, database.session() as session:
            row = (await session.execute(select(IncidentRow))).scalar_one()
            assert (row.state, row.settled_at) == ("dispatched", None)


async def test_a_database_that_comes_late_brings_nothing_back_that_is_over(
    tmp_path: Path,
) -> None:
    settings = await a_line(tmp_path)
    async with an_engine(settings) as one:
        prank, fire = one.open(), one.open()
        one.code(fire, IncidentClass.EMERGENCY)
        one.engine.dispatches.dispatch(fire, DAMKAR, OPERATOR, 1002.0)
        await one.write_all()  # from here on the database is away
        one.code(prank, IncidentClass.PRANK)
        one.engine.router.incidents.move(fire, IncidentState.CANCELLED, OPERATOR, 1003.0, "")
    async with an_engine(settings) as after:
        _know_incidents(after.engine, known_by(after.recorder.local.kept), None, 1005.0)
        _learn(after.engine, after.recorder, await stored(settings, after))
        after.time_passes()
        assert after.sender.sent == 0
        await after.write_all()
        async with Database(settings.url) as database, database.session() as session:
            rows = (await session.execute(select(IncidentRow))).scalars()
            found = {(row.incident_class, row.state) for row in rows}
    assert found == {("prank", "opened"), ("emergency", "cancelled")}
