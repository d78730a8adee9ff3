"""What a person gets who asks what the line has of them: all of it, and nothing of others."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from databases import with_tables
from lines import line_settings
from personal import (
    BUDI_CONTACT,
    BUDI_KEY,
    LATER,
    NOON,
    OF_BUDI,
    OPERATOR,
    SRI,
    SRI_CONTACT,
    SRI_KEY,
    add_incident,
    entries_of,
    fill,
    rows_of,
)
from test_commands import failed_in_one_line, run

from incidents.incident import EntryKind
from models.database import Database
from models.tables import AccessTrailRow
from ngalam112.cli.privacy_files import as_text
from privacy.redaction import ANOTHER, MASKED, NOT_SHOWN, masked
from reports.privacy_export import Export, export_of
from reports.privacy_subject import Subject, find_subject, is_of

pytest_plugins = ("databases",)

ZONE = ZoneInfo("Asia/Jakarta")


async def of(database: Database, number: str = SRI, caller: str = SRI_KEY) -> Export:
    async with database.session() as session:
        at = datetime.fromtimestamp(LATER, UTC)
        return await export_of(session, number, caller, "ID", ZONE, at)


async def test_all_of_a_number_is_found_in_every_spelling(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database)
    monkeypatch.setattr("reports.privacy_subject._PAGE", 1)  # however many pages there are
    async with database.session() as session:
        found = await find_subject(session, SRI_KEY, "ID")
        nobody = await find_subject(session, "+6281", "ID")
    assert found == Subject(
        caller=SRI_KEY,
        calls=("s1", "s2", "s3"),
        items=("w-s3",),
        texts=("t1",),
        incidents=("i1", "i2"),
        has_place=True,
    )
    assert not nobody.is_known


def test_the_begin_of_a_number_is_another_number() -> None:
    assert is_of("0812-3456-7890", SRI_KEY, "ID")
    assert not is_of(SRI, SRI_KEY[:-1], "ID") and not is_of(SRI[:-1], SRI_KEY, "ID")


async def test_the_person_gets_everything_of_theirs(database: Database) -> None:
    await fill(database)
    found = await of(database)
    assert [one["call_id"] for one in found.calls] == ["s1", "s2", "s3"]
    first = found.calls[0]
    assert (first["caller_number"], first["place"], first["lat"]) == (SRI, "Jalan Ijen 1", -7.9712)
    assert first["arrived_at"] == "2026-04-12T20:20:00+07:00"
    kinds = [one["kind"] for one in first["history"]]
    assert kinds[:2] == ["arrived", "digit"] and kinds[-1] == "ended"
    assert {"digit": "4", "stage": "talking", "means": "yes"} in [
        one["data"] for one in first["history"]
    ]
    (text,) = found.texts
    assert [one["body"] for one in text["messages"]] == ["Jalan Ijen 1, diabetes", "Kami datang"]
    assert [one["note"] for one in found.callbacks] == ["she was asleep"]
    assert found.registered_place is not None
    assert found.registered_place["address"] == "Jalan Ijen 1"
    alone = found.incidents[0]
    assert alone["description"] == f"Sri has diabetes, her son is {MASKED}"
    assert alone["answers"] == {"inside": "Sri's mother"}
    assert {"text": f"call her back: {SRI}"} in [one["data"] for one in alone["timeline"]]


async def test_the_incident_of_what_they_wrote_names_that_and_not_what_others_wrote(
    database: Database,
) -> None:
    await fill(database)
    opened = {"number": "2026-000007", "calls": ["t1"], "contact": SRI_CONTACT}
    linked = (EntryKind.CALL_LINKED, {"call_id": "t2"})
    steps = ((EntryKind.OPENED, opened), linked, (EntryKind.CONTACT, BUDI_CONTACT))
    await add_incident(database, entries_of("i7", NOON + 900, *steps), [SRI_KEY, BUDI_KEY])
    found = (await of(database)).incidents[-1]
    assert (found["number"], found["call_ids"]) == ("2026-000007", ["t1"])


async def test_nothing_of_others_is_in_it(database: Database) -> None:
    await fill(database)
    found = await of(database)
    for written in (msgspec.json.encode(found).decode(), as_text(found)):
        assert [one for one in (*OF_BUDI, OPERATOR, "101", "b1") if f"{one}" in written] == []
    shared = found.incidents[1]
    assert [one["number"] for one in shared["contacts"]] == [ANOTHER, SRI]
    assert shared["call_ids"] == ["s2"] and shared["place"] == NOT_SHOWN
    assert {"text": NOT_SHOWN} in [one["data"] for one in shared["timeline"]]
    assert {one["by"] for one in shared["timeline"]} == {"operator"}
    # ... and the other one gets theirs
    other = await of(database, "0812-9999-9999", BUDI_KEY)
    assert [one["call_id"] for one in other.calls] == ["b1"]
    assert "Sri" not in msgspec.json.encode(other).decode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"call {SRI}", f"call {SRI}"),
        ("call +62 812-3456-7890 now", "call +62 812-3456-7890 now"),
        ("call 0812.9999.9999", f"call {MASKED}"),
        ("house 12, 3 people, 2026", "house 12, 3 people, 2026"),
    ],
)
def test_numbers_of_others_in_a_text_are_masked(text: str, shown: str) -> None:
    assert masked(text, lambda number: is_of(number, SRI_KEY, "ID")) == shown


async def test_the_command_writes_two_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    settings.home.mkdir(mode=0o700)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
    asked = ("privacy", "request", "--number", SRI, "--verified", "by identity card")
    assert (await run(settings, *asked, "--kind", "access")).code == 0
    ran = await run(
        settings, "privacy", "export", "-n", SRI, "-o", str(tmp_path / "sri"), "--request", "1"
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Calls 3, callbacks 1, incidents 2, texts 1.\n")
    for path in (tmp_path / "sri.json", tmp_path / "sri.txt"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert f"Written: {path}" in ran.out
    assert json.loads((tmp_path / "sri.json").read_text("utf-8"))["number"] == SRI
    ran = await run(settings, "privacy", "export", "-n", SRI, "-o", str(tmp_path / "sri"))
    failed_in_one_line(ran, "is there already")
    ran = await run(settings, "privacy", "export", "-n", "0812 9999 9999", "--request", "1")
    failed_in_one_line(ran, "does not ask for access by this number")
    async with Database(settings.url) as database:
        looks = await rows_of(database, AccessTrailRow)
    assert [(one["kind"], one["target"], one["command"]) for one in looks] == [
        ("change", "", "privacy request"),
        *[("number", SRI_KEY, "privacy export")] * 2,
    ]
    assert looks[0]["at"] > NOON and looks[0]["who"]
    shown = await run(settings, "privacy", "show", "1")
    assert "exported" in shown.out and "sri.json, sri.txt" in shown.out
