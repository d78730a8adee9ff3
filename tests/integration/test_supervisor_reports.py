"""The supervisor's commands: the same numbers in every form, whoever has written the words."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from databases import with_tables
from lines import line_settings
from lxml import etree
from report_calls import calls_of_a_day, keep_calls
from test_commands import run
from test_national_report import cells, opened

from journal.row_kinds import CALLS
from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from ngalam112.cli.report_pages import as_json, html, write_report
from ngalam112.config.settings import Settings
from reports.languages import words_of
from reports.parts import Report, part

DAY = ("--from", "2026-11-23", "--to", "2026-11-23")
DOWN = "ngalam112: engine is down: read from the database\n"
HOSTILE = "=cmd()|<script>alert(1)</script>\x1b[2J"


@pytest.fixture
async def stored(tmp_path: Path) -> Settings:
    """The settings of a line that is down, with a day of calls in its database."""
    settings = line_settings(tmp_path / "home")
    settings.home.mkdir(parents=True)
    await with_tables(settings.url)
    async with Database(settings.url) as database, database.engine.begin() as connection:
        await keep_calls(connection, calls_of_a_day(60))
    return settings


async def test_every_report_is_told_for_a_day(stored: Settings) -> None:
    for name, words in {
        "service-level": "% app_queue SL2",
        "operators": "1004",
        "categories": "police",
        "agencies": "Nothing to list.",
        "callbacks": "reached",
        "losses": "while ringing",
        "hours": "2026-11-23 23:00",
    }.items():
        ran = await run(stored, "report", name, *DAY)
        assert (ran.code, ran.err) == (0, DOWN), name
        assert words in ran.out, name
    ran = await run(stored, "report", "day", "--from", "2026-11-23")
    assert "2026-11-23 05-13" in ran.out and "fire" in ran.out
    ran = await run(stored, "report", "month", "--from", "2026-11-01", "--to", "2026-11-30")
    assert "2026-11-23" in ran.out
    ran = await run(stored, "report", "losses", *DAY, "--by", "colour")
    assert ran.code == 1 and "There is no grouping by 'colour'" in ran.err


async def test_a_check_passes_and_names_a_call_that_was_altered(stored: Settings) -> None:
    asked = ("report", "check", *DAY)
    ran = await run(stored, *asked)
    assert ran.code == 0 and "60 calls" in ran.out and "all agree" in ran.out
    async with Database(stored.url) as database, database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE calls SET wait_ms = 1 WHERE call_id = 'c00001'")
        await connection.exec_driver_sql("UPDATE calls SET held_ms = 1 WHERE call_id = 'c00001'")
    ran = await run(stored, *asked)
    assert ran.code == 1 and "c00001" in ran.out and "held_ms" in ran.out
    assert json.loads((await run(stored, *asked, "--format", "json")).out)["wrong"] >= 1


async def test_the_numbers_are_the_same_in_every_form(stored: Settings, tmp_path: Path) -> None:
    asked = ("report", "service-level", *DAY, "--by", "category")
    told = json.loads((await run(stored, *asked, "-f", "json")).out)
    expected = [list(row.values()) for row in told["groups"]]
    assert len(expected) == 5 and told["from"] == "2026-11-23T00:00:00+07:00"
    rows = csv.reader(io.StringIO((await run(stored, *asked, "-f", "csv")).out))
    title = "By category, % in 5 to 20 s"
    found = [row[1:] for row in rows if row[0] == title][1:]
    assert found == [["" if one is None else str(one) for one in row] for row in expected]
    file = tmp_path / "a.xlsx"
    assert (await run(stored, *asked, "-f", "xlsx", "-o", str(file))).code == 0
    with opened(file.read_bytes()) as pages:
        sheet = cells(pages[title])[1:]
    filled = [[one for one in row if one is not None] for row in expected]
    assert [list(row.values()) for row in sheet] == filled
    page = etree.HTML((await run(stored, *asked, "-f", "html")).out)
    shown = [[one.text for one in row] for row in page.findall(".//table")[-1].iter("tr")][1:]
    said = [["-" if one is None else str(one) for one in row] for row in expected]
    assert shown == said
    assert (await run(stored, *asked, "-f", "xlsx")).err.endswith("-o november.xlsx.\n")


def test_nothing_in_a_page_or_a_file_is_more_than_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from ngalam112.cli.report_pages import ReportFormat

    some = part("operators", "Operators", "operator, taken", [[HOSTILE, 3]])
    report = Report(
        name="operators", title=HOSTILE, since=None, until=None, tz="Asia/Jakarta", parts=[some]
    )
    page = html(report, words_of("en"))
    assert "<script" not in page and "\x1b" not in page and "&lt;script&gt;" in page
    for fmt in (ReportFormat.TABLE, ReportFormat.CSV):
        write_report(report, fmt, None)
    written = capsys.readouterr().out
    assert "\x1b[2J" not in written and "Operators,'=cmd()" in written
    assert as_json(report)["operators"] == [{"operator": HOSTILE, "taken": 3}]


async def test_a_report_says_what_the_database_lacks(stored: Settings) -> None:
    journal = WriteAheadLog(stored.journal)
    for events in calls_of_a_day(3):
        journal.add((CALLS.table, {"call_id": f"late-{events[0].call_id}"}))
    journal.close()
    ran = await run(stored, "report", "summary", *DAY, "-f", "json")
    assert ran.code == 0 and "The database is behind: 3 entries" in ran.err
    assert json.loads(ran.out)["behind"] == 3
