"""A report as tables of numbers: the same ones on the screen, in JSON, CSV, XLSX and HTML. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from reports.said import Said

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


def part(
    name: str, title: str, columns: str, rows: Iterable[Sequence[Cell]], **values: object
) -> Part:
    """Return a table; `columns`: `name=title` or a name that is its title, by commas.

    Titles are texts of ours (`Said`); `values`: what stands where they have names in braces.
    """
    titles = []
    for one in columns.split(","):
        key, _, said = one.strip().partition("=")
        titles.append(Title(key.format(**values), _said(said or key, values)))
    shown = _said(title, values)
    return Part(name=name, title=shown, columns=titles, rows=[list(row) for row in rows])


def _said(template: str, values: Mapping[str, object]) -> Said:
    whole = values.get(template.strip("{}"))
    if isinstance(whole, Said):  # it is all that the title says
        return whole
    wanted = {name: one for name, one in values.items() if f"{{{name}}}" in template}
    return Said(template, **wanted)


def seconds(ms: float | None) -> float | None:
    """Return milliseconds as seconds, to a tenth."""
    return None if ms is None else round(ms / 1000, 1)


def share(part: int, whole: int) -> float | None:
    """Return how many per cent of the whole a part is, to a tenth; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def tenth(percent: float | None) -> float | None:
    """Return a share to a tenth."""
    return None if percent is None else round(percent, 1)
