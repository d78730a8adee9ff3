"""Categories as files that people change: CSV and TOML, read whole or not at all. Pure.

A file that is written reads back. In CSV a name stands in a column for each language, agencies in
one cell with ; between, and questions as JSON. A cell that a spreadsheet would take for a formula
is written with ' before it, and read without.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from acd.agencies.files import Unusable, guarded, unguarded
from acd.languages import OWN_LANGUAGE
from incidents.categories import Category
from incidents.category_changes import FIELDS, Change
from incidents.category_rules import MOST_ROWS

_NAME = "name_"
_COLUMNS = tuple(name for name in FIELDS if name != "name")
_EMPTY_IS_NONE = ("parent", "menu", "priority")


class Given(NamedTuple):
    """What a file says of one category, and in which line."""

    line: int
    change: Change


def to_csv(rows: Iterable[Category]) -> str:
    """Return categories as CSV."""
    kept = list(rows)
    languages = [OWN_LANGUAGE, *sorted({one for row in kept for one in row.name} - {OWN_LANGUAGE})]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_COLUMNS, *(_NAME + one for one in languages), "questions"])
    for row in kept:
        has = msgspec.to_builtins(row)
        cells = [_cell(has[name]) for name in _COLUMNS]
        cells += [row.name.get(one, "") for one in languages]
        asks = json.dumps(has["questions"], ensure_ascii=False) if row.questions else ""
        writer.writerow(guarded(one) for one in (*cells, asks))
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; ".join(value)
    return "" if value is None else str(value)


def to_toml(version: str, rows: Iterable[Category]) -> str:
    """Return categories as TOML, as the city's file has them."""
    return f"version = {_value(version)}\n" + "".join(
        _table(msgspec.to_builtins(one)) for one in rows
    )


def _table(row: Mapping[str, Any]) -> str:
    lines = [f"{name} = {_value(row[name])}\n" for name in FIELDS if row[name] is not None]
    asks = "".join(f"  {_value(one)},\n" for one in row["questions"])
    lines.append(f"questions = [\n{asks}]\n" if asks else "questions = []\n")
    return "\n[[categories]]\n" + "".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + " }"
    # of what JSON writes, TOML reads all but a DEL, which no field may hold
    return json.dumps(value, ensure_ascii=False)


def read_csv(text: str) -> list[Given]:
    """Return what a CSV file says; columns that it lacks change nothing. Raises Unusable."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found, wrong = list[Given](), list[tuple[int, str]]()
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_columns(names)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                found.append(Given(reader.line_num, _of_cells(names, cells)))
            except (ValueError, msgspec.MsgspecError, RecursionError) as error:
                wrong.append((reader.line_num, _clause(error)))
    except csv.Error as error:
        wrong.append((reader.line_num, str(error)))
    return _whole(found, wrong)


def _check_columns(names: list[str]) -> None:
    known = {*_COLUMNS, "questions"}
    for name in names:
        if name not in known and not re.fullmatch(rf"{_NAME}[a-z]{{2,3}}", name):
            can = ", ".join((*_COLUMNS, f"{_NAME}{OWN_LANGUAGE}", "questions"))
            raise Unusable([(1, f"there is no column {name[:40]!r}; use {can}")])
    if "id" not in names or len({*names}) < len(names):
        raise Unusable([(1, "it must name the columns, id among them, and each once")])


def _of_cells(names: list[str], cells: list[str]) -> Change:
    if len(cells) != len(names):
        raise ValueError(f"it has {len(cells)} cells, and there are {len(names)} columns")
    values, called = dict[str, Any](), dict[str, str]()
    for name, cell in zip(names, map(unguarded, cells), strict=True):
        value = cell.strip()
        if name.startswith(_NAME):
            called[name.removeprefix(_NAME)] = value
        elif name == "agencies":
            values[name] = [one.strip() for one in value.split(";") if one.strip()]
        elif name == "questions":
            values[name] = msgspec.json.decode(value) if value else []
        elif name in _EMPTY_IS_NONE and not value:
            values[name] = None
        elif name == "priority":
            if not re.fullmatch(r"[0-9]{1,2}", value):
                raise ValueError(f"priority {value[:40]!r} is no number")
            values[name] = int(value)
        else:
            values[name] = value
    return msgspec.convert(values | ({"name": called} if called else {}), Change)


def read_toml(text: str) -> list[Given]:
    """Return what a TOML file says, with [[categories]] for each. Raises Unusable."""
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        raise Unusable([(0, "it is nested too deeply")]) from None
    except ValueError as error:  # of TOML, and of numbers with thousands of digits
        raise Unusable([(0, _clause(error))]) from None
    rows = tables.get("categories")
    if not isinstance(rows, list) or tables.keys() - {"version", "categories"}:
        raise Unusable([(0, "it must have rows [[categories]], and nothing else but a version")])
    headers = (
        at
        for at, line in enumerate(text.splitlines(), 1)
        if re.match(r"\s*\[\[\s*categories", line)
    )
    found, wrong = list[Given](), list[tuple[int, str]]()
    for row in rows:
        line = next(headers, 0)
        try:
            found.append(Given(line, msgspec.convert(row, Change)))
        except msgspec.ValidationError as error:
            wrong.append((line, _clause(error)))
    return _whole(found, wrong)


def _clause(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or "it is nested too deeply"


def _whole(found: list[Given], wrong: list[tuple[int, str]]) -> list[Given]:
    if len(found) > MOST_ROWS:
        wrong.append((found[MOST_ROWS].line, f"there are more than {MOST_ROWS} categories"))
    if not found and not wrong:
        wrong.append((0, "there is no category in it"))
    if wrong:
        raise Unusable(wrong)
    return found
