"""Writes the supervisor's reports: on the screen, as JSON, CSV, XLSX, and as one page of HTML."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from zoneinfo import ZoneInfo

import typer

from ngalam112.cli.export import written, written_bytes
from ngalam112.cli.national_files import write_sheets_csv, xlsx
from ngalam112.terminal import Column, console, safe, table, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from ngalam112.config.settings import Settings
    from reports.languages import Words
    from reports.national_sheets import Sheet
    from reports.parts import Cell, Part, Report


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    HTML = "html"


class Language(StrEnum):
    """The languages of reports."""

    EN = "en"
    ID = "id"


LanguageOption = Annotated[
    Language | None,
    typer.Option(
        "--lang",
        "--language",
        help="Of tables, HTML and XLSX; NGALAM112_REPORT_LANGUAGE if not given.",
    ),
]


class Period(Protocol):
    """What is of a time: a report, or the totals of one."""

    @property
    def since(self) -> datetime | None:
        """Its begin; None: from the first call on."""

    @property
    def until(self) -> datetime | None:
        """Before when it is; None: no end."""

    @property
    def tz(self) -> str:
        """The time zone of its clock."""


class NoOutput(ValueError):
    """A spreadsheet is wanted on the screen."""


_STYLE = (
    "body{font:16px/1.4 sans-serif;margin:2em;color:#111}"
    "table{border-collapse:collapse;margin:0 0 2em}caption{text-align:left;font-weight:bold}"
    "th,td{padding:.2em .7em;border-bottom:1px solid #bbb;text-align:left}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
)


def words_for(language: Language | None, settings: Settings) -> Words:
    """Return the words of the language that was asked for, or of the line's."""
    from reports.languages import words_of

    return words_of(language or settings.report_language)


def write_report(
    report: Report, fmt: ReportFormat, output: Path | None, words: Words | None = None
) -> None:
    """Write a report to the screen, or to a file, which is replaced as a whole.

    `words`: of the language (English) of tables, XLSX and HTML; JSON and CSV are for machines, and
    are the same in every language. Raises NoOutput for a spreadsheet without a file, and OSError.
    """
    if words is None:
        from reports.languages import ENGLISH, words_of

        words = words_of(ENGLISH)
    if fmt is ReportFormat.XLSX:
        if output is None:
            raise NoOutput("A spreadsheet is no text; give a file, such as -o november.xlsx.")
        with written_bytes(output) as file:
            file.write(xlsx(_sheets(report, words), datetime.now(UTC)))
    elif output is None and fmt is ReportFormat.TABLE:
        _print(report, words)
    elif output is None and fmt is ReportFormat.JSON:
        write_json(as_json(report))
    else:
        with written(output) as text:
            match fmt:
                case ReportFormat.CSV:
                    write_sheets_csv(text, _sheets(report, None))
                case ReportFormat.HTML:
                    text.write(html(report, words))
                case _:
                    raise NoOutput("Tables and JSON go to the screen only; leave --output out.")
    if output is not None:
        console(sys.stderr).print(f"Written: {safe(str(output))}", soft_wrap=True)


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON has it: each table as rows by the names of the columns."""
    return {
        "report": report.name,
        "from": _iso(report.since),
        "to": _iso(report.until),
        "tz": report.tz,
        "behind": report.behind,
        **{
            one.name: [
                {title.name: value for title, value in zip(one.columns, row, strict=True)}
                for row in one.rows
            ]
            for one in report.parts
        },
    }


def html(report: Report, words: Words) -> str:
    """Return the report as one page that needs nothing else; all text is escaped."""
    report = words.report(report)
    title = escape(safe(f"{report.title} {named_period(report, words)}"))
    lines = [
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
    ]
    if report.behind:
        lines.append(f"<p><strong>{escape(behind_sentence(report.behind, words))}</strong></p>")
    for one in report.parts:
        lines.append(f"<table><caption>{_text(one.title)}</caption><thead><tr>")
        classes = [' class="n"' if right else "" for right in _of_numbers(one)]
        heads = zip(classes, one.columns, strict=True)
        lines += [f"<th{name}>{_text(column.title)}</th>" for name, column in heads]
        lines.append("</tr></thead><tbody>")
        for row in one.rows:
            cells = zip(classes, row, strict=True)
            shown = (f"<td{name}>{_text(_shown(value, words))}</td>" for name, value in cells)
            lines.append(f"<tr>{''.join(shown)}")
            lines.append("</tr>")
        lines.append("</tbody></table>")
    return "\n".join([*lines, "</body></html>", ""])


def behind_sentence(behind: int, words: Words | None = None) -> str:
    """Say that the database lacks what the journal has."""
    if words is None:
        return _BEHIND.format(behind=behind)
    return words(_BEHIND, behind=behind)


_BEHIND = "The database is behind: {behind} entries of the journal are not in this report yet."


def named_period(report: Period, words: Words) -> str:
    """Say in words of which time a report is."""
    zone = ZoneInfo(report.tz)
    since, until = (at and words.moment(at, zone) for at in (report.since, report.until))
    tz = words.zone(report.tz, report.since or report.until)
    if since and until:
        return words("from {since} to {until} ({tz})", since=since, until=until, tz=tz)
    if since:
        return words("from {since} to now ({tz})", since=since, tz=tz)
    if until:
        return words("before {until} ({tz})", until=until, tz=tz)
    return words("of all time ({tz})", tz=tz)


def print_part(one: Part, to: Console, words: Words) -> None:
    """Print one table under its title; its texts are in the language already."""
    keys = [str(index) for index in range(len(one.columns))]
    rights = _of_numbers(one)
    columns = [
        Column(key, title.title, right=right)
        for key, title, right in zip(keys, one.columns, rights, strict=True)
    ]
    rows = [
        dict(zip(keys, (_shown(value, words) for value in row), strict=True)) for row in one.rows
    ]
    to.print(f"\n{safe(one.title)}", style="bold")
    to.print(table(rows, columns) if rows else words("Nothing to list."))


def _print(report: Report, words: Words) -> None:
    to, report = console(), words.report(report)
    title = f"{report.title} {named_period(report, words)}"
    to.print(safe(title), style="bold", soft_wrap=True)
    for one in report.parts:
        print_part(one, to, words)


def _sheets(report: Report, words: Words | None) -> list[Sheet]:
    """The tables of a file; without words as machines read them."""
    from reports.languages import words_of
    from reports.national_sheets import Sheet

    said = words or words_of("en")
    report = said.report(report) if words else report
    about: list[list[Cell]] = [
        [said("report"), report.title],
        [said("from"), _at(report.since, report.tz, words)],
        [said("to"), _at(report.until, report.tz, words)],
        [said("time zone"), said.zone(report.tz, report.since)],
        [said("entries that the database lacks"), report.behind],
    ]
    parts = [
        Sheet(
            title=one.title[:31],
            columns=[title.title for title in one.columns],
            rows=[list(row) for row in one.rows],
        )
        for one in report.parts
    ]
    columns = [said("what"), said("value")]
    return [Sheet(title=said("About"), columns=columns, rows=about), *parts]


def _at(moment: datetime | None, tz: str, words: Words | None) -> str | None:
    if moment is None or words is None or words.language == Language.EN:
        return _iso(moment)
    return words.moment(moment, ZoneInfo(tz))


def _of_numbers(one: Part) -> Iterable[bool]:
    return [
        any(isinstance(row[index], int | float) for row in one.rows)
        for index in range(len(one.columns))
    ]


def _shown(value: Cell, words: Words) -> Cell:
    return words.number(value) if isinstance(value, int | float) else value


def _text(value: Cell) -> str:
    return "-" if value is None else escape(safe(str(value)))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
