"""The totals of a time: how many calls, what became of them, and how fast they were answered.

Calls that the line has made, to call citizens back, were not offered and are in no total.
The question that every total must pass is `adds_up`: each call that was offered is counted once.
Test calls are no citizens' and are in no total.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from acd.calls.record import Outcome
from models.tables import CallRow
from reports.calls import arrived
from reports.figures import SHORT_S, Figures
from reports.figures_count import COUNTED_OF, NONE, CallFacts, Tally, takers
from reports.figures_groups import COLUMNS, SHIFTS, By, Shift, TimeGroups, check_by, zone_of
from reports.figures_groups import grouping as grouping
from reports.reading import json_values, moments, raw_rows
from reports.refused import RefusedBefore, refused_before

OFFERED: tuple[ColumnElement[bool], ...] = (
    CallRow.callback_of.is_(None),
    CallRow.outcome.is_distinct_from(Outcome.TEST.value),
)
"""The conditions for a call to have been offered: a citizen has dialled, and not the line."""

_TABLE = CallRow.__table__
_READ = (*COUNTED_OF, "operator", "legs")


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
    tallies, taken = await session.run_sync(_counted, since, until, by, zone, shifts)
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


def offered(since: datetime | None, until: datetime | None, *names: str) -> Select[Any]:
    """Return the question for these columns of the calls that were offered in a time."""
    columns = [_TABLE.c[name] for name in names]
    return select(*columns).where(*arrived(since, until), *OFFERED)


def _counted(
    session: Session,
    since: datetime | None,
    until: datetime | None,
    by: str | None,
    zone: ZoneInfo,
    shifts: Sequence[Shift],
) -> tuple[dict[str, Tally], Counter[str]]:
    """What was counted of each group, times in their order; and who has taken how many."""
    times = None if by is None or by in COLUMNS else TimeGroups(by, zone, shifts)
    read = (*_READ, by) if by in COLUMNS else _READ
    moment, json = moments(session), json_values(session)
    tallies: dict[str, Tally] = {}
    taken: Counter[str] = Counter()
    for rows in raw_rows(session, offered(since, until, *read)):
        columns: list[Any] = list(zip(*rows, strict=True))
        columns[0] = list(map(moment, columns[0]))
        for n in (1, 2):
            columns[n] = [None if one is None else moment(one) for one in columns[n]]
        groups: dict[str, Sequence[int] | None] = {"": None}
        if by is not None:
            names = columns[-1] if times is None else map(times.name, columns[0])
            groups = _places(names)
        for key, places in groups.items():
            tally = tallies.setdefault(key, Tally())
            some = columns
            if places is not None:
                some = [[column[n] for n in places] for column in columns]
            tally.add(some[: len(COUNTED_OF)])
            operators = _takers(some, json)
            tally.taken += len(operators)
            taken.update(operators)
    if times is not None:
        tallies = {one: tallies[one] for one in sorted(tallies, key=times.begins.__getitem__)}
    return tallies, taken


def _places(names: Iterable[str | None]) -> dict[str, Sequence[int] | None]:
    """The places of each name in a column."""
    found: dict[str, list[int]] = defaultdict(list)
    for n, name in enumerate(names):
        found[name or NONE].append(n)
    return {**found}


def _takers(columns: Sequence[Sequence[Any]], json: Callable[[Any], Any]) -> list[str]:
    """Who has taken these calls, as COUNTED_OF and their legs tell."""
    found = []
    answered, outcomes = columns[1], columns[3]
    operators, legs = columns[len(COUNTED_OF) : len(_READ)]
    for operator, at, outcome, some in zip(operators, answered, outcomes, legs, strict=True):
        if some == "[]":
            continue
        # of most there is one leg, that of who has answered: their JSON need not be read
        one = isinstance(some, str) and some.count(_LEG) == 1
        if one and at is not None and operator and outcome == Outcome.ANSWERED:
            found.append(operator)
        else:
            found += takers(json(some))
    return found


_LEG = '"joined_at":'


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
