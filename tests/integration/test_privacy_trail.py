"""Who has looked: written beside the answer, and never in its way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from lines import line_settings
from personal import NOON, SRI, SRI_KEY, fill, rows_of
from served import an_engine
from test_commands import failed_in_one_line, run

from lab.bench.query_plans import questions
from lab.bench.query_plans import reads as plans
from models.database import Database
from models.tables import AccessTrailRow
from ngalam112.cli.person import person
from ngalam112.personal_data.trail import write_look
from privacy.trail import Looked
from reports.privacy_trail import looks_at, targets_of

pytest_plugins = ("databases",)


async def looks(database: Database) -> list[tuple[str, str, str, str]]:
    names = ("who", "source", "kind", "target")
    return [tuple(one[name] for name in names) for one in await rows_of(database, AccessTrailRow)]


async def test_the_engine_writes_down_who_asks_once_a_minute(tmp_path: Path) -> None:
    async with an_engine(tmp_path) as served:
        await fill(served.database)
        for _ in range(3):
            await served.get("/api/calls/s1")
        await served.get("/api/incidents/2026-000001")
        await served.get("/api/calls", caller=SRI)
        await served.get("/api/summary")
        await served.refusal("get", "/api/calls/nobody")
        token = served.settings.secrets.api_token
        status, _ = await served.raw("GET", "/api/calls/s2", token=token)
        assert status == 200
        await served.journal.recorder.flushed()
        me = person()
        assert await looks(served.database) == [
            (me, "cli", "call", "s1"),
            (me, "cli", "incident", "i1"),
            (me, "cli", "number", SRI_KEY),
            ("api token", "api", "call", "s2"),
        ]


async def test_what_is_restricted_is_counted_and_not_listed_by_the_number(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
    asked = ("privacy", "request", "-n", SRI, "--kind", "restriction", "--verified", "called back")
    assert (await run(settings, *asked)).code == 0
    ran = await run(settings, "privacy", "done", "1", "--reason", "as the person wishes")
    assert ran.code == 0 and "privacy hold release 1" in ran.out
    # a part of the number as well as the whole of it
    for caller in (SRI, "0812345"):
        ran = await run(settings, "calls", "list", "--caller", caller)
        assert ran.out == "There are no such calls.\n" and " are restricted" in ran.err
    ran = await run(settings, "incident", "list", "--which", "all", "--caller", SRI)
    assert ran.out == "There are no such incidents.\n" and "2 more of this number" in ran.err
    assert (await run(settings, "calls", "list")).out.count("\n") == 6
    assert "offered" in (await run(settings, "report", "summary", "--from", "2026-04-01")).out
    assert (
        await run(settings, "privacy", "hold", "release", "1", "--reason", "asked so")
    ).code == 0
    ran = await run(settings, "calls", "list", "--caller", SRI)
    assert "s1" in ran.out and "restricted" not in ran.err


async def test_no_answer_fails_because_the_trail_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with an_engine(tmp_path) as served:
        await fill(served.database)

        def fails(*_: Any) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(served.journal.recorder, "row", fails)
        assert (await served.get("/api/calls/s1"))["call"]["call_id"] == "s1"


async def test_who_has_looked_at_a_number_is_found_by_an_index(database: Database) -> None:
    await fill(database)
    for kind, target in (
        (Looked.CALL, "s1"),
        (Looked.CALL, "b1"),
        (Looked.INCIDENT, "i2"),
        (Looked.NUMBER, SRI_KEY),
        (Looked.LIST, "calls"),
    ):
        await write_look(database, "sari", kind, target, "x", NOON)
    async with database.session() as session:
        targets = await targets_of(session, SRI_KEY, "ID")
        with questions(database) as asked:
            found = await looks_at(session, targets)
    assert sorted(one.target for one in found) == sorted(["s1", "i2", SRI_KEY])
    async with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("SET enable_seqscan = off")
        steps = await plans(connection, asked)
    assert {one.index for one in steps if one.bounded} == {"ix_access_trail_kind_target_at"}


async def test_the_commands_leave_a_trail_without_an_engine_too(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
    assert (await run(settings, "calls", "show", "s1")).code == 0
    ran = await run(settings, "privacy", "trail", "--call", "s1")
    assert ran.code == 0 and person() in ran.out and "GET /api/calls/{id}" in ran.out
    assert (await run(settings, "privacy", "trail", "-n", SRI)).out.count("GET /api/") == 1
    ran = await run(settings, "privacy", "trail", "--incident", "2026-1")
    assert ran.out == "Nobody has looked, as far as the trail goes back.\n"
    failed_in_one_line(await run(settings, "privacy", "trail"), "Give one of --call")
    # ... and where it cannot be written, the answer is there all the same
    async with Database(settings.url) as database, database.engine.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE access_trail")
    ran = await run(settings, "calls", "show", "s1")
    assert ran.code == 0 and "Sri Rahayu" in ran.out
    assert "the access trail has not been written" in ran.err
