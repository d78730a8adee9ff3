"""Writes the tables of a report as one XLSX or CSV file, in which no text is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ngalam112.cli.export import written, written_bytes
from ngalam112.terminal import safe, safe_cell

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from reports.national_sheets import Cell, Sheet

NARROWEST, WIDEST = 8, 60
"""Characters of a column in a sheet."""


def write_csv_file(path: Path, sheets: Sequence[Sheet], made_at: datetime) -> None:
    """Write all tables into one CSV file; what was there is replaced as a whole.

    `made_at`: of no use here, as the tables tell it.
    """
    with written(path) as file:
        write_sheets_csv(file, sheets)


def write_sheets_csv(to: TextIO, sheets: Sequence[Sheet]) -> None:
    """Write all tables as CSV: the title of its table in each line, and the columns' above it."""
    writer = csv.writer(to, lineterminator="\n")
    for sheet in sheets:
        titles: list[Cell] = [*sheet.columns]
        for row in (titles, *sheet.rows):
            writer.writerow([safe_cell(one) for one in (sheet.title, *row)])


def write_xlsx_file(path: Path, sheets: Sequence[Sheet], made_at: datetime) -> None:
    """Write an XLSX file with a sheet for each table; what was there is replaced as a whole."""
    with written_bytes(path) as file:
        file.write(xlsx(sheets, made_at))


def xlsx(sheets: Sequence[Sheet], made_at: datetime) -> bytes:
    """Return the tables as an XLSX file. `made_at` needs a time zone."""
    from xlsxwriter import Workbook

    content = io.BytesIO()
    options = {
        "constant_memory": True,  # a row is written out as soon as the next one begins
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with Workbook(content, options) as book:
        # spreadsheets know no time zones
        book.set_properties({"created": made_at.astimezone(UTC).replace(tzinfo=None)})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        for sheet in sheets:
            _fill(book.add_worksheet(sheet.title), sheet, bold)
    return content.getvalue()


def _fill(page: Worksheet, sheet: Sheet, bold: Format) -> None:
    # widths come first, as nothing can be changed behind a row that is written out
    for column, width in enumerate(_widths(sheet)):
        page.set_column(column, column, width)
    page.freeze_panes(1, 0)
    for column, title in enumerate(sheet.columns):
        page.write_string(0, column, safe(title), bold)
    for number, row in enumerate(sheet.rows, 1):
        for column, value in enumerate(row):
            _write(page, number, column, value)


def _write(page: Worksheet, row: int, column: int, value: Cell) -> None:
    if value is None or value == "":
        return
    if isinstance(value, str):
        page.write_string(row, column, safe(value))
    else:
        page.write_number(row, column, value)


def _widths(sheet: Sheet) -> list[int]:
    """How wide each column is: as its longest value; titles may be folded between words."""
    found = []
    for column, title in enumerate(sheet.columns):
        texts = ["" if row[column] is None else str(row[column]) for row in sheet.rows]
        longest = max(map(len, [*title.split(), *texts]), default=0)
        found.append(min(max(longest + 2, NARROWEST), WIDEST))
    return found
