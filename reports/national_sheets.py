"""Lays the national report out as sheets, in the words of its mapping. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from incidents.categories import Categories
from reports.national_figures import (
    NO_CATEGORY,
    NOT_KNOWN,
    OTHER_AGENCY,
    OTHER_CATEGORY,
    OUTSIDE,
    NationalReport,
    Part,
)
from reports.national_mapping import CLASSES, NO_INCIDENT, Layout

Cell = str | int | float | None

_PARTS = ("calls", "answered", "lost", "other", "incidents")
_TOLD = (
    *("told", "reached", "accepted", "declined", "unanswered", "called_off", "waiting", "overdue"),
    *("accept_median", "accept_p95"),
)


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One table. `columns`: their titles; each row has a cell for each."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]


def file_stem(report: NationalReport) -> str:
    """How a file of this report is called, without its ending: the month and the mapping."""
    return f"national-112_{report.month}_{report.mapping_version}"


def sheets(report: NationalReport, layout: Layout, categories: Categories) -> list[Sheet]:
    """Return all tables of the report, in the order of the file."""

    def sheet(name: str, columns: str, rows: Iterable[Sequence[Cell]]) -> Sheet:
        titles = [layout.columns[one] for one in columns.split()]
        return Sheet(title=layout.sheets[name], columns=titles, rows=[list(row) for row in rows])

    parts, told = " ".join(_PARTS), " ".join(_TOLD)
    times = "item measured median p95 target within within_percent"
    return [
        sheet("about", "item value", _about(report, layout)),
        sheet("sum", "part item calls incidents", _sum(report, layout)),
        sheet(
            "category", f"code category class apco {parts}", _categories(report, layout, categories)
        ),
        sheet("agency", f"agency {told}", _agencies(report, layout)),
        sheet("kecamatan", f"kecamatan {parts}", _with_total(report.kecamatan, layout)),
        sheet("day", f"day {parts}", _with_total(report.days, layout)),
        sheet("hour", f"hour {parts}", _with_total(report.hours, layout)),
        sheet("times", times, _times(report, layout)),
    ]


def _about(report: NationalReport, layout: Layout) -> Iterable[tuple[str, Cell]]:
    word = layout.rows

    def said(value: bool) -> str:
        return word["yes"] if value else word["no"]

    yield layout.title, None
    yield word["month"], report.month
    yield word["timezone"], report.tz
    yield word["since"], report.since.isoformat()
    yield word["until"], report.until.isoformat()
    yield word["made_at"], report.made_at.isoformat()
    yield word["month_over"], said(report.month_over)
    yield word["mapping_version"], report.mapping_version
    yield word["categories_version"], report.categories_version
    yield word["adds_up"], said(report.adds_up)
    for one in report.checks:
        if one.whole != one.parts:
            yield word["wrong"], f"{one.name}: {one.whole} / {one.parts}"


def _sum(report: NationalReport, layout: Layout) -> Iterable[list[Cell]]:
    word = layout.rows
    part = word["part_calls"]
    for name, count in report.outcomes.items():
        yield [part, word[name], count, None]
    yield [part, word["total"], report.offered, None]
    yield [part, word["test_calls"], report.test_calls, None]
    part = word["part_callbacks"]
    for name, count in report.callbacks.items():
        yield [part, word[name], count, None]
    yield [part, word["total"], report.callbacks_owed, None]
    part = word["part_classes"]
    names = {**{one: word[f"class_{one}"] for one in CLASSES}, NO_INCIDENT: word["no_incident"]}
    for one in report.classes:
        yield [part, names[one.id], one.calls, one.incidents]
    yield [part, word["total"], report.offered, report.incidents]
    yield [part, word["merged"], None, report.merged]
    part = word["part_groups"]
    names = {**{one.id: one.title for one in layout.groups}, NO_INCIDENT: word["no_incident"]}
    for one in report.groups:
        yield [part, names[one.id], one.calls, one.incidents]
    yield [part, word["total"], report.offered, report.incidents]
    part = word["part_progress"]
    for name, count in report.progress.items():
        yield [part, word[name], None, count]
    yield [part, word["total"], None, report.incidents]


def _categories(
    report: NationalReport, layout: Layout, categories: Categories
) -> Iterable[list[Cell]]:
    word = layout.rows
    others = {OTHER_CATEGORY: word["other_category"], NO_CATEGORY: word["no_category"]}
    for one in report.categories:
        row = categories.get(one.id)
        if row is None:
            about: list[Cell] = ["", others.get(one.id, one.id), "", ""]
        else:
            about = [row.code, row.called(), word[f"class_{row.national_class}"], row.apco]
        yield [*about, *_counts(one)]
    yield ["", word["total"], "", "", *_counts(_total(report.categories))]


def _agencies(report: NationalReport, layout: Layout) -> Iterable[list[Cell]]:
    whole = dict.fromkeys(_TOLD[:8], 0)
    for one in report.agencies:
        counts = {name: int(getattr(one, name)) for name in whole}
        whole = {name: whole[name] + counts[name] for name in whole}
        name = layout.rows["other_agency"] if one.id == OTHER_AGENCY else one.name or one.id
        times = (one.accept_median_ms, one.accept_p95_ms)
        yield [name, *counts.values(), *map(_seconds, times)]
    yield [layout.rows["total"], *whole.values(), None, None]


def _with_total(parts: Sequence[Part], layout: Layout) -> Iterable[list[Cell]]:
    names = {one: layout.rows[one] for one in (OUTSIDE, NOT_KNOWN)}
    for one in parts:
        yield [names.get(one.id, one.id), *_counts(one)]
    yield [layout.rows["total"], *_counts(_total(parts))]


def _times(report: NationalReport, layout: Layout) -> Iterable[list[Cell]]:
    for one in report.times:
        took = (one.median_ms, one.p95_ms)
        counts = (one.target_s, one.within, one.within_percent)
        yield [layout.rows[one.id], one.measured, *map(_seconds, took), *counts]


def _counts(one: Part) -> list[int]:
    return [getattr(one, name) for name in _PARTS]


def _total(parts: Sequence[Part]) -> Part:
    return Part(id="", **{name: sum(getattr(one, name) for one in parts) for name in _PARTS})


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else round(ms / 1000, 1)
