"""The command `ngalam112 report national`: a month as the nation counts it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from sqlalchemy.exc import SQLAlchemyError

from ngalam112.cli.common import FormatOption, tell
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, table, write_json

if TYPE_CHECKING:
    from incidents.categories import Categories
    from reports.national_figures import NationalReport
    from reports.national_mapping import Layout
    from reports.national_sheets import Cell, Sheet

_WHOLE = 2
"""So many tables, the first ones, are shown with all their rows."""

MonthOption = Annotated[str, typer.Option("--month", "-m", help="The month, as 2026-11.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="The file to write, .xlsx or .csv, with the mapping's version put into its name;"
        " or a folder, for a file that is named by the month.",
    ),
]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="The mapping to use instead of the shipped one.")
]


class NoSuchForm(ValueError):
    """A file is wanted in a form that the report cannot be written in."""


def report_national(
    month: MonthOption,
    fmt: FormatOption = Format.TABLE,
    output: OutputOption = None,
    mapping: MappingOption = None,
) -> None:
    """Count a month for the national report; exit 1 if the parts do not add up.

    With --output the tables go into a file, else to the screen. No number, name or text of a person
    is in them.
    """
    from ngalam112.cli.national_files import write_sheets_csv
    from reports.national_sheets import sheets

    if output is not None:
        _form_of(output, fmt)  # before the work
    settings = load_settings()
    report, layout, categories = asyncio.run(_counted(settings, month, mapping))
    made = sheets(report, layout, categories)
    if output is not None:
        path = _write(output, fmt, report, made)
        console().print(f"Written: {safe(str(path))}", soft_wrap=True)
    elif fmt is Format.JSON:
        write_json(msgspec.to_builtins(report))
    elif fmt is Format.CSV:
        import sys

        write_sheets_csv(sys.stdout, made)
    else:
        _print(made)
    if not report.adds_up:
        wrong = next(one for one in report.checks if one.whole != one.parts)
        tell(
            f"The report does not add up: {wrong.name}, {wrong.whole} as a whole and"
            f" {wrong.parts} in its parts."
        )
        raise typer.Exit(1)


async def _counted(
    settings: Settings, month: str, mapping: Path | None
) -> tuple[NationalReport, Layout, Categories]:
    """Read the database itself, engine or not: a month of calls is no work for an engine."""
    from ngalam112.api.category_queries import stored_categories
    from ngalam112.api.queries import open_stored
    from places.districts import load_districts
    from reports.national import national_report
    from reports.national_facts import month_of
    from reports.national_mapping import MAPPING_FILE, load_mapping

    wanted, layout = month_of(month), load_mapping(mapping or MAPPING_FILE)
    kecamatan = sorted(load_districts(settings.districts_file).kecamatan)
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    async with open_stored(settings, read_only=True) as database:
        categories = await stored_categories(database, settings)
        try:
            found = await national_report(
                database, wanted, zone, layout, categories, kecamatan, now
            )
        except (OSError, SQLAlchemyError) as error:
            raise database.unreachable(error) from None
    return found, layout, categories


def _form_of(output: Path, fmt: Format) -> str:
    """Return the ending of the file to write; raises NoSuchForm."""
    if output.is_dir():
        if fmt is Format.JSON:
            raise NoSuchForm("JSON goes to the screen only; leave --output out.")
        return ".csv" if fmt is Format.CSV else ".xlsx"
    ending = output.suffix.lower()
    if ending not in (".xlsx", ".csv") or fmt is Format.JSON:
        raise NoSuchForm(
            f"{output.name!r} cannot be written; give --output a file .xlsx or .csv, or a folder."
        )
    return ending


def _write(output: Path, fmt: Format, report: NationalReport, made: list[Sheet]) -> Path:
    from ngalam112.cli.national_files import write_csv_file, write_xlsx_file
    from reports.national_sheets import file_stem

    ending = _form_of(output, fmt)
    if output.is_dir():
        path = output / f"{file_stem(report)}{ending}"
    elif report.mapping_version in output.stem:
        path = output
    else:
        path = output.with_name(f"{output.stem}_{report.mapping_version}{output.suffix}")
    write = write_xlsx_file if ending == ".xlsx" else write_csv_file
    write(path, made, report.made_at)
    return path


def _print(made: list[Sheet]) -> None:
    to = console()
    for number, sheet in enumerate(made):
        keys = [str(index) for index in range(len(sheet.columns))]
        columns = [
            Column(key, title, right=_is_of_numbers(sheet, index))
            for index, (key, title) in enumerate(zip(keys, sheet.columns, strict=True))
        ]
        shown = sheet.rows if number < _WHOLE else _counting(sheet.rows)
        rows: list[dict[str, Any]] = [dict(zip(keys, row, strict=True)) for row in shown]
        if number:
            to.print()
        to.print(table(rows, columns, title=sheet.title))


def _counting(rows: list[list[Cell]]) -> list[list[Cell]]:
    """The rows that count anything, and the last one, the total.

    A screen need not show each category that nobody has called for.
    """
    counts = [[one for one in row if isinstance(one, int | float)] for row in rows[:-1]]
    return [*(row for row, some in zip(rows, counts, strict=False) if any(some)), *rows[-1:]]


def _is_of_numbers(sheet: Sheet, index: int) -> bool:
    return any(isinstance(row[index], int | float) for row in sheet.rows)
