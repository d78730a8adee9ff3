"""Each report in each language: every text is in the catalogue, and what a machine reads stays."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from lxml import etree
from report_calls import DAY
from test_commands import run
from test_national_report import opened
from test_supervisor_reports import stored

from models.database import Database
from models.tables import RefusedCallsRow
from ngalam112.cli import operator_times, staffing
from ngalam112.cli.report_pages import ReportFormat, html, write_report
from ngalam112.config.settings import PROJECT, Settings
from reports.check import Disagreement
from reports.figures_groups import By
from reports.kinds import KINDS, Asked, report_of
from reports.languages import INDONESIAN, LANGUAGES, catalogue_of, words_of
from reports.parts import Report
from reports.refused import ELSEWHERE, REASONS
from reports.said import NamedTime, Said
from reports.staffing import DAYS

__all__ = ["stored"]
SCREEN = 80
ONE_DAY = ("--from", "2026-11-23", "--to", "2026-11-23")
CATALOGUE = catalogue_of(INDONESIAN)
Text = tuple[str, str]  # of which table, and the English of the catalogue


@pytest.fixture
async def reports(stored: Settings) -> list[Report]:
    """Every report, by each grouping that it takes, with a row for whatever may happen."""
    async with Database(stored.url) as database, database.session() as session:
        for source, status in ((ELSEWHERE, 401), ("192.0.2.1", 488)):
            session.add(
                RefusedCallsRow(id=f"{status}", hour=DAY, source=source, status=status, calls=3)
            )
        await session.commit()
        period = (DAY, DAY + timedelta(days=1))
        return [
            await report_of(session, name, Asked(period=period, by=by))
            for name, kind in KINDS.items()
            for by in ((None, *get_args(By)) if kind.has_groups else (None,))
        ]


def of_value(value: object, table: str) -> Iterator[Text]:
    if isinstance(value, Said):
        yield table, value.template
        for one in value.values.values():
            yield from of_value(one, table)


def of_reports(reports: list[Report]) -> set[Text]:
    found: set[Text] = set()
    for report in reports:
        found.update(of_value(report.title, ""))
        for part in report.parts:
            values = [part.title, *(one.title for one in part.columns)]
            values += [cell for row in part.rows for cell in row if isinstance(cell, str)]
            found.update(text for one in values for text in of_value(one, part.name))
    return found


def of_commands() -> set[Text]:
    """What the commands say themselves."""
    names = ("reports", "report_pages", "report_check", "report_mailing")
    texts = {one for name in names for one in literals(name)}
    found = {("", one) for one in texts}
    found |= {(operator_times._CONTEXT, one.template) for one in operator_times._TITLES.values()}
    found |= {("", one) for one in literals("operator_times")}
    titles = [*staffing._DETAILS.values(), *staffing._DAYS.values()]
    found |= {(staffing._CONTEXT, one.template) for one in titles} | {(staffing._CONTEXT, "s/call")}
    own = {one.template for one in titles} | {"s/call"}
    found |= {("", one) for one in literals("staffing") if one not in own}
    found |= {("", one) for one in (*DAYS, "not known", "unknown")}
    return found | {("check", one) for one in Disagreement.__struct_fields__}


def literals(name: str) -> Iterator[str]:
    """The texts that the code of a command gives to `words(...)`, `said(...)` and `Said(...)`."""
    source = (PROJECT / "ngalam112" / "cli" / f"{name}.py").read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.id if isinstance(node.func, ast.Name) else ""
            if called in ("words", "said", "Said") and node.args[0].value:
                yield str(node.args[0].value)
    yield from re.findall(r'^_BEHIND = "(.*)"$', source, re.MULTILINE)


def entry(table: str, text: str) -> Text | None:
    for context in (table, ""):
        one = CATALOGUE.get(text, context or None)
        if one is not None and one.string:
            return context, text
    return None


async def test_every_text_of_every_report_is_in_the_catalogue_and_no_other(
    reports: list[Report],
) -> None:
    asked = of_reports(reports) | of_commands()
    asked |= {("refused_before", one) for one in (*REASONS.values(), "refused")}
    found = {(table, text): entry(table, text) for table, text in sorted(asked)}
    assert [text for text, one in found.items() if one is None] == []
    of_catalogue = {(one.context or "", str(one.id)) for one in CATALOGUE if one.id}
    assert of_catalogue - set(found.values()) == set(), "which nothing says any more"


async def test_no_english_is_left_in_an_indonesian_report(reports: list[Report]) -> None:
    same = {str(one.id) for one in CATALOGUE if one.id == one.string}
    for report in reports:
        said = words_of(INDONESIAN).report(report)
        for english, part in zip(report.parts, said.parts, strict=True):
            for row, other in zip(english.rows, part.rows, strict=True):
                for one, shown in zip(row, other, strict=True):
                    assert not isinstance(one, Said | NamedTime) or shown != one or one in same
                    if not isinstance(one, Said | NamedTime):
                        assert shown == one and type(shown) is type(one)


async def test_tables_are_as_whole_on_a_screen_as_the_english_ones(
    reports: list[Report],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # a narrow one would cut what does not fit
    widest = {}
    for report in reports:
        for language in LANGUAGES:
            write_report(report, ReportFormat.TABLE, None, words_of(language))
            lines = capsys.readouterr().out.splitlines()[1:]  # the title may be as long as it is
            widest[language] = max(map(len, lines))
        assert widest[INDONESIAN] <= max(SCREEN, widest["en"]), (report.name, report.parts[-1].name)


async def test_sheets_and_pages_are_in_the_language(reports: list[Report], tmp_path: Path) -> None:
    words = words_of(INDONESIAN)
    for number, report in enumerate(reports):
        file = tmp_path / f"{number}.xlsx"
        write_report(report, ReportFormat.XLSX, file, words)  # a title too long or twice is refused
        titles = [one.title for one in words.report(report).parts]
        assert max(map(len, titles)) <= 31 and len(set(titles)) == len(titles)
        with opened(file.read_bytes()) as pages:
            assert list(pages) == ["Keterangan", *titles]
        page = etree.HTML(html(report, words))
        assert page.get("lang") == "id"
        assert [one.text for one in page.findall(".//caption")] == titles
        assert "dari 23 November 2026 00.00 sampai 24 November 2026 00.00 (WIB)" in (
            page.findtext(".//h1") or ""
        )


async def test_the_commands_take_a_language_and_machines_get_the_same_bytes(
    stored: Settings,
) -> None:
    for name in KINDS:
        asked = ("report", name, *(ONE_DAY[:2] if name == "day" else ONE_DAY))
        for fmt in ("json", "csv"):
            some = [
                (await run(stored, *asked, "-f", fmt, *more)).out
                for more in ((), ("--lang", "id"), ("--lang", "en"))
            ]
            assert some[0] and len(set(some)) == 1, (name, fmt)
    ran = await run(stored, "report", "summary", *ONE_DAY, "--by", "hour", "--lang", "id")
    lines = [re.split(r"\s{2,}", line.strip()) for line in ran.out.splitlines()]
    assert lines[0] == ["Panggilan dari 23 November 2026 00.00 sampai 24 November 2026 00.00 (WIB)"]
    assert [one[0] for one in lines if one[0] == "hilang di antrean"] == ["hilang di antrean"]
    assert any(one[0].startswith("23/11/2026 23.00") for one in lines)
    ran = await run(stored, "report", "check", *ONE_DAY, "--lang", "id")
    assert ran.out.startswith("60 panggilan, ") and "semua cocok" in ran.out
    ran = await run(stored, "report", "operator-times", *ONE_DAY, "--lang", "id")
    assert ran.out == "Tidak ada operator yang masuk.\n"


async def test_the_language_of_the_line_is_a_setting_that_a_command_may_change(
    stored: Settings,
) -> None:
    asked = ("report", "losses", *ONE_DAY)
    line = {"NGALAM112_REPORT_LANGUAGE": "id"}
    assert "hilang, semua" in (await run(stored, *asked, **line)).out
    assert "lost, all" in (await run(stored, *asked, "--lang", "en", **line)).out
    assert "lost, all" in (await run(stored, *asked)).out
    told = json.loads((await run(stored, *asked, "-f", "json", **line)).out)
    assert told["losses"][0]["stage"] == "in the menu"
    ran = await run(stored, *asked, NGALAM112_REPORT_LANGUAGE="jv")
    assert ran.code == 1 and "NGALAM112_REPORT_LANGUAGE" in ran.err
