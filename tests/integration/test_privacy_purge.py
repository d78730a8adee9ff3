"""A purge: what is old enough goes, what is held stays, and a little at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from databases import with_tables
from lines import line_settings
from personal import (
    BUDI_KEY,
    ENDED,
    NOON,
    OF_BUDI,
    OF_SRI,
    OVER,
    SRI,
    SRI_KEY,
    TALK,
    add_call,
    add_incident,
    check_folds,
    entries_of,
    events_of,
    fill,
    rows_of,
    whole_text,
)
from test_commands import failed_in_one_line, run
from test_privacy_erase import statistics

from acd.calls.record import EventKind
from acd.rules.retention import Keep, Retention
from incidents.incident import EntryKind
from lab.bench.query_plans import questions
from lab.bench.query_plans import reads as plans
from models.database import Database
from models.tables import (
    AccessTrailRow,
    CallEventRow,
    CallRow,
    IncidentCallRow,
    IncidentEntryRow,
    IncidentReferenceRow,
    IncidentRow,
    PrivacyPurgeRow,
    TextMessageRow,
    WorkItemRow,
)
from models.writing import upsert
from ngalam112.personal_data import purging
from ngalam112.personal_data.holds import place_hold, release_hold
from ngalam112.personal_data.purging import Purge, Purged, list_runs
from ngalam112.personal_data.trail import write_look
from privacy.errors import NotKnown, NotLegal
from privacy.holds import HoldKind
from privacy.purge import DAY_S, Stage
from privacy.trail import Looked

pytest_plugins = ("databases",)

A_YEAR = datetime.fromtimestamp(NOON, UTC) + timedelta(days=365)
BY_INDEX = {
    "ix_calls_arrived_at",
    "ix_incidents_class_opened_at",
    "ix_work_items_created_at",
    "ix_text_conversations_opened_at",
    "ix_privacy_requests_received_at",
    "ix_operator_events_at",
    "ix_operator_states_at",
    "ix_access_trail_at",
    "ix_recordings_arrived_at",
    "ix_privacy_holds_kept",
}


def rules(days: int, row: int | None = None) -> Retention:
    keep = Keep(personal=days, row=row)
    calls = dict.fromkeys(("answered", "lost", "prank", "ghost"), keep)
    incidents = dict.fromkeys(("emergency", "prank", "uncoded"), keep)
    only_rows = Keep(row=row)
    return Retention(
        calls=calls,
        incidents=incidents,
        callbacks=keep,
        texts=keep,
        requests=keep,
        operator_events=only_rows,
        operator_states=only_rows,
        trail=only_rows,
    )


async def nobody(calls: Sequence[str], incidents: Sequence[str]) -> None:
    """No engine has anything in mind."""


async def purged(
    database: Database, how: Retention, now: datetime = A_YEAR, *, writes: bool = True
) -> dict[str, Purged]:
    purge = Purge(database, how, let_go=nobody, by="night", now=now, country="ID", writes=writes)
    return {f"{one.name}/{one.stage}": one for one in await purge.run()}


def went(found: dict[str, Purged]) -> dict[str, int]:
    return {name: one.done for name, one in found.items() if one.done}


async def test_what_is_old_enough_is_of_nobody_any_more_and_counts_as_before(
    database: Database,
) -> None:
    await fill(database)
    before = await statistics(database)
    found = await purged(database, rules(90))
    assert went(found) == {
        "calls.answered/personal": 2,
        "calls.lost/personal": 2,
        "incidents.emergency/personal": 2,
        "callbacks/personal": 2,
        "texts/personal": 2,
    }
    assert await statistics(database) == before
    await check_folds(database)
    left = await whole_text(database)
    listed = (SRI, SRI_KEY, "Jalan Ijen 1", "Oro-oro Dowo")  # the city's list, which is no record
    assert [one for one in (*OF_SRI, *OF_BUDI) if one in left and one not in listed] == []
    assert repr(await rows_of(database, CallRow)).count("erased") == 4


async def test_what_is_younger_stays(database: Database) -> None:
    await fill(database)
    before = await whole_text(database)
    assert went(await purged(database, rules(366))) == {}
    assert await whole_text(database) == before


async def test_looking_ahead_changes_nothing_and_tells_the_same(database: Database) -> None:
    await fill(database)
    before = await whole_text(database)
    seen = await purged(database, rules(90), writes=False)
    assert await whole_text(database) == before
    assert await rows_of(database, PrivacyPurgeRow) == []
    assert went(seen) == went(await purged(database, rules(90)))


async def test_a_class_has_its_own_days(database: Database) -> None:
    await fill(database)
    prank = (EventKind.DISPOSITION, {"disposition": "prank", "operator": "1001"})
    await add_call(database, events_of("p1", "0811", "", NOON, *TALK, ENDED, prank))
    how = Retention(calls={"prank": Keep(personal=30)})
    found = await purged(database, how, A_YEAR - timedelta(days=300))
    assert went(found) == {"calls.prank/personal": 1}
    numbers = {one["call_id"]: one["caller_number"] for one in await rows_of(database, CallRow)}
    assert numbers["p1"] == "erased" and numbers["s1"] == SRI


async def test_rows_go_with_all_that_belongs_to_them(database: Database) -> None:
    await fill(database)
    await write_look(database, "sari", Looked.CALL, "s1", "calls show", NOON)
    async with database.engine.begin() as connection:
        await upsert(connection, IncidentCallRow, [{"call_id": "t1", "incident_id": "gone"}])
    found = await purged(database, rules(90, row=100))
    assert found["calls.answered/row"].done == 2 and found["trail/row"].done == 1
    for model in (
        *(CallRow, CallEventRow, IncidentRow, IncidentEntryRow, IncidentCallRow),
        *(WorkItemRow, TextMessageRow, AccessTrailRow),
    ):
        assert await rows_of(database, model) == []


async def test_what_is_on_hold_stays_until_the_hold_ends(database: Database) -> None:
    await fill(database)
    hold = await place_hold(database, HoldKind.INCIDENT, "i1", "court 12/2026", "dpo", NOON)
    found = await purged(database, rules(90, row=100))
    left = {f"{one.what} {one.name}" for part in found.values() for one in part.left}
    assert left == {"call s1", "incident 2026-000001"}
    assert {one.why for one in found["calls.answered/row"].left} == {
        "on legal hold 1 (court 12/2026)"
    }
    assert [one["call_id"] for one in await rows_of(database, CallRow)] == ["s1"]
    assert went(await purged(database, rules(90, row=100))) == {}
    await release_hold(database, hold.id, "the case is closed", "dpo", NOON + DAY_S)
    found = await purged(database, rules(90, row=100))
    assert found["calls.answered/row"].done == 1 and await rows_of(database, CallRow) == []


async def test_a_page_ends_where_timelines_are_long_and_everything_goes_all_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    real, pages = purging.bit_by_bit, []

    async def counted(work: Any) -> Any:
        pages.append(work)
        return await real(work)

    monkeypatch.setattr(purging, "bit_by_bit", counted)
    monkeypatch.setattr(purging, "TIMELINE", 9)  # each answered call has as many
    found = await purged(database, rules(90))
    assert found["calls.answered/personal"].done == 2
    assert found["incidents.emergency/personal"].done == 2
    # two answered calls and two incidents apart; two lost calls, callbacks and texts together
    assert len(pages) == 2 + 2 + 1 + 1 + 1


async def test_who_has_looked_at_what_is_held_stays_written(database: Database) -> None:
    await fill(database)
    for kind, target in (
        (Looked.CALL, "s1"),
        (Looked.INCIDENT, "i1"),
        (Looked.CALL, "b1"),
        (Looked.TEXT, "t2"),
        (Looked.LIST, "calls"),
        (Looked.NUMBER, SRI_KEY),
    ):
        await write_look(database, "sari", kind, target, "show", NOON)
    await place_hold(database, HoldKind.INCIDENT, "i1", "court", "dpo", NOON)
    await place_hold(database, HoldKind.NUMBER, BUDI_KEY, "court", "dpo", NOON)
    found = await purged(database, Retention(trail=Keep(row=90), requests=Keep()))
    assert found["trail/row"].done == 2 and len(found["trail/row"].left) == 4
    stay = sorted(one["target"] for one in await rows_of(database, AccessTrailRow))
    assert stay == ["b1", "i1", "s1", "t2"]


async def test_an_incident_goes_with_its_references_and_after_what_is_merged_into_it(
    database: Database,
) -> None:
    first = {"number": "2026-000007", "calls": ["x"], "contact": {"number": ""}}
    refer = (EntryKind.REFERENCED, {"system": "LAPOR", "reference": "1"})
    await add_incident(database, entries_of("i7", NOON, (EntryKind.OPENED, first), refer, *OVER))
    merged = ((EntryKind.OPENED, first | {"number": "2026-000008"}), *OVER[:1])
    merged = (*merged, (EntryKind.MERGED, {"into": "i7"}))
    await add_incident(database, entries_of("i8", NOON + DAY_S, *merged))
    async with database.engine.begin() as connection:
        names = {"incident_id": "i7", "system": "LAPOR", "reference": "1"}
        await upsert(connection, IncidentReferenceRow, [names])
    how = rules(90, row=100)
    found = await purged(database, how)
    part = found["incidents.emergency/row"]
    assert (part.done, [one.name for one in part.left]) == (1, ["i7"])
    assert "are merged into it" in part.left[0].why
    assert (await purged(database, how))["incidents.emergency/row"].done == 1
    assert await rows_of(database, IncidentReferenceRow) == []


async def test_a_hold_ends_once_and_with_a_reason(database: Database) -> None:
    with pytest.raises(NotLegal, match="give --reason"):
        await place_hold(database, HoldKind.CALL, "s1", " ", "dpo", NOON)
    hold = await place_hold(database, HoldKind.CALL, "s1", "court", "dpo", NOON)
    with pytest.raises(NotLegal, match="give --reason"):
        await release_hold(database, hold.id, "", "dpo", NOON)
    await release_hold(database, hold.id, "over", "dpo", NOON)
    with pytest.raises(NotLegal, match="released already, by dpo"):
        await release_hold(database, hold.id, "over", "dpo", NOON)
    with pytest.raises(NotKnown, match="no hold 9"):
        await release_hold(database, 9, "over", "dpo", NOON)


async def test_a_purge_that_is_cut_off_is_gone_on_with(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    monkeypatch.setattr(purging, "ROWS", 1)
    real, done = purging.bit_by_bit, []

    async def until_the_power_goes(work: Any) -> Any:
        if len(done) == 3:
            raise RuntimeError("power cut")
        done.append(await real(work))

    monkeypatch.setattr(purging, "bit_by_bit", until_the_power_goes)
    with pytest.raises(RuntimeError, match="power cut"):
        await purged(database, rules(90))
    await check_folds(database)
    monkeypatch.setattr(purging, "bit_by_bit", real)
    found = await purged(database, rules(90))
    assert sum(went(found).values()) == 10 - 3
    async with database.session() as session:
        second, first = await list_runs(session, 5)
    assert first.ended_at is None and second.ended_at is not None
    assert second.whole_at == first.whole_at


async def test_records_are_found_by_an_index_and_what_is_done_is_not_read_again(
    database: Database,
) -> None:
    await fill(database)
    await purged(database, rules(90))
    async with database.engine.begin() as connection:
        await connection.exec_driver_sql("ANALYZE")
    with questions(database) as asked:
        found = await purged(database, rules(90, row=100), writes=False)
    assert found["calls.answered/row"].done == 2
    walks = [one for one in asked if "ORDER BY" in one[0] and "LIMIT" in one[0]]
    assert len(walks) >= 25
    async with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            await connection.exec_driver_sql("SET enable_seqscan = off")
            await connection.exec_driver_sql("SET enable_sort = off")
        steps = await plans(connection, walks)
    wrong = [one.step for one in steps if not (one.bounded and one.index in BY_INDEX)]
    assert [one for one in wrong if "privacy_purges" not in one] == []
    # the persons are out of all of them: the next walk begins at the age at which they went
    begins = [
        next(at for at in part if not isinstance(at, datetime) or at.tzinfo)
        for text, part in walks
        if "FROM calls" in text and "answered" in part and "erased" in part
    ]
    assert [str(one)[:10] for one in begins] == [str(A_YEAR - timedelta(days=90))[:10]]


async def test_the_command_only_looks_unless_it_is_told_to(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
    old = settings.home / "log" / "engine.jsonl.1"
    old.parent.mkdir()
    for path in (old, old.with_name("engine.jsonl")):
        path.write_text("x")
        os.utime(path, (NOON, NOON))
    failed_in_one_line(
        await run(settings, "privacy", "purge", "--apply", "--now", "2036-01-01"), "--apply"
    )
    ran = await run(settings, "privacy", "purge", "--now", "2036-01-01")
    assert ran.code == 0 and "Nothing was changed" in ran.out and "calls.answered" in ran.out
    ran = await run(settings, "privacy", "purge", "--now", "2036-01-01", "--format", "json")
    found = {f"{one['name']}/{one['stage']}": one["done"] for one in json.loads(ran.out)}
    assert found["calls.answered/personal"] == 2 and found["logs/row"] == 1
    ran = await run(settings, "privacy", "purge", "--apply")
    assert ran.code == 0 and ran.out.endswith("Done.\n")
    assert not old.exists() and old.with_name("engine.jsonl").exists()
    ran = await run(settings, "privacy", "hold", "add", "--incident", "2026-1", "--reason", "court")
    assert ran.out == "Hold 1 is placed on incident i1.\n"
    failed_in_one_line(
        await run(settings, "privacy", "hold", "add", "--reason", "court"), "Give one of"
    )
    assert "court" in (await run(settings, "privacy", "hold", "list")).out
    assert (await run(settings, "privacy", "hold", "release", "1", "--reason", "over")).code == 0
    assert (await run(settings, "privacy", "hold", "list")).out == "There are no holds.\n"
    assert "night" not in (await run(settings, "privacy", "purges")).out


async def test_stages_are_in_order() -> None:
    # who is to be removed was erased before, so nothing personal is left in what was deleted
    assert list(Stage) == [Stage.PERSONAL, Stage.ROW]
