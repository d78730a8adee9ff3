"""The way from an empty database to the tables of this version, and back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.calls.record import CallRecord
from models import schema
from models.database import Database, SchemaError, upgrade
from models.tables import Base, CallRow, PhoneRow
from models.writing import upsert
from ngalam112.config.settings import PROJECT
from pbx.render import password_digest
from reports.callbacks import callbacks

pytest_plugins = ("databases",)


def of_models(name: str | None, kind: str, _: Any) -> bool:
    """SQLite's tables for the search by words are no models."""
    return kind != "table" or not (name or "").startswith(schema.SEARCH)


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"include_name": of_models})
    with warnings.catch_warnings():
        # that of PostgreSQL alone, of which SQLite says so
        warnings.filterwarnings("ignore", ".*expression-based index 'ix_incidents_words'")
        found: list[Any] = compare_metadata(context, Base.metadata)
    return found


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {"alembic_version"}


async def test_upgrading_an_empty_database_makes_exactly_the_tables_of_the_models(
    database: Database,
) -> None:
    async with database.engine.connect() as connection:
        found = await connection.run_sync(tables)
        assert {name for name in found if of_models(name, "table", {})} == set(Base.metadata.tables)
        assert (schema.SEARCH in found) == (connection.dialect.name == "sqlite")
        assert await connection.run_sync(differences) == []


async def test_a_downgrade_leaves_nothing_and_an_upgrade_after_it_makes_all_again(
    database: Database,
) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(schema.downgrade)
        assert await connection.run_sync(tables) == set()
    await database.upgrade()
    async with database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_passwords_of_before_become_digests(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(schema.downgrade)
        await connection.run_sync(schema.upgrade, "0002")
        await connection.execute(
            text(
                "INSERT INTO phones (number, password, created_at) "
                "VALUES ('101', 'a-phone-password', '2026-11-29 00:00:00')"
            )
        )
        await connection.run_sync(schema.upgrade)
        found = await connection.execute(text("SELECT password FROM phones"))
        assert found.scalars().all() == [password_digest("101", "a-phone-password")]


async def test_upgrading_twice_keeps_what_is_there(database: Database) -> None:
    async with database.engine.begin() as connection:
        await upsert(connection, PhoneRow, [{"number": "101", "password": "x", "contact": None}])
    await database.upgrade()
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT number FROM phones"))).scalars().all() == [
            "101"
        ]


async def test_the_losses_of_the_fallback_are_told_from_its_answers(database_url: str) -> None:
    async with Database(database_url) as database, database.engine.begin() as connection:
        await connection.run_sync(schema.upgrade, "0002")
        at = {"arrived_at": 100.0, "outcome": "fallback"}
        for call_id, more in (
            ("answered", {"operator_answered_at": 110.0, "ended_at": 120.0}),
            ("lost", {"operator_answered_at": None, "ended_at": 120.0}),
            ("lives", {"operator_answered_at": None, "ended_at": None}),
        ):
            row = CallRecord(call_id=call_id).row() | at | more
            await upsert(connection, CallRow, [await as_then(connection, row)])
        await connection.run_sync(schema.upgrade)
        assert await outcomes(connection) == {
            "answered": "fallback",
            "lost": "lost_fallback",
            "lives": "fallback",
        }
        await connection.run_sync(schema.downgrade, "0002")
        assert set((await outcomes(connection)).values()) == {"fallback"}


async def test_who_was_owed_a_call_before_there_were_callbacks_is_called(database_url: str) -> None:
    now = time.time()
    async with Database(database_url) as database, database.engine.begin() as connection:
        await connection.run_sync(schema.upgrade, "0005")
        back = [{"leg": "l9", "how": "callback", "joined_at": now}]
        for call_id, number, more in (
            ("owed", "08123451", {"ended_by": "cut_off"}),
            ("called back", "08123452", {"ended_by": "cut_off", "legs": back}),
            ("served since", "08123453", {"ended_by": "line_stopped"}),
            ("serves", "08123453", {"operator_answered_at": now}),
            ("hung up", "08123454", {"ended_by": "caller"}),
            ("long ago", "08123455", {"ended_by": "cut_off", "ended_at": now - 9e5}),
        ):
            at = {"arrived_at": now - 90, "ended_at": now - 60, "category": "fire"}
            row = CallRecord(call_id=call_id, asterisk_id=call_id, caller_number=number).row()
            await upsert(connection, CallRow, [await as_then(connection, row | at | more)])
        await connection.run_sync(schema.upgrade)
    async with Database(database_url) as database, database.session() as session:
        (item,) = await callbacks(session)
    assert (item.call_id, item.number, item.state, item.reason) == (
        "owed",
        "08123451",
        "waiting",
        "cut_off",
    )
    assert abs((item.due_at or 0) - (now - 60)) < 0.01


async def as_then(connection: AsyncConnection, row: dict[str, Any]) -> dict[str, Any]:
    """A row without the columns that came later."""
    there = await connection.run_sync(lambda one: inspect(one).get_columns("calls"))
    return {name: row[name] for name in row if name in {column["name"] for column in there}}


async def outcomes(connection: AsyncConnection) -> dict[str, str]:
    rows = await connection.execute(text("SELECT call_id, outcome FROM calls"))
    return {row.call_id: row.outcome for row in rows}


def test_the_revisions_read_from_the_files_names_are_those_of_alembic() -> None:
    scripts = ScriptDirectory.from_config(Config(PROJECT / "migrations" / "alembic.ini"))
    revisions = [one.revision for one in scripts.walk_revisions()]
    assert schema.head() == scripts.get_current_head() == max(revisions)
    assert all(schema.knows(one) for one in revisions) and not schema.knows("9999")


@pytest.mark.parametrize("module", ["ngalam112.process.service", "ngalam112.cli.app"])
def test_a_program_that_finds_its_tables_does_not_load_alembic(module: str) -> None:
    code = f"import sys, {module}; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0


async def test_several_upgrades_at_once_all_succeed(database_url: str) -> None:
    await asyncio.gather(*(upgrade(database_url) for _ in range(4)))
    async with Database(database_url) as database:
        await database.check_schema()


def test_programs_that_open_a_new_file_at_the_same_moment_all_can(tmp_path: Path) -> None:
    # SQLite refuses the change to WAL at once to all but one then, whatever its busy_timeout is
    programs, files = 6, 60
    start = threading.Barrier(programs)

    async def open_it(number: int) -> None:
        async with Database(f"sqlite:///{tmp_path / f'{number}.db'}"):
            pass

    def program() -> None:
        for number in range(files):
            start.wait(30)
            asyncio.run(open_it(number))

    with ThreadPoolExecutor(programs) as pool:
        for one in [pool.submit(program) for _ in range(programs)]:
            one.result()


async def test_an_interrupted_upgrade_leaves_nothing_half_made(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(RuntimeError, match="power cut"):
            async with database.engine.begin() as connection:
                await connection.run_sync(schema.upgrade)
                raise RuntimeError("power cut")
        async with database.engine.connect() as connection:
            assert await connection.run_sync(tables) == set()


async def test_an_empty_database_is_told_to_be_upgraded(database_url: str) -> None:
    async with Database(database_url) as database:
        with pytest.raises(SchemaError, match=r"no tables yet; run `ngalam112 db upgrade`\.$"):
            await database.check_schema()


async def test_tables_of_a_newer_program_are_left_alone(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for use in (database.check_schema, database.upgrade):
        with pytest.raises(SchemaError, match="version 9999, which this program does not know"):
            await use()
    async with database.engine.connect() as connection:
        assert await connection.run_sync(tables) >= set(Base.metadata.tables)
