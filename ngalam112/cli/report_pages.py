"""Writes the supervisor's reports: on the screen, as JSON, CSV, XLSX, and as one page of HTML."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.export import written, written_bytes
from ngalam112.cli.national_files import write_sheets_csv, xlsx
from ngalam112.terminal import Column, console, safe, table, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from reports.national_sheets import Sheet
    from reports.parts import Cell, Part, Report


class ReportFormat(StrEnum):
    """How a report is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"
    HTML = "html"


class NoOutput(ValueError):
    """A spreadsheet is wanted on the screen."""


_STYLE = (
    "body{font:16px/1.4 sans-serif;margin:2em;color:#111}"
    "table{border-collapse:collapse;margin:0 0 2em}caption{text-align:left;font-weight:bold}"
    "th,td{padding:.2em .7em;border-bottom:1px solid #bbb;text-align:left}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
)


def write_report(report: Report, fmt: ReportFormat, output: Path | None) -> None:
    """Write a report to the screen, or to a file, which is replaced as a whole.

    Raises NoOutput for a spreadsheet without a file, and OSError.
    """
    if fmt is ReportFormat.XLSX:
        if output is None:
            raise NoOutput("A spreadsheet is no text; give a file, such as -o november.xlsx.")
        with written_bytes(output) as file:
            file.write(xlsx(_sheets(report), datetime.now(UTC)))
    elif output is None and fmt is ReportFormat.TABLE:
        _print(report)
    elif output is None and fmt is ReportFormat.JSON:
        write_json(as_json(report))
    else:
        with written(output) as text:
            match fmt:
                case ReportFormat.CSV:
                    write_sheets_csv(text, _sheets(report))
                case ReportFormat.HTML:
                    text.write(html(report))
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


def html(report: Report) -> str:
    """Return the report as one page that needs nothing else; all text is escaped."""
    title = escape(safe(f"{report.title} {named_period(report)}"))
    lines = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>",
    ]
    if report.behind:
        lines.append(f"<p><strong>{escape(behind_sentence(report.behind))}</strong></p>")
    for one in report.parts:
        lines.append(f"<table><caption>{_text(one.title)}</caption><thead><tr>")
        classes = [' class="n"' if right else "" for right in _of_numbers(one)]
        heads = zip(classes, one.columns, strict=True)
        lines += [f"<th{name}>{_text(column.title)}</th>" for name, column in heads]
        lines.append("</tr></thead><tbody>")
        for row in one.rows:
            cells = zip(classes, row, strict=True)
            lines.append("<tr>" + "".join(f"<td{n}>{_text(_shown(c))}</td>" for n, c in cells))
            lines.append("</tr>")
        lines.append("</tbody></table>")
    return "\n".join([*lines, "</body></html>", ""])


def behind_sentence(behind: int) -> str:
    """Say that the database lacks what the journal has."""
    return f"The database is behind: {behind} entries of the journal are not in this report yet."


def named_period(report: Report) -> str:
    """Say in words of which time a report is."""
    zone = ZoneInfo(report.tz)
    since, until = (
        moment and on_screen(moment.isoformat(), zone)[:16]
        for moment in (report.since, report.until)
    )
    if since and until:
        named = f"from {since} to {until}"
    elif since or until:
        named = f"from {since} to now" if since else f"before {until}"
    else:
        named = "of all time"
    return f"{named} ({report.tz})"


def print_part(one: Part, to: Console) -> None:
    """Print one table under its title."""
    keys = [str(index) for index in range(len(one.columns))]
    rights = _of_numbers(one)
    columns = [
        Column(key, title.title, right=right)
        for key, title, right in zip(keys, one.columns, rights, strict=True)
    ]
    rows = [dict(zip(keys, map(_shown, row), strict=True)) for row in one.rows]
    to.print(f"\n{safe(one.title)}", style="bold")
    to.print(table(rows, columns) if rows else "Nothing to list.")


def _print(report: Report) -> None:
    to = console()
    to.print(safe(f"{report.title} {named_period(report)}"), style="bold", soft_wrap=True)
    for one in report.parts:
        print_part(one, to)


def _sheets(report: Report) -> list[Sheet]:
    from reports.national_sheets import Sheet

    about: list[list[Cell]] = [
        ["report", report.title],
        ["from", _iso(report.since)],
        ["to", _iso(report.until)],
        ["time zone", report.tz],
        ["entries that the database lacks", report.behind],
    ]
    parts = [
        Sheet(
            title=one.title[:31],
            columns=[title.title for title in one.columns],
            rows=[list(row) for row in one.rows],
        )
        for one in report.parts
    ]
    return [Sheet(title="About", columns=["what", "value"], rows=about), *parts]


def _of_numbers(one: Part) -> Iterable[bool]:
    return [
        any(isinstance(row[index], int | float) for row in one.rows)
        for index in range(len(one.columns))
    ]


def _shown(value: Cell) -> Cell:
    """A number of tenths has them even where they are none, so that columns stand in line."""
    return f"{value:.1f}" if isinstance(value, float) else value


def _text(value: Cell) -> str:
    return "-" if value is None else escape(safe(str(value)))


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
