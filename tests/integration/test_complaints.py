"""Complaints as people use them: agreed times and references by commands, on both databases."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from databases import Outage
from lines import eventually
from served import ServedEngine, an_engine
from test_commands import Ran, failed_in_one_line, run

from acd.texts.ports import Received
from incidents.book import By
from incidents.incident import EntryKind
from incidents.report import report_of
from incidents.states import IncidentState
from ngalam112.api import complaint_closing
from ngalam112.api.complaint_closing import PAGE, ComplaintClosing
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.api.status_questions import MOST_A_DAY, MOST_WRONG, StatusQuestions
from reports.complaints import to_close

pytest_plugins = ("databases",)

DAY_S = 86_400.0
ZONE = ZoneInfo("Asia/Jakarta")


@pytest.fixture
async def served(tmp_path: Path, database_url: str) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home", database_url=database_url) as one:
        yield one


async def incident(served: ServedEngine, *args: str) -> Ran:
    return await run(served.settings, "incident", *args)


async def ok(served: ServedEngine, *args: str) -> str:
    ran = await incident(served, *args)
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.out


async def shown(served: ServedEngine, name: str) -> Any:
    return json.loads(await ok(served, "show", name, "-f", "json"))


async def complain(served: ServedEngine, days_ago: float, *states: IncidentState) -> str:
    """A complaint that came to these states so long ago; returns its number."""
    at, book = time.time() - days_ago * DAY_S, served.engine.router.incidents
    category = served.engine.categories.get("road_damage")
    assert category is not None

    def opened(_: float) -> str:
        by = By("1001", "phone")
        made = book.open({"description": "Jalan berlubang"}, by, at)
        book.code(made, category.national_class, by, at, category=category.id)
        for state in states:
            book.move(made, state, by, at, "")
        return made.number

    number: str = await served.engine.do(opened)
    return number


async def test_what_is_overdue_is_listed_and_what_is_due_is_shown(served: ServedEngine) -> None:
    assert await ok(served, "alarms") == "All agencies are within their times.\n"
    nothing = await ok(served, "list", "--which", "overdue_complaints")
    assert nothing == "No complaint is overdue.\n"
    late, fresh = await complain(served, 30), await complain(served, 0)
    listed = await ok(served, "list", "--which", "overdue_complaints")
    assert late in listed and fresh not in listed and "forward" in listed
    alarms = await ok(served, "alarms")
    assert late in alarms and fresh not in alarms
    screen = await ok(served, "show", fresh)
    day = served.engine.router.incidents.named(fresh)
    assert day is not None and day.due_at is not None
    assert "(3 working days): has to be with an agency" in screen
    assert f"{datetime.fromtimestamp(day.due_at, ZONE):%Y-%m-%d} (3" in screen
    assert "class complaint, category road_damage, due 20" in screen
    assert "working days ago)" in await ok(served, "show", late)
    found = json.loads(await ok(served, "list", "--which", "overdue_complaints", "-f", "json"))
    assert [(one["number"], one["due_for"]) for one in found] == [(late, "forward")]


async def test_a_pass_closes_what_nobody_replied_to_once_and_nothing_else(
    served: ServedEngine,
) -> None:
    resolved = IncidentState.RESOLVED
    old, young = await complain(served, 30, resolved), await complain(served, 1, resolved)
    again = await complain(served, 30, resolved, IncidentState.REOPENED)
    replied = await complain(served, 30, resolved)
    await ok(served, "note", replied, "Belum diperbaiki", "--reply")
    await served.journal.recorder.flushed()
    closing = a_closing(served)
    for _ in range(2):
        await closing.look()
    assert closing.closed == 1
    rows = {name: (await shown(served, name))["incident"] for name in (old, young, again, replied)}
    states = [rows[name]["state"] for name in (old, young, again, replied)]
    assert states == ["closed", "resolved", "reopened", "resolved"]
    entries = (await shown(served, old))["entries"]
    assert [one["data"].get("state") for one in entries].count("closed") == 1
    assert entries[-1]["by"] == "line"


async def test_a_pass_goes_on_where_an_engine_has_forgotten_and_reads_in_pages(
    served: ServedEngine,
) -> None:
    numbers = [
        await complain(served, 30 + at / 100, IncidentState.RESOLVED) for at in range(PAGE + 5)
    ]
    await served.journal.recorder.flushed()
    book = served.engine.router.incidents
    book.in_hand.clear()  # as another engine's, which has only the database
    async with served.database.session() as session:
        page = await to_close(session, datetime.now(UTC), None, PAGE)
        assert len(page) == PAGE and page == sorted(page)
    closing = a_closing(served)
    await closing.look()
    assert closing.closed == len(numbers)
    await served.journal.recorder.flushed()
    async with served.database.session() as session:
        assert await to_close(session, datetime.now(UTC), None, PAGE) == []


async def test_a_stale_page_closes_nothing_that_was_reopened_meanwhile(
    served: ServedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await complain(served, 30, IncidentState.RESOLVED)
    await served.journal.recorder.flushed()
    closing, read = a_closing(served), ComplaintClosing._look_at

    async def late(self: ComplaintClosing, incident_id: str) -> None:
        await ok(served, "reopen", number, "--reason", "belum selesai")
        await read(self, incident_id)

    monkeypatch.setattr(ComplaintClosing, "_look_at", late)
    await closing.look()
    assert closing.closed == 0
    assert (await shown(served, number))["incident"]["state"] == "reopened"


async def test_the_pass_goes_on_after_the_database_was_away(
    served: ServedEngine, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complaint_closing, "EVERY_S", 0.05)
    number = await complain(served, 30, IncidentState.RESOLVED)
    await served.journal.recorder.flushed()
    closing, looks = a_closing(served), 0
    look = closing.look

    async def counted() -> None:
        nonlocal looks
        looks += 1
        await look()

    monkeypatch.setattr(closing, "look", counted)
    with outage():
        task = asyncio.create_task(closing.run())
        # SQLite may still be read, and what is done is kept in the journal; PostgreSQL may not
        await eventually(lambda: looks >= 2, within=30, what="it has looked")
        assert not task.done()
    try:
        await eventually(lambda: closing.closed == 1, within=30, what="it is closed")
        before = looks
        await eventually(lambda: looks > before + 1, within=30, what="it has looked again")
        assert closing.closed == 1 and not task.done()
    finally:
        task.cancel()
    assert (await shown(served, number))["incident"]["state"] == "closed"


async def test_a_reference_is_set_shown_found_and_taken_back(served: ServedEngine) -> None:
    number, other = await complain(served, 0), await complain(served, 0)
    await ok(served, "set", number, "--reference", "LAPOR=123", "--reference", "sambat=A-7")
    await ok(served, "set", other, "--reference", "LAPOR=123")
    assert "SAMBAT:A-7" in await ok(served, "show", "sambat:A-7")
    failed_in_one_line(await incident(served, "show", "LAPOR:123"), "Several", number, other)
    await ok(served, "set", other, "--no-reference", "LAPOR=123")
    assert (await shown(served, "LAPOR:123"))["incident"]["number"] == number
    failed_in_one_line(await incident(served, "show", "LAPOR:9"), "no incident 'LAPOR:9'")
    csv = await ok(served, "list", "-f", "csv")
    assert "LAPOR" in csv and "references" in csv.splitlines()[0]
    kinds = [one["kind"] for one in (await shown(served, number))["entries"]]
    assert kinds.count(EntryKind.REFERENCED) == 2


@pytest.mark.parametrize("bad", ["LAPOR", "=1", "LA POR=1", "LAPOR='; DROP", "LAPOR=" + "9" * 65])
async def test_a_reference_that_is_none_is_refused(served: ServedEngine, bad: str) -> None:
    number = await complain(served, 0)
    ran = await incident(served, "set", number, "--reference", bad)
    assert ran.code != 0 and len(ran.err.strip().splitlines()) == 1, ran
    assert (await shown(served, number))["incident"]["references"] == []


def a_closing(served: ServedEngine) -> ComplaintClosing:
    lookup = IncidentLookup(served.engine, served.database, served.journal)
    return ComplaintClosing(served.engine, served.database, lookup)


async def a_question(served: ServedEngine, name: str, sender: str, body: str) -> str | None:
    """What the line answers by itself to a message."""
    one = Received(id=name, at=0.0, number=sender, address=f"{sender}@c", body=body, size=1)
    found = await served.engine.text_service.answers([one])
    return found.get(name)


async def test_a_message_of_a_contact_is_answered_and_wrong_numbers_are_not_looked_up_for_ever(
    served: ServedEngine,
) -> None:
    opened = await ok(
        served,
        *("open", "rumah Budi", "--category", "noise", "--number", "08123456789", "--name", "Budi"),
        *("--place", "Jalan Ijen 1"),
    )
    number = opened.split()[1]
    told = await a_question(served, "m1", "+62 812-3456-789", f"status {number}")
    assert told is not None and told.startswith("112: laporan ")
    assert told.endswith("sudah diterima."), "that it is to be forwarded by then is no answer"
    assert not any(word in told for word in ("Budi", "Ijen", "0812", "rumah"))
    await ok(served, "resolve", number)
    told = await a_question(served, "m2", "08123456789", number)
    assert told is not None and told.endswith("sudah ditindaklanjuti.")
    assert await a_question(served, "m3", "08123456789", "123") is None, "that may be anything"
    for at in range(MOST_WRONG):
        assert await a_question(served, f"w{at}", "08999", f"STATUS {number}") is None
        assert await a_question(served, f"x{at}", "08123456789", f"STATUS {900 + at}") is None
    assert await a_question(served, "m4", "08123456789", f"STATUS {number}") is None, "no more"
    assert not served.engine.text_service.intake.taken_in, "nothing was taken from the operators"


async def test_who_asks_too_often_is_read_by_operators(served: ServedEngine) -> None:
    allowances = StatusQuestions(served.engine, a_closing(served)._lookup).allowances
    asked = [allowances.may_ask("a", "2026-11-30") for _ in range(MOST_A_DAY + 1)]
    assert asked == [True] * MOST_A_DAY + [False]
    assert allowances.may_ask("b", "2026-11-30") and allowances.may_ask("a", "2026-12-01")


async def test_what_is_typed_is_found_through_merges_and_for_contacts_alone_in_full(
    served: ServedEngine,
) -> None:
    questions = StatusQuestions(served.engine, a_closing(served)._lookup)
    opened = await ok(served, "open", "x", "--category", "noise", "--number", "08123456789")
    number, into = opened.split()[1], await complain(served, 0)
    await ok(served, "dispatch", into, "damkar")
    await ok(served, "merge", number, into)
    digits = str(int(number.partition("-")[2]))
    for typed in (digits, number.replace("-", "")):
        mine = await questions.find(typed, "08123456789")
        assert mine is not None
        assert (mine.state, mine.agency, mine.is_contact) == ("dispatched", "damkar", True)
        assert mine.expected_at is not None
    for caller in ("", "08999"):
        other = await questions.find(digits, caller)
        assert other is not None
        assert (other.state, other.agency, other.expected_at) == ("dispatched", None, None)
    assert await questions.find("999", "08123456789") is None


async def test_a_report_to_an_agency_tells_what_other_systems_call_it(
    served: ServedEngine,
) -> None:
    number = await complain(served, 0)
    await ok(served, "set", number, "--reference", "LAPOR=123")
    one = served.engine.router.incidents.named(number)
    assert one is not None
    report = report_of(one, "d", "damkar", "", "")
    assert report.references == ("LAPOR:123",) and "Rujukan: LAPOR:123" in report.text()
