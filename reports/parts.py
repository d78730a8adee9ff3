"""A report as tables of numbers: the same ones on the screen, in JSON, CSV, XLSX and HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

Cell = str | int | float | None


class Title(msgspec.Struct, frozen=True):
    """A column: its name in JSON and its title for people."""

    name: str
    title: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One table. `name`: in JSON; `title`: for people, at most 31 signs; a row has a cell a column.

    Times are in seconds and shares in per cent, both to a tenth.
    """

    name: str
    title: str
    columns: Sequence[Title]
    rows: Sequence[Sequence[Cell]]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report of the time from `since` on and before `until`, in the time zone `tz`.

    `behind`: so many entries of the journal the database did not have yet.
    """

    name: str
    title: str
    since: datetime | None
    until: datetime | None
    tz: str
    parts: Sequence[Part]
    behind: int = 0


def part(name: str, title: str, columns: str, rows: Iterable[Sequence[Cell]]) -> Part:
    """Return a table; `columns`: `name=title` or a name that is its title, by commas."""
    titles = []
    for one in columns.split(","):
        key, _, said = one.strip().partition("=")
        titles.append(Title(key, said or key))
    return Part(name=name, title=title, columns=titles, rows=[list(row) for row in rows])


def seconds(ms: float | None) -> float | None:
    """Return milliseconds as seconds, to a tenth."""
    return None if ms is None else round(ms / 1000, 1)


def share(part: int, whole: int) -> float | None:
    """Return how many per cent of the whole a part is, to a tenth; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def tenth(percent: float | None) -> float | None:
    """Return a share to a tenth."""
    return None if percent is None else round(percent, 1)
