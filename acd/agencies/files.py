"""Agencies as files: CSV and TOML, read whole or not at all, written so that they read back. Pure.

A cell that a spreadsheet would take for a formula is written with ' before it, and read without.
Lists stand in one cell, with ; between.
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

from acd.agencies.agency import FIELDS, LISTS, Agency, Change
from acd.agencies.changes import MOST_AGENCIES

_SIGNS = frozenset("=+-@＝＋－＠'")
_NUMBERS = ("acknowledge_s", "report_s")
_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_MOST_TOLD = 20


class Given(NamedTuple):
    """What a file says of one agency, and in which line."""

    line: int
    change: Change


class Unusable(ValueError):
    """A file cannot be taken in, and nothing of it is; the message names each line at fault."""

    def __init__(self, wrong: Iterable[tuple[int, str]]) -> None:
        told = [f"line {line}: {what}" if line else what for line, what in wrong]
        more = len(told) - _MOST_TOLD
        last = [f"and {more} more faults"] if more > 0 else []
        super().__init__("Nothing is taken in: " + "; ".join([*told[:_MOST_TOLD], *last]) + ".")


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula; `unguarded` undoes it."""
    return f"'{text}" if _looks_like_formula(text) else text


def unguarded(cell: str) -> str:
    """Return what stood in a cell."""
    return cell[1:] if cell[:1] == "'" and _looks_like_formula(cell[1:]) else cell


def _looks_like_formula(text: str) -> bool:
    return text[:1] in ("\t", "\r") or text.lstrip()[:1] in _SIGNS


def to_csv(agencies: Iterable[Agency]) -> str:
    """Return agencies as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    for one in agencies:
        row = one.row()
        writer.writerow([guarded(_cell(row[name])) for name in FIELDS])
    return text.getvalue()


def _cell(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return _plain(value)
        case list():
            return "; ".join(value)
        case _:
            return str(value)


def _plain(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def to_toml(agencies: Iterable[Agency]) -> str:
    """Return agencies as TOML, a table for each."""
    return "\n".join(_table(one.row()) for one in agencies)


def _table(row: Mapping[str, Any]) -> str:
    lines = [f"{name} = {_value(row[name])}\n" for name in FIELDS if name != "id"]
    return f"[{row['id']}]\n" + "".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, float):
        return _plain(value)
    # of what JSON writes, TOML reads all but a DEL, which no field may hold
    return json.dumps(value, ensure_ascii=False)


def read_csv(text: str) -> list[Given]:
    """Return what a CSV file says; columns that it lacks change nothing. Raises Unusable."""
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    found, wrong, names = list[Given](), list[tuple[int, str]](), list[str]()
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_columns(names)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                found.append(Given(reader.line_num, _of_cells(names, cells)))
            except (ValueError, msgspec.ValidationError) as error:
                wrong.append((reader.line_num, _clause(error)))
    except csv.Error as error:
        wrong.append((reader.line_num, str(error)))
    return _whole(found, wrong)


def _check_columns(names: list[str]) -> None:
    unknown = sorted({*names} - {*FIELDS})
    if unknown:
        raise Unusable([(1, f"there is no column {unknown[0][:40]!r}; use {', '.join(FIELDS)}")])
    if "id" not in names or len({*names}) < len(names):
        raise Unusable([(1, "it must name the columns, id among them, and each once")])


def _of_cells(names: list[str], cells: list[str]) -> Change:
    if len(cells) != len(names):
        raise ValueError(f"it has {len(cells)} cells, and there are {len(names)} columns")
    values = dict[str, Any]()
    for name, cell in zip(names, map(unguarded, cells), strict=True):
        value = cell.strip()
        if name in LISTS:
            values[name] = [one.strip() for one in value.split(";") if one.strip()]
        elif name == "holidays":
            if value.lower() not in _YES_NO:
                raise ValueError(f"holidays {value[:40]!r} must be yes or no")
            values[name] = _YES_NO[value.lower()]
        elif name in _NUMBERS:
            values[name] = _seconds(name, value)
        else:
            values[name] = value
    return msgspec.convert(values, Change)


def _seconds(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name} {text[:40]!r} is no number of seconds") from None


def read_toml(text: str) -> list[Given]:
    """Return what a TOML file says, a table for each agency. Raises Unusable."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Unusable([(0, _clause(error))]) from None
    except RecursionError:
        raise Unusable([(0, "it is nested too deeply")]) from None
    found, wrong = list[Given](), list[tuple[int, str]]()
    for id, table in tables.items():
        line = _line_of(text, id)
        try:
            if not isinstance(table, dict) or "id" in table:
                raise ValueError(f"{id[:40]!r} must be a table, [ID], with the fields of an agency")
            found.append(Given(line, msgspec.convert({"id": id, **table}, Change)))
        except (ValueError, msgspec.ValidationError) as error:
            wrong.append((line, _clause(error)))
    return _whole(found, wrong)


def _line_of(text: str, id: str) -> int:
    """The line in which the table begins; 0 if it is written in another way."""
    header = re.compile(rf"\s*\[?\s*[\"']?{re.escape(id)}[\"']?\s*[\].=]")
    return next((at for at, line in enumerate(text.splitlines(), 1) if header.match(line)), 0)


def _clause(error: Exception) -> str:
    return " ".join(str(error).split())


def _whole(found: list[Given], wrong: list[tuple[int, str]]) -> list[Given]:
    if len(found) > MOST_AGENCIES:
        wrong.append((found[-1].line, f"there are more than {MOST_AGENCIES} agencies"))
    if wrong:
        raise Unusable(wrong)
    return found
