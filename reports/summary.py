"""The totals of a time: how many calls, what became of them, and how fast they were answered.

Calls that the line has made, to call citizens back, were not offered and are in no total.
The question that every total must pass is `adds_up`: each call that was offered is counted once.
Test calls are no citizens' and are in no total.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acd.calls.record import Outcome
from models.tables import CallRow
from reports import sums
from reports.figures import SHORT_S, Figures
from reports.figures_count import COUNTED_OF, NONE, CallFacts, Tally, takers
from reports.figures_groups import (
    COLUMNS,
    OF_HOURS,
    SHIFTS,
    By,
    Shift,
    TimeGroups,
    check_by,
    zone_of,
)
from reports.figures_groups import grouping as grouping
from reports.refused import RefusedBefore, refused_before
from reports.sums import Period, Sql, add_row, counted_columns, end_after, end_of_name, windows

OFFERED: tuple[ColumnElement[bool], ...] = (
    CallRow.callback_of.is_(None),
    CallRow.outcome.is_distinct_from(Outcome.TEST.value),
)
"""The conditions for a call to have been offered: a citizen has dialled, and not the line."""


class Summary(Figures, kw_only=True):
    """The totals of the calls that arrived from `since` on and before `until`, and of each group.

    `groups`: by category, operator, kecamatan or trunk in the order of their names, and a call is
    of the operator who answered it first, while `taken` is of whoever took it; a trunk is an
    address, also one whose calls were all refused before the line; by a time in the order of
    time, named after its begin in the time zone `tz`: 2026-04-13T07:00+07:00, 2026-04-13, 2026-04,
    or 2026-04-13 21-05 for a shift, after the day on which it begins. `refused_before`: what never
    came to the line, by hours, and in no other figure. `behind`: so many entries of the journal the
    database did not have yet.
    """

    since: datetime | None
    until: datetime | None
    tz: str
    by: By | None
    groups: dict[str, Figures]
    refused_before: list[RefusedBefore] = msgspec.field(default_factory=list)
    behind: int = 0


async def summary(
    session: AsyncSession,
    since: datetime | None = None,
    until: datetime | None = None,
    by: By | None = None,
    tz: str = "Asia/Jakarta",
    short_s: float = SHORT_S,
    shifts: Sequence[Shift] = SHIFTS,
) -> Summary:
    """Sum up the calls that arrived in a time, which needs a time zone. Raises BadQuestion."""
    return (await summaries(session, since, until, [by], tz, short_s, shifts))[0]


async def summaries(
    session: AsyncSession,
    since: datetime | None,
    until: datetime | None,
    groupings: Sequence[str | None],
    tz: str,
    short_s: float,
    shifts: Sequence[Shift],
) -> list[Summary]:
    """Sum up as `summary` does, for each of these groupings; the calls are read once."""
    zone = zone_of(tz)
    for by in groupings:
        check_by(by)
    some = [_Grouping(by, zone, shifts) for by in groupings]
    refused = await refused_before(session, since, until)
    with _no_garbage():
        await session.run_sync(_count, (since, until), some)
        for one in some:
            if one.by == "trunk":
                one.name_all(each.source for each in refused)
        total = Tally()
        for tally in some[0].tallies.values():
            total.merge(tally)
        whole = msgspec.structs.asdict(total.figures(short_s))
        return [
            Summary(
                **whole,
                since=since,
                until=until,
                tz=tz,
                by=one.by,  # type: ignore[arg-type]
                groups={name: tally.figures(short_s) for name, tally in one.in_order()},
                refused_before=refused,
            )
            for one in some
        ]


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Look for no garbage meanwhile: many small groups would be looked at again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Grouping:
    """What was counted of each group of one grouping, and who has taken how many calls."""

    def __init__(self, by: str | None, zone: ZoneInfo, shifts: Sequence[Shift]) -> None:
        self.by = by
        self.times = None if by is None or by in COLUMNS else TimeGroups(by, zone, shifts)
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.taken: Counter[str] = Counter()

    def add(self, sql: Sql, at: datetime, row: Mapping[str, Any]) -> None:
        """Count what a row has counted of calls that arrived at a time, or at once after it."""
        name = self.times.name(at) if self.times else row.get(f"by_{self.by}") or NONE
        names, own = add_row(self.tallies[name], sql, row)
        self.taken.update(names)
        self.taken[name] += own  # which counts by operator

    def name_all(self, names: Iterable[str]) -> None:
        """Let these have groups, if only of no calls."""
        for name in names:
            self.tallies[name] = self.tallies[name]

    def in_order(self) -> list[tuple[str, Tally]]:
        """Times in their order, others by their names."""
        if self.by is None:
            return []
        if self.times is not None:
            begins = self.times.begins
            return sorted(self.tallies.items(), key=lambda one: begins[one[0]])
        if self.by == "operator":
            for name, taken in self.taken.items():  # who only took over has a group of no calls
                self.tallies[name].taken = taken
        return sorted(self.tallies.items())


def _count(session: Session, period: Period, some: Sequence[_Grouping]) -> None:
    """Count the calls of a time in each of these groupings."""
    sql, groups, end_of = Sql(session), list[str](), end_after(sums.AT_MOST)
    columns, times = counted_columns(sql), [one for one in some if one.times is not None]
    for one in some:
        if one.by in COLUMNS:
            groups.append(f"by_{one.by}")
            columns[groups[-1]] = one.by
    if len(times) > 1 or any(one.by in OF_HOURS for one in some):
        groups.append("quarter")
        columns["quarter"], end_of = sql.quarter, end_after(sums.DAY)
    elif times and times[0].times:
        end_of = end_of_name(times[0].times)
    for begin, row in windows(session, columns, OFFERED, period, end_of, groups):
        at = sql.quarter_of(row["quarter"]) if "quarter" in groups else begin
        for one in some:
            one.add(sql, at, row)


def grouped(calls: Iterable[CallFacts], key_of: Callable[[CallFacts], str]) -> dict[str, Figures]:
    """Return the figures of every group, in the order in which the groups first appear."""
    groups: dict[str, list[CallFacts]] = {}
    for call in calls:
        groups.setdefault(key_of(call), []).append(call)
    return {key: figures(members) for key, members in groups.items()}


def figures(calls: Iterable[CallFacts], short_s: float = SHORT_S) -> Figures:
    """Compute the totals of some calls."""
    return counted(calls).figures(short_s)


def counted(calls: Iterable[CallFacts]) -> Tally:
    """Count some calls."""
    tally, some = Tally(), list(calls)
    tally.add([[getattr(call, name) for call in some] for name in COUNTED_OF])
    tally.taken = sum(1 for call in some for _ in takers(call.legs))
    return tally
