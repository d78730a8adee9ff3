"""Incidents as people use them: by commands and by the API, with an engine up and with it down."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lines import eventually
from served import ServedEngine, a_record, an_engine, keep
from test_commands import Ran, failed_in_one_line, run

from acd.work_items.states import ItemOutcome
from ngalam112.api import written

YEAR = f"{datetime.now(ZoneInfo('Asia/Jakarta')):%Y}"  # of the incidents' numbers
FIRST = f"/api/incidents/{YEAR}-1"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        yield one


async def answered(served: ServedEngine, call: str, number: str, **changes: Any) -> str:
    """A citizen's call is answered by 1001; returns the incident's number."""
    at = time.time()  # of this test: one that was answered long ago is soon uncoded
    record = a_record(call, at, caller_number=number, operator="1001", **changes)
    record.operator_answered_at, record.caller_name = at, "Budi"
    book = served.engine.router.incidents
    await served.engine.do(lambda now: book.call_answered(record, at))
    await keep(served.database, record)
    opened = book.of_call(call)
    assert opened is not None
    return opened.number


async def incident(served: ServedEngine, *args: str) -> Ran:
    return await run(served.settings, "incident", *args)


async def shown(served: ServedEngine, name: str) -> Any:
    return json.loads((await incident(served, "show", name, "-f", "json")).out)


async def ok(served: ServedEngine, *args: str) -> str:
    ran = await incident(served, *args)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


async def test_an_incident_from_the_call_to_its_end_by_commands(served: ServedEngine) -> None:
    number = await answered(served, "c1", "08123456789", category="fire")
    assert number == f"{YEAR}-000001"
    assert f"{YEAR}-000001" in await ok(served, "list", "--which", "not_coded")
    said = await ok(served, "code", f"{YEAR}-1", "kebakaran rumah", "--by", "1001")
    assert said == f"Incident {YEAR}-000001 is coded: emergency, fire_building.\n"
    await ok(
        served,
        *("set", f"{YEAR}-1", "--description", "Asap di lantai 2", "--place", "Jalan Ijen 1"),
        *("--kelurahan", "Oro-oro Dowo", "--priority", "1", "--answer", "inside=yes"),
        *("--contact", "08123456789", "--contact-name", "Budi", "--wants-outcome"),
    )
    await ok(served, "note", "c1", "The caller is the neighbour.", "--by", "1001")
    for step, state in (("scene", "on scene"), ("resolve", "resolved")):
        assert f"is {state}." in await ok(served, step, f"{YEAR}-1", "--by", "damkar")
    assert "is closed." in await ok(served, "close", f"{YEAR}-1", "--reason", "told the caller")
    found = await shown(served, f"{YEAR}-1")
    row = found["incident"]
    assert (row["state"], row["incident_class"], row["priority"]) == ("closed", "emergency", 1)
    assert row["contacts"][0]["wants_outcome"] and row["answers"] == {"inside": "yes"}
    kinds = [one["kind"] for one in found["entries"]]
    assert kinds == [
        *("opened", "coded", "described", "located", "prioritised", "contact", "answered"),
        *("noted", "moved", "moved", "moved"),
    ]
    assert [one["by"] for one in found["entries"]][-3:] == ["damkar"] * 2 + ["supervisor"]
    assert (await ok(served, "list")) == "There are no such incidents.\n"
    screen = await ok(served, "show", f"{YEAR}-000001")
    assert "Asap di lantai 2" in screen and "Budi (wants to hear the outcome)" in screen


async def test_what_makes_no_sense_is_refused_in_one_sentence(served: ServedEngine) -> None:
    await answered(served, "c1", "08123456789")
    await ok(served, "close", f"{YEAR}-1")
    failed_in_one_line(
        await incident(served, "scene", f"{YEAR}-1"), "is closed and cannot become on_scene"
    )
    failed_in_one_line(
        await incident(served, "show", f"{YEAR}-9"), f"no incident '{YEAR}-9'", "list"
    )
    failed_in_one_line(await incident(served, "code", f"{YEAR}-1", "fire"[:2]), "fire_")
    failed_in_one_line(await incident(served, "code", f"{YEAR}-1", "unicorn"), "none is called")
    failed_in_one_line(
        await incident(served, "code", f"{YEAR}-1", "--class", "fun"), "Invalid enum value 'fun'"
    )
    failed_in_one_line(await incident(served, "set", f"{YEAR}-1"), "nothing was given")
    failed_in_one_line(
        await incident(served, "set", f"{YEAR}-1", "--place", "x" * 10_000), "length <= 255"
    )
    failed_in_one_line(await incident(served, "list", "--which", "odd"), "'odd'", "uncoded")
    failed_in_one_line(await incident(served, "unmerge", f"{YEAR}-1"), "not merged into any other")


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/api/incidents", {"description": " \n"}, "The description has nothing but blanks"),
        (f"{FIRST}/note", {"text": "\u3000"}, "The text has nothing but blanks"),
        (f"{FIRST}/change", {"where": {"lat": -7.98}}, "A point has both lat and lon"),
        (f"{FIRST}/change", {"where": {}}, "Say where; nothing was given"),
        (f"{FIRST}/change", {"contact": {"name": " "}}, "a number or a name"),
    ],
)
async def test_a_body_that_says_nothing_changes_nothing(
    served: ServedEngine, path: str, body: dict[str, Any], says: str
) -> None:
    await answered(served, "c1", "08123456789")
    status, sentence = await served.refusal("post", path, **body)
    assert (status, says in sentence) == (400, True), sentence
    assert (await shown(served, f"{YEAR}-1"))["incident"]["version"] == 1


async def test_two_who_change_one_incident_lose_nothing(served: ServedEngine) -> None:
    await answered(served, "c1", "08123456789")
    await ok(served, "set", f"{YEAR}-1", "--place", "Jalan Ijen", "--version", "1")
    late = await incident(served, "set", f"{YEAR}-1", "--place", "Jalan Kawi", "--version", "1")
    failed_in_one_line(late, "changed meanwhile", "version 1", "is 2 now")
    await asyncio.gather(*(ok(served, "note", f"{YEAR}-1", f"note {at}") for at in range(4)))

    async def all_there() -> bool:
        found = await served.get(f"/api/incidents/{YEAR}-1")
        assert found["incident"]["place"] == "Jalan Ijen"
        notes = {one["data"]["text"] for one in found["entries"] if one["kind"] == "noted"}
        return notes == {"note 0", "note 1", "note 2", "note 3"}

    await eventually(all_there, what="all notes are in the database")


async def test_ten_calls_about_one_fire_become_one_incident_and_ten_again(
    served: ServedEngine,
) -> None:
    for at in range(10):
        await answered(
            served,
            *(f"c{at}", f"0812345678{at}"),
            category="fire",
            place_source="value",
            lat=-7.97 + at / 1000,
            lon=112.63,
        )
    before = {
        f"{YEAR}-{at}": (await shown(served, f"{YEAR}-{at}"))["incident"] for at in range(1, 11)
    }
    proposals = (await shown(served, f"{YEAR}-1"))["proposals"]
    near = [one["incident"]["number"] for one in proposals]
    assert near == [f"{YEAR}-{at:06d}" for at in range(2, 6)], "within 500 m, the nearest first"
    assert {one["because"] for one in proposals} == {"place"}
    for at in range(2, 11):
        said = await ok(served, "merge", f"{YEAR}-{at}", f"{YEAR}-1")
        assert said == f"Incident {YEAR}-000001 stands for {YEAR}-{at} as well.\n"
    found = await shown(served, f"{YEAR}-1")
    contacts = [one["contacts"] for one in (found["incident"], *found["merged"])]
    assert sum(map(len, contacts)) == 10
    rows = json.loads((await incident(served, "list", "-f", "json")).out)
    assert [row["number"] for row in rows] == [f"{YEAR}-000001"]
    for at in range(2, 11):
        await ok(served, "unmerge", f"{YEAR}-{at}")
    for number, was in before.items():
        row = (await shown(served, number))["incident"]
        assert row | {"version": 0, "changed_at": ""} == was | {"version": 0, "changed_at": ""}


async def test_the_same_caller_s_open_incident_is_proposed_with_its_text(
    served: ServedEngine,
) -> None:
    await answered(served, "c1", "08123456789")
    await ok(served, "set", f"{YEAR}-1", "--description", "Pohon tumbang di Jalan Kawi")
    await answered(served, "c2", "+628123456789")
    screen = await ok(served, "show", f"{YEAR}-2")
    assert "same caller?" in screen and "Pohon tumbang" in screen
    await ok(served, "link", f"{YEAR}-1", "c2")
    first = (await shown(served, f"{YEAR}-1"))["incident"]
    assert first["call_ids"] == ["c1", "c2"]
    assert (await shown(served, "c2"))["incident"]["number"] == f"{YEAR}-000001"
    assert (await shown(served, f"{YEAR}-2"))["incident"]["call_ids"] == []


async def test_one_is_opened_by_hand_and_read_while_the_engine_is_down(tmp_path: Path) -> None:
    async with an_engine(tmp_path / "home") as served:
        said = await ok(
            served, "open", "Jalan berlubang", "--place", "Jalan Veteran", "--number", "0811222333"
        )
        number = said.split()[1]
        await ok(served, "code", number, "92")
        settings = served.settings
    ran = await run(settings, "incident", "show", number, "-f", "json")
    row = json.loads(ran.out)["incident"]
    assert (row["description"], row["incident_class"]) == ("Jalan berlubang", "complaint")
    assert row["category"] == "road_damage"
    assert "engine is down" in ran.err
    listed = await run(settings, "incident", "list", "--caller", "+62811222333", "-f", "csv")
    assert number in listed.out
    for text, is_found in (("veter BERLUB", True), ("x" * 10_000, False), ("'\" OR *", False)):
        listed = await run(settings, "incident", "list", "--text", text)
        assert (listed.code, number in listed.out) == (0, is_found), text


async def test_what_the_engine_has_in_hand_is_changed_without_the_database(
    served: ServedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await answered(served, "c1", "08123456789")

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(written, "WRITTEN_WITHIN_S", 0.1)
    monkeypatch.setattr(served.journal.recorder, "flushed", never)
    changed = await served.post(f"/api/incidents/{YEAR}-1/note", text="while it is away")
    assert changed["version"] == 2
    status, sentence = await served.refusal("post", f"/api/incidents/{YEAR}-9/note", text="x")
    assert (status, "nothing is changed" in sentence) == (503, True)


async def test_incidents_are_read_on_page_by_page(served: ServedEngine) -> None:
    made = [(await served.post("/api/incidents", description=f"n{at}"))["id"] for at in range(5)]
    first = (await served.get("/api/incidents", limit="2"))["incidents"]
    last = first[-1]["id"]
    rest = (await served.get("/api/incidents", before=last))["incidents"]
    assert [one["id"] for one in (*first, *rest)] == made[::-1]
    status, words = await served.refusal("get", "/api/incidents", before="x")
    assert (status, "no row 'x'" in words) == (400, True)
    status, words = await served.refusal("get", "/api/texts", before="x")
    assert (status, "no row 'x'" in words) == (400, True)


async def test_withheld_numbers_are_seen_as_the_city_has_set_it(tmp_path: Path) -> None:
    async with an_engine(tmp_path / "home") as served:
        await answered(served, "c1", "08123456789", withheld=True)
        served.settings.withheld_numbers = "masked"
        found = await served.get("/api/incidents/c1")
        assert "08123456789" not in json.dumps(found) and "Budi" not in json.dumps(found)
        listed = await served.get("/api/incidents")
        assert "08123456789" not in json.dumps(listed)


async def test_a_hostile_text_harms_no_screen_and_no_spreadsheet(served: ServedEngine) -> None:
    evil = "=cmd|' /C calc'!A0 \x1b[2J[bold]\u202e"
    await ok(served, "open", evil, "--name", evil)
    screen = await ok(served, "list")
    assert "\x1b[2J" not in screen and "\u202e" not in screen
    sheet = await ok(served, "list", "-f", "csv")
    assert "'=cmd" in sheet


async def test_the_rows_are_in_the_database(served: ServedEngine) -> None:
    await answered(served, "c1", "08123456789")

    async def listed() -> bool:
        rows = (await served.get("/api/incidents", which="all"))["incidents"]
        return [row["number"] for row in rows] == [f"{YEAR}-000001"]

    await eventually(listed, what="written")


async def test_the_caller_of_an_incident_is_to_be_rung_by_command(tmp_path: Path) -> None:
    async with an_engine(tmp_path, carrier="127.0.0.1:9") as served:
        await answered(served, "c1", "08123456789")
        await ok(served, "open", "Nobody has called about this")
        for name, words in ((f"{YEAR}-2", "has no call"), (f"{YEAR}-9", "no incident")):
            failed_in_one_line(await incident(served, "verify", name), words)
        nobody = await incident(served, "verify", f"{YEAR}-1", "--operator", "9")
        failed_in_one_line(nobody, "no operator 9")
        assert "is to be verified" in await ok(served, "verify", f"{YEAR}-1", "--by", "1004")
        failed_in_one_line(await incident(served, "verify", f"{YEAR}-1"), "verified already")
        assert "the caller is to be rung" in await ok(served, "show", f"{YEAR}-1")
        (work,) = served.engine.router.offers.open.values()
        listed = await served.get("/api/callbacks", which="all")
        assert listed["callbacks"] == [], "it is no callback of a lost call"

        def talked(now: float) -> None:
            work.item.closed_by = "1004"
            verifications = served.engine.router.verifications
            verifications._close(work, ItemOutcome.REACHED, "talked", now, by="1004")

        await served.engine.do(talked)

        async def said() -> bool:
            return "verified by 1004 at 20" in await ok(served, "show", f"{YEAR}-1")

        await eventually(said, what="the incident is verified in the database")
        found = await served.get(f"/api/incidents/{YEAR}-1")
        kinds = [one["kind"] for one in found["entries"]]
        assert kinds == ["opened", "verification_asked", "verified"]


async def test_without_a_carrier_nobody_is_rung_to_verify(served: ServedEngine) -> None:
    await answered(served, "c1", "08123456789")
    failed_in_one_line(await incident(served, "verify", f"{YEAR}-1"), "No carrier is set")
    assert (await shown(served, f"{YEAR}-1"))["incident"]["verification"] is None
