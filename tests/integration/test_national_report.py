"""The national report out of both databases, and as the files that people get."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from databases import with_tables
from lines import line_settings
from lxml import etree
from test_commands import failed_in_one_line, run

from acd.calls.record import CallRecord, Outcome
from acd.work_items.callbacks import KIND
from acd.work_items.item import WorkItem
from acd.work_items.states import ItemOutcome
from incidents.categories_file import load_categories
from incidents.dispatch import Channel, Delivery, Dispatch, DispatchState
from incidents.incident import Contact, Incident
from incidents.states import IncidentClass, IncidentState
from lab.bench.incidents import fill as fill_a_city
from lab.bench.query_plans import questions
from lab.bench.query_plans import reads as plans
from models.database import Database
from models.tables import (
    AgencyRow,
    CallRow,
    DispatchRow,
    IncidentCallRow,
    IncidentEntryRow,
    IncidentRow,
    WorkItemRow,
)
from models.writing import upsert
from ngalam112.cli.national_files import write_sheets_csv, xlsx
from reports.national import national_report
from reports.national_facts import Month
from reports.national_figures import NationalReport
from reports.national_mapping import load_mapping
from reports.national_sheets import Sheet, sheets

pytest_plugins = ("databases",)

ZONE = ZoneInfo("Asia/Jakarta")
BEGIN = datetime(2026, 11, 1, tzinfo=ZONE)
END = datetime(2026, 12, 1, tzinfo=ZONE)
NOON = datetime(2026, 11, 10, 12, tzinfo=ZONE).timestamp()
NOW = datetime(2026, 12, 1, 8, tzinfo=ZONE)
LAYOUT = load_mapping()
TREE = load_categories()
KECAMATAN = ["Blimbing", "Kedungkandang", "Klojen", "Lowokwaru", "Sukun"]
FORMULA = "=cmd|' /C calc'!A0"
SECRETS = ("0812345678", "Budi", "Jalan Ijen 1", "api dari atap")


# --- what is in the database ---------------------------------------------------------------------


def a_call(id: str, at: float = NOON, **changes: Any) -> CallRecord:
    given: dict[str, Any] = {
        "arrived_at": at,
        "ended_at": at + 60,
        "outcome": Outcome.ANSWERED,
        "queued_at": at,
        "operator_answered_at": at + 5,
        "wait_ms": 5000,
        "caller_number": SECRETS[0],
        "caller_name": SECRETS[1],
    }
    return CallRecord(call_id=id, **(given | changes))


def an_incident(id: str, at: float = NOON, **changes: Any) -> Incident:
    given: dict[str, Any] = {
        "opened_at": at,
        "incident_class": IncidentClass.EMERGENCY,
        "category": "fire_building",
        "kecamatan": "Klojen",
        "place": SECRETS[2],
        "description": SECRETS[3],
        "contacts": [Contact(number=SECRETS[0], name=SECRETS[1])],
        "coded_at": at,
    }
    return Incident(id=id, **(given | changes))


def a_dispatch(id: str, incident: str, agency: str, **changes: Any) -> Dispatch:
    given: dict[str, Any] = {
        "state": DispatchState.DONE,
        "created_at": NOON + 60,
        "acknowledged_at": NOON + 150,
        "deliveries": [
            Delivery(channel=Channel.MAIL, address="a@b.example", delivered_at=NOON + 61)
        ],
    }
    return Dispatch(id=id, incident_id=incident, agency=agency, **(given | changes))


def an_entry(incident: str, seq: int, at: float, kind: str, **data: Any) -> dict[str, Any]:
    about = {"by": "1001", "source": "phone", "data": data}
    return {"incident_id": incident, "seq": seq, "at": at, "kind": kind, **about}


def an_agency(id: str, name: str, **changes: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("voice", "fallback", "mail", "webhook", "hours"), "")
    lists: dict[str, Any] = {"categories": [], "kecamatan": [], "chain": []}
    times = {"acknowledge_s": 300.0, "report_s": 1800.0, "changed_at": NOON, "retired_at": None}
    about = {"id": id, "number": id, "name": name, "kind": "other", "holidays": True}
    return {**about, **texts, **lists, **times, **changes}


CALLS = [
    a_call("a"),
    a_call("b", wait_ms=30_000),
    a_call("again", NOON + 3600),
    a_call("prank", NOON + 7200, disposition="prank"),
    a_call("lost", outcome=Outcome.LOST_QUEUE, kecamatan="Sukun", place_source="network"),
    a_call("info", outcome=Outcome.INFORMATION),
    a_call("fallen", outcome=Outcome.FALLBACK),
    a_call("back", callback_of="lost", outcome=Outcome.CALLBACK),
    a_call("tried", outcome=Outcome.TEST),
    a_call("before", BEGIN.timestamp() - 0.001),
    a_call("first", BEGIN.timestamp(), outcome=Outcome.LOST_MENU),
    a_call("last", END.timestamp() - 0.001, outcome=None, ended_at=None),
    a_call("next", END.timestamp()),
]
INCIDENTS = [
    an_incident("fire", state=IncidentState.CLOSED, over_at=NOON + 1500),
    an_incident("same", NOON + 3600, merged_into="fire", incident_class=None, coded_at=None),
    an_incident("joke", NOON + 7200, incident_class=IncidentClass.PRANK, category="prank"),
    an_incident("first", BEGIN.timestamp(), incident_class=None, coded_at=None, kecamatan=None),
    an_incident("october", BEGIN.timestamp() - 0.001),
    an_incident("december", END.timestamp()),
]
LINKS = {"a": "fire", "b": "fire", "again": "same", "prank": "joke", "before": "october"}
ENTRIES = [
    an_entry("fire", 1, NOON, "opened"),
    an_entry("fire", 2, NOON + 400, "overdue", dispatch="d2", agency="pmi"),
    an_entry("fire", 3, NOON + 410, "declined", dispatch="d2", agency="pmi", reason="x"),
    an_entry("fire", 4, NOON + 600, "moved", state="on_scene"),
    an_entry("fire", 5, NOON + 1200, "moved", state="resolved"),
    an_entry("fire", 6, NOON + 1500, "moved", state="closed"),
]
DISPATCHES = [
    a_dispatch("d1", "fire", "damkar"),
    a_dispatch("d2", "fire", "pmi", state=DispatchState.OVERDUE, acknowledged_at=None),
    a_dispatch("d3", "october", "damkar"),
]
CALLBACKS = [
    ("w1", NOON, ItemOutcome.REACHED),
    ("w2", NOON, None),
    ("w3", END.timestamp(), ItemOutcome.REACHED),
]


async def fill(database: Database, *more: CallRecord) -> None:
    items = [
        WorkItem(id=id, kind=KIND, call_id=id, created_at=at, waits_since=at, outcome=outcome).row()
        for id, at, outcome in CALLBACKS
    ]
    async with database.engine.begin() as connection:
        # one by one: a call has the columns of what it has
        for call in (*CALLS, *more):
            await upsert(connection, CallRow, [call.row()])
        await upsert(connection, IncidentRow, [one.row() for one in INCIDENTS])
        links = [{"call_id": call, "incident_id": one} for call, one in LINKS.items()]
        await upsert(connection, IncidentCallRow, links)
        await upsert(connection, IncidentEntryRow, ENTRIES)
        await upsert(connection, DispatchRow, [one.row() for one in DISPATCHES])
        await upsert(connection, WorkItemRow, items)
        agencies = [an_agency("damkar", FORMULA), an_agency("old", "Lama", retired_at=NOON)]
        await upsert(connection, AgencyRow, [*agencies, an_agency("pmi", "PMI")])


async def counted(database: Database, month: int = 11, page: int = 500) -> NationalReport:
    return await national_report(
        database, Month(2026, month), ZONE, LAYOUT, TREE, KECAMATAN, NOW, page
    )


def of(parts: Sequence[Any], name: str) -> dict[str, int]:
    """What is counted of this in each part that has any."""
    return {one.id: getattr(one, name) for one in parts if getattr(one, name)}


# --- the figures ---------------------------------------------------------------------------------


async def test_a_month_is_counted_by_everything_the_nation_asks(database: Database) -> None:
    await fill(database)
    report = await counted(database)
    assert report.adds_up and report.month_over
    assert (report.offered, report.test_calls, report.incidents, report.merged) == (9, 1, 3, 1)
    assert {name: count for name, count in report.outcomes.items() if count} == {
        "answered": 4,
        "information": 1,
        "lost_queue": 1,
        "lost_menu": 1,
        "fallback": 1,
        "live": 1,
    }
    assert (report.callbacks_owed, report.callbacks["reached"], report.callbacks["open"]) == (
        2,
        1,
        1,
    )
    # the call of the merged incident is one of the fire
    assert of(report.classes, "calls") == {"emergency": 3, "prank": 1, "no_incident": 5}
    assert of(report.classes, "incidents") == {"emergency": 1, "prank": 1, "not_coded": 1}
    assert of(report.categories, "incidents") == {"fire_building": 2, "prank": 1}
    assert of(report.categories, "calls") == {"fire_building": 3, "prank": 1, "no_category": 5}
    assert of(report.kecamatan, "calls") == {"Klojen": 4, "Sukun": 1, "not_known": 4}
    assert of(report.kecamatan, "incidents") == {"Klojen": 2, "not_known": 1}
    assert of(report.days, "calls") == {"2026-11-01": 1, "2026-11-10": 7, "2026-11-30": 1}
    assert of(report.hours, "calls") == {"00:00": 1, "12:00": 5, "13:00": 1, "14:00": 1, "23:00": 1}
    assert report.progress == {"handled": 1, "cancelled": 0, "at_work": 2}


async def test_a_months_agencies_and_times_are_those_of_its_incidents(database: Database) -> None:
    await fill(database)
    report = await counted(database)
    damkar, pmi = report.agencies
    assert (damkar.told, damkar.reached, damkar.accepted) == (1, 1, 1)
    assert damkar.accept_median_ms == 90_000
    assert (pmi.told, pmi.accepted, pmi.declined, pmi.overdue) == (1, 0, 1, 1)
    times = {one.id: (one.measured, one.median_ms, one.p95_ms, one.within) for one in report.times}
    assert times == {
        "answer": (4, 5000, 30_000, 3),
        "acknowledge": (1, 90_000, 90_000, 1),
        "arrive": (1, 600_000, 600_000, 1),
        "handle": (1, 1_200_000, 1_200_000, 0),
    }


async def test_an_incident_of_a_text_conversation_counts_and_adds_no_call(
    database: Database,
) -> None:
    await fill(database)
    before = await counted(database)
    written = an_incident("written", call_ids=["text"], category="flood", state="resolved")
    async with database.engine.begin() as connection:
        await upsert(connection, IncidentRow, [written.row()])
        link = {"call_id": "text", "incident_id": "written"}
        await upsert(connection, IncidentCallRow, [link])
    report = await counted(database)
    assert report.adds_up and report.offered == before.offered
    assert (report.incidents, report.progress["handled"]) == (before.incidents + 1, 2)
    assert of(report.categories, "incidents")["flood"] == 1
    assert of(report.classes, "calls") == of(before.classes, "calls")


async def test_a_report_read_in_pages_of_two_is_the_same(database: Database) -> None:
    await fill(database)
    assert await counted(database, page=2) == await counted(database)


async def test_months_beside_each_other_share_no_call_and_lose_none(database: Database) -> None:
    await fill(database)
    reports = [await counted(database, month) for month in (10, 11, 12)]
    assert [(one.offered, one.incidents) for one in reports] == [(1, 1), (9, 3), (1, 1)]
    assert [one.month_over for one in reports] == [True, True, False]
    assert all(one.adds_up for one in reports)


async def test_an_empty_database_has_an_empty_month_that_adds_up(database: Database) -> None:
    report = await counted(database)
    assert (report.offered, report.incidents, report.agencies, report.adds_up) == (0, 0, [], True)


async def test_a_month_is_found_by_indexes(database: Database) -> None:
    await fill_a_city(database, 112, 5000)
    await fill(database, *(a_call(f"m{n:04}", NOON + 86_400 * 60 + n) for n in range(500)))
    later = [
        WorkItem(id=f"m{n:04}", kind=KIND, call_id="m", created_at=END.timestamp() + n).row()
        for n in range(500)
    ]
    async with database.engine.begin() as connection:
        await upsert(connection, WorkItemRow, later)
    for with_statistics in (False, True):
        with questions(database) as asked:
            assert (await counted(database)).incidents > 20
        async with database.engine.begin() as connection:
            if with_statistics:
                await connection.exec_driver_sql("ANALYZE")
            if connection.dialect.name == "postgresql":
                # tables as small as these are read as a whole unless nothing else is possible
                await connection.exec_driver_sql("SET enable_seqscan = off")
            found = await plans(connection, asked)
        whole = [one.step for one in found if not one.bounded and "agencies" not in one.step]
        assert whole == []
        wanted = {"ix_calls_arrived_at", "ix_incidents_opened_at", "ix_dispatches_incident_id"}
        assert {one.index for one in found} >= {*wanted, "ix_work_items_created_at"}


# --- the files -----------------------------------------------------------------------------------

_NS = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@contextmanager
def opened(content: bytes) -> Iterator[dict[str, etree._Element]]:
    """The sheets of an XLSX file by their titles."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        titles = etree.fromstring(book.read("xl/workbook.xml")).findall(".//s:sheet", _NS)
        yield {
            str(one.get("name")): etree.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
            for number, one in enumerate(titles, 1)
        }


def cells(page: etree._Element) -> list[dict[str, str | float]]:
    """The values of each row by the letters of their columns."""
    found = []
    for row in page.iterfind(".//s:row", _NS):
        values: dict[str, str | float] = {}
        for one in row.iterfind("s:c", _NS):
            column = str(one.get("r")).rstrip("0123456789")
            if one.get("t") == "inlineStr":
                values[column] = "".join(text.text or "" for text in one.iterfind(".//s:t", _NS))
            elif (value := one.find("s:v", _NS)) is not None:
                values[column] = float(value.text or "")
        found.append(values)
    return found


async def test_the_xlsx_file_has_the_figures_of_the_report_and_no_formula(
    database: Database,
) -> None:
    await fill(database)
    made = sheets(await counted(database), LAYOUT, TREE)
    with opened(xlsx(made, NOW)) as pages:
        assert list(pages) == [one.title for one in made]
        for sheet in made:
            page = pages[sheet.title]
            assert page.findall(".//s:f", _NS) == [] and page.find(".//s:cols", _NS) is not None
            read = [list(row.values()) for row in cells(page)]
            expected = [[*sheet.columns], *sheet.rows]
            assert read == [[one for one in row if one not in (None, "")] for row in expected]
        assert cells(pages["Instansi"])[1]["A"] == FORMULA


async def test_the_csv_file_has_the_same_tables_and_no_text_that_begins_like_a_formula(
    database: Database,
) -> None:
    await fill(database)
    made = sheets(await counted(database), LAYOUT, TREE)
    text = io.StringIO()
    write_sheets_csv(text, made)
    rows = list(csv.reader(io.StringIO(text.getvalue())))
    assert sum(len(one.rows) + 1 for one in made) == len(rows)
    assert ["Instansi", f"'{FORMULA}", "1", "1", "1"] in [row[:5] for row in rows]
    assert ["Jumlah", "Kelas", "Prank", "1", "1"] in rows
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=+-@")]


def test_a_sheet_of_any_text_is_a_file_that_can_be_opened() -> None:
    hostile = ["\x00\x1b[2J", "\ud800", "{=1+1}", "https://a.example", "0012", "<b>&", "y" * 200]
    sheet = Sheet(title="Uji", columns=["a"], rows=[[one] for one in hostile])
    with opened(xlsx([sheet], NOW)) as pages:
        read = [row["A"] for row in cells(pages["Uji"])]
    assert read[1:] == ["��[2J", "�", *hostile[2:]]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
async def stored(tmp_path: Path) -> Any:
    """The settings of a line that is down, with the month in its database."""
    settings = line_settings(tmp_path / "home")
    settings.home.mkdir(parents=True)
    await with_tables(settings.url)
    async with Database(settings.url) as database:
        await fill(database)
    return settings


async def test_the_command_writes_a_month_into_a_file_named_by_the_mappings_version(
    stored: Any, tmp_path: Path
) -> None:
    asked = ("report", "national", "--month", "2026-11")
    ran = await run(stored, *asked, "-o", str(tmp_path))
    path = tmp_path / f"national-112_2026-11_{LAYOUT.version}.xlsx"
    assert (ran.code, ran.err, ran.out) == (0, "", f"Written: {path}\n")
    with opened(path.read_bytes()) as pages:
        assert {"A": "Versi pemetaan", "B": LAYOUT.version} in cells(pages["Keterangan"])
    ran = await run(stored, *asked, "-o", str(tmp_path / "november.csv"))
    named = tmp_path / f"november_{LAYOUT.version}.csv"
    assert (ran.code, ran.out) == (0, f"Written: {named}\n")
    assert f"Keterangan,Versi pemetaan,{LAYOUT.version}\n" in named.read_text()


@pytest.mark.parametrize("fmt", ["table", "csv", "json"])
async def test_nothing_of_a_person_is_in_any_form_of_the_report(stored: Any, fmt: str) -> None:
    ran = await run(stored, "report", "national", "--month", "2026-11", "--format", fmt)
    assert (ran.code, ran.err) == (0, "")
    assert not [one for one in SECRETS if one in ran.out]
    if fmt == "json":
        found = msgspec.convert(json.loads(ran.out), NationalReport)
        assert (found.offered, found.adds_up, found.since) == (9, True, BEGIN)


async def test_the_screen_shows_what_counts_anything_and_the_totals(stored: Any) -> None:
    asked = ("report", "national", "--month")
    november = (await run(stored, *asked, "2026-11")).out
    lines = [" ".join(line.split()) for line in november.splitlines()]
    assert "Klojen 4 4 0 0 2" in lines and "2026-11-10 7 4 1 2 2" in lines
    assert "Jumlah 9 4 2 3 3" in lines and "Blimbing" not in november
    empty = (await run(stored, *asked, "2025-01")).out
    lines = [" ".join(line.split()) for line in empty.splitlines()]
    assert lines.count("Jumlah 0 0 0 0 0") == 3 and "Panggilan Jumlah 0 -" in lines


async def test_a_month_that_does_not_add_up_is_written_and_exits_1(
    stored: Any, tmp_path: Path
) -> None:
    async with Database(stored.url) as database, database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE calls SET outcome = 'gone' WHERE call_id = 'a'")
    ran = await run(stored, "report", "national", "-m", "2026-11", "-o", str(tmp_path / "n.csv"))
    assert ran.code == 1
    assert "does not add up: calls, 9 as a whole and 8 in its parts." in ran.err
    text = (tmp_path / f"n_{LAYOUT.version}.csv").read_text()
    assert "Jumlah cocok,tidak\n" in text and "Tidak cocok,calls: 9 / 8\n" in text


async def test_what_the_command_cannot_do_is_said_in_one_line(stored: Any, tmp_path: Path) -> None:
    asked = ("report", "national", "--month")
    failed_in_one_line(await run(stored, *asked, "2026-13"), "no month", "2026-11")
    for name in ("n.ods", "n"):
        failed = await run(stored, *asked, "2026-11", "-o", str(tmp_path / name))
        failed_in_one_line(failed, f"'{name}' cannot be written; give --output a file .xlsx")
    nowhere = str(tmp_path / "none" / "n.xlsx")
    failed_in_one_line(await run(stored, *asked, "2026-11", "-o", nowhere), "No such file")
    (tmp_path / "m.toml").write_text("version = 1")
    failed = await run(stored, *asked, "2026-11", "--mapping", str(tmp_path / "m.toml"))
    failed_in_one_line(failed, "The national mapping", "docs/national_report.md")
