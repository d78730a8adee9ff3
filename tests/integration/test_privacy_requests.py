"""Requests of citizens on both databases, and as people see them at the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from lines import line_settings
from sqlalchemy import update
from test_commands import failed_in_one_line, run

from lab.bench.query_plans import questions
from lab.bench.query_plans import reads as plans
from models.database import Database
from models.tables import PrivacyRequestRow
from ngalam112.cli.doctor_privacy import check_privacy
from ngalam112.personal_data import requests
from ngalam112.personal_data.requests import move, note, take_down
from privacy.errors import ChangedMeanwhile, NotKnown, NotLegal
from privacy.requests import DUE_S, Request, RequestKind, RequestState
from reports.errors import BadQuestion
from reports.privacy_requests import due_requests, list_requests, show_request

pytest_plugins = ("databases",)

NOW = 1_776_000_000.0
HOSTILE = "\0'; DROP TABLE privacy_requests; --\ud800\x1b[2J"


async def taken(database: Database, **changes: Any) -> Request:
    given: dict[str, Any] = {"caller": "+6281234567890", "number": "081234567890"}
    given |= {"verified": "called back", "by": "sari", "now": NOW, "kind": RequestKind.ACCESS}
    given |= changes
    return await take_down(database, given.pop("kind"), **given)


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


async def test_a_request_has_its_deadline_in_the_database_and_each_step_in_its_history(
    database: Database,
) -> None:
    made = await taken(database, text="everything, please")
    assert (made.id, made.due_at) == (1, NOW + DUE_S)
    await move(database, made.id, RequestState.IN_HAND, "budi", NOW + 60)
    await note(database, made.id, "exported", "budi", NOW + 90, "export.json")
    await move(database, made.id, RequestState.DONE, "budi", NOW + 120, "handed over")
    async with database.session() as session:
        found = await show_request(session, made.id)
    assert (found.request.state, found.request.closed_at) == (RequestState.DONE, NOW + 120)
    assert found.request.due_at == NOW + DUE_S
    assert [(one.seq, one.kind, one.by, one.text) for one in found.steps] == [
        (1, "received", "sari", "everything, please"),
        (2, "in_hand", "budi", ""),
        (3, "exported", "budi", "export.json"),
        (4, "done", "budi", "handed over"),
    ]


async def test_a_move_that_is_not_legal_changes_nothing(database: Database) -> None:
    made = await taken(database)
    await move(database, made.id, RequestState.REFUSED, "budi", NOW, "exposes others")
    with pytest.raises(NotLegal, match="is refused already"):
        await move(database, made.id, RequestState.DONE, "budi", NOW + 1, "after all")
    with pytest.raises(NotKnown, match="no request 99"):
        await move(database, 99, RequestState.DONE, "budi", NOW, "x")
    async with database.session() as session:
        assert len((await show_request(session, made.id)).steps) == 2


async def test_of_two_who_change_one_request_the_second_is_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await taken(database)
    read = requests._read

    async def read_an_older_one(*given: Any) -> Request:
        found = await read(*given)
        await given[0].execute(update(PrivacyRequestRow).values(entries=found.entries + 1))
        return found

    monkeypatch.setattr(requests, "_read", read_an_older_one)
    with pytest.raises(ChangedMeanwhile, match="look at it again"):
        await move(database, made.id, RequestState.IN_HAND, "budi", NOW)


async def test_what_is_open_and_what_is_late_is_found_by_an_index(database: Database) -> None:
    late = await taken(database, now=NOW - DUE_S - 1)
    soon = await taken(database, kind=RequestKind.ERASURE)
    over = await taken(database, now=NOW - 2 * DUE_S)
    await move(database, over.id, RequestState.DONE, "budi", NOW, "done")
    with questions(database) as asked:
        async with database.session() as session:
            opened = await list_requests(session, at(NOW))
            overdue = await list_requests(session, at(NOW), "overdue")
            assert await due_requests(session, at(NOW)) == (2, 1)
    assert [one.id for one in opened] == [late.id, soon.id]
    assert [one.id for one in overdue] == [late.id]
    async with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("SET enable_seqscan = off")
        assert {one.index for one in await plans(connection, asked)} == {"ix_privacy_requests_open"}
    async with database.session() as session:
        found = await list_requests(session, at(NOW), "all", caller="+6281234567890")
        assert len(found) == 3
        assert [one.id for one in await list_requests(session, at(NOW), "done")] == [over.id]
        with pytest.raises(BadQuestion, match="'lost'; choose one of open, overdue"):
            await list_requests(session, at(NOW), "lost")


async def test_whatever_is_said_is_kept(database: Database) -> None:
    made = await taken(database, verified=HOSTILE * 50, text=HOSTILE * 50)
    async with database.session() as session:
        found = await show_request(session, made.id)
    assert len(found.request.verified) <= 255 and "DROP TABLE" in found.steps[0].text


async def test_the_commands_take_a_request_down_and_tell_when_it_is_late(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    asked = ("privacy", "request", "--kind", "access", "--verified", "called back")
    ran = await run(settings, *asked, "--number", "0812 3456 7890", "--received", "2026-11-01")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "Request 1 (access) is taken down; it is due 2026-11-04 00:00.\n"
    failed_in_one_line(await run(settings, *asked, "--number", "anonymous"), "no telephone number")
    check, _ = await check_privacy(settings)
    assert check.state == "warning" and check.found.startswith("1 of 1 that are open should")
    ran = await run(settings, "privacy", "list", "--overdue")
    assert ran.code == 1 and "0812 3456 7890" in ran.out and "overdue" in ran.out
    assert (await run(settings, "privacy", "take", "1")).code == 0
    ran = await run(settings, "privacy", "refuse", "1", "--reason", "is not theirs")
    assert ran.code == 0 and ran.out.startswith("Request 1 is refused, ")
    ran = await run(settings, "privacy", "list", "--overdue")
    assert (ran.code, ran.out) == (0, "Nothing is overdue.\n")
    assert [(one.state, one.found) for one in await check_privacy(settings)] == [
        ("ok", "none is open"),
        ("ok", "none is open"),
    ]
    ran = await run(settings, "privacy", "show", "1", "--format", "json")
    assert [one["kind"] for one in json.loads(ran.out)["steps"]] == [
        "received",
        "in_hand",
        "refused",
    ]
    failed_in_one_line(await run(settings, "privacy", "show", "7"), "no request 7")
    old = await run(settings, *asked, "--number", "0812 3456 7890", "--received", "1850-01-01")
    failed_in_one_line(old, "is before UU 27/2022")
    for words in (
        *(("show",), ("hold", "release", "--reason", "x"), ("breach", "show")),
        ("erase", "-n", "081234567890", "--request"),
    ):
        ran = await run(settings, "privacy", *words, "9" * 30)
        assert ran.code == 2 and "Usage:" in ran.err and "Traceback" not in ran.err
