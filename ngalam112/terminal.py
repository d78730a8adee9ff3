"""What goes to the terminal, into JSON and into CSV: readable, and harmless whoever wrote it.

Callers choose their own names, so no text may move the cursor, reorder a line, become markup or
become a formula in a spreadsheet.
"""

from __future__ import annotations

import csv
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_COLUMNS = 120
"""How wide a table is where there is no terminal and COLUMNS says nothing."""

WIDE = 100
"""From so many columns on, tables show all that they have."""

Row = Mapping[str, Any]

_FORMULA = frozenset("=+-@＝＋－＠")
_COLOURS = {
    "ready": "green",
    "free": "green",
    "talking": "green",
    "ok": "green",
    "yes": "green",
    "ya": "green",
    "terjawab": "green",
    "answered": "green",
    "warning": "yellow",
    "wrong": "bold red",
    "no": "bold red",
    "tidak": "bold red",
    "unreachable": "red",
    "lost_queue": "red",
    "lost_menu": "red",
    "lost_ringing": "red",
    "lost_fallback": "red",
    "paused": "yellow",
    "fallback": "yellow",
}


class Format(StrEnum):
    """How a list is written."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class Column(NamedTuple):
    """A column of a table: the name of the value in each row, the title, and its side.

    One that is `spare` is left out where there are fewer than 100 columns of characters.
    """

    name: str
    title: str
    right: bool = False
    spare: bool = False


def safe(text: str) -> str:
    """Return the text on one line, with U+FFFD for each sign that does more than being seen."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _instead(sign) for sign in text)


def _instead(sign: str) -> str:
    return " " if sign in "\n\t" or unicodedata.category(sign) == "Zs" else "\ufffd"


def safe_cell(value: Any) -> Any:
    """Return a value for a CSV cell: no text begins like a formula, not even a phone number."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = safe(value if isinstance(value, str) else json.dumps(value))
    return f"'{text}" if text.lstrip()[:1] in _FORMULA else text


def console(stream: TextIO | None = None) -> Console:
    """Return the console for a stream (standard output); nothing of a text is highlighted."""
    stream = stream or sys.stdout
    given = os.environ.get("COLUMNS", "")
    columns = int(given) if given.isdigit() and int(given) else PIPE_COLUMNS
    width = None if stream.isatty() else columns
    return Console(file=stream, width=width, highlight=False, markup=False, emoji=False)


def cell(value: Any) -> Text:
    """Return a value as it stands in a table: a dash for nothing, words of ours in colour."""
    if value is None or value == "":
        return Text("-", "dim")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, float):
        value = f"{value:g}"
    text = safe(str(value))
    return Text(text, _COLOURS.get(text, ""))


def table(rows: Iterable[Row], columns: Sequence[Column], title: str | None = None) -> Table:
    """Return a table of the rows; values that a row lacks are dashes."""
    made = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=title and Text(safe(title)),
        title_justify="left",
    )
    for column in columns:
        # long words are folded, so nothing of a value is ever cut off
        made.add_column(
            Text(column.title),
            justify="right" if column.right else "left",
            overflow="fold",
            min_width=len(column.title),
        )
    for row in rows:
        made.add_row(*(cell(row.get(column.name)) for column in columns))
    return made


def write_json(value: Any) -> None:
    """Write a value as JSON in ASCII, which no terminal and no encoding can spoil."""
    text = json.dumps(value, indent=2)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def write_csv(rows: Iterable[Row], names: Sequence[str]) -> None:
    """Write the rows as CSV with a line of names above them."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([safe_cell(row.get(name)) for name in names])


def write_list(
    rows: Sequence[Row],
    columns: Sequence[Column],
    fmt: Format,
    *,
    names: Sequence[str],
    shown: Sequence[Row] | None = None,
    nothing: str = "Nothing to list.",
) -> None:
    """Write the rows as `fmt`; `names` are the columns of CSV, `shown` the rows of the table."""
    match fmt:
        case Format.JSON:
            write_json(rows)
        case Format.CSV:
            write_csv(rows, names)
        case Format.TABLE if rows:
            to = console()
            fitting = [one for one in columns if to.width >= WIDE or not one.spare]
            to.print(table(rows if shown is None else shown, fitting))
        case Format.TABLE:
            console().print(nothing)
