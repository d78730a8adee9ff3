"""The totals of a time: how many calls, what became of them, and how fast they were answered.

Calls that the line has made, to call citizens back, were not offered and are in no total.
The question that every total must pass is `adds_up`: each call that was offered is counted once.
Test calls are no citizens' and are in no total.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
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

    `groups`: by category, operator or kecamatan in the order of their names, and a call is of the
    operator who answered it first, while `taken` is of whoever took it; by a time in the order of
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
    zone = zone_of(tz)
    check_by(by)
    tallies, taken = await session.run_sync(_counted, (since, until), by, zone, shifts)
    total = Tally()
    for one in tallies.values():
        total.merge(one)
    if by == "operator":
        for name in {*tallies, *taken}:  # who only took over has a group of no calls
            tallies.setdefault(name, Tally()).taken = taken[name]
    if by is None:
        tallies = {}
    elif by in COLUMNS:
        tallies = dict(sorted(tallies.items()))
    return Summary(
        **msgspec.structs.asdict(total.figures(short_s)),
        since=since,
        until=until,
        tz=tz,
        by=by,
        groups={name: one.figures(short_s) for name, one in tallies.items()},
        refused_before=await refused_before(session, since, until),
    )


def _counted(
    session: Session, period: Period, by: str | None, zone: ZoneInfo, shifts: Sequence[Shift]
) -> tuple[dict[str, Tally], Counter[str]]:
    """What was counted of each group, times in their order; and who has taken how many."""
    sql = Sql(session)
    columns, group, end_of = counted_columns(sql), None, end_after(sums.AT_MOST)
    times = None if by is None or by in COLUMNS else TimeGroups(by, zone, shifts)
    if by in COLUMNS:
        group, columns["group"] = "group", by
    elif by in OF_HOURS:
        group, columns["group"], end_of = "group", sql.quarter, end_after(sums.DAY)
    elif times is not None:
        end_of = end_of_name(times)
    tallies: dict[str, Tally] = defaultdict(Tally)
    taken: Counter[str] = Counter()
    for begin, row in windows(session, columns, OFFERED, period, end_of, group):
        if times is not None:
            name = times.name(sql.quarter_of(row["group"]) if group else begin)
        else:
            name = row["group"] or NONE if group else ""
        names, own = add_row(tallies[name], sql, row)
        taken.update(names)
        taken[name] += own  # which counts by operator
    if times is not None:
        tallies = {one: tallies[one] for one in sorted(tallies, key=times.begins.__getitem__)}
    return tallies, taken


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
