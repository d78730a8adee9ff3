"""How long each operator was idle, offered calls, talked, was in wrap-up or paused, in a time.

Read from `operator_states`, of which a row holds until the operator's next one. Times are cut at
the ends of the range and counted in whole milliseconds, so the parts add up to the time logged in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from acd.operators.operator import Status
from acd.operators.states import State
from models.tables import OperatorRow, OperatorStateRow
from reports.errors import BadQuestion

_AT_ONCE = 5000

NO_REASON = "none"
"""The reason of a pause that was given none."""


class Change(NamedTuple):
    """What holds of an operator from `at` on, in milliseconds since the epoch."""

    operator: str
    at: int
    status: str
    state: str
    pause_reason: str | None = None


class Interval(NamedTuple):
    """What held of an operator from `begin` on and before `end`, in milliseconds."""

    begin: int
    end: int
    of: Change

    @property
    def ms(self) -> int:
        """How long it was."""
        return self.end - self.begin


class OperatorTimes(msgspec.Struct, kw_only=True):
    """The times of an operator in milliseconds; all parts together are `logged_in_ms`.

    `paused`: by reason, and together `paused_ms`; who talks while paused talks. Who logs out in a
    call, or before its wrap-up is over, counts as logged in until then. `occupancy_percent`: of the
    time that was not paused, that of calls and what follows them; None if there was no such time.
    """

    operator: str
    logged_in_ms: int = 0
    idle_ms: int = 0
    offered_ms: int = 0
    talking_ms: int = 0
    holding_ms: int = 0
    calling_ms: int = 0
    wrap_up_ms: int = 0
    paused_ms: int = 0
    paused: dict[str, int] = {}
    occupancy_percent: float | None = None

    @property
    def busy_ms(self) -> int:
        """The time of calls, and of what follows them."""
        calls = self.offered_ms + self.talking_ms + self.holding_ms + self.calling_ms
        return calls + self.wrap_up_ms


def is_logged_in(one: Change) -> bool:
    """Whether the operator is there, or has a call that is not over yet."""
    return one.status != Status.LOGGED_OUT or one.state != State.IDLE


def intervals(changes: Iterable[Change], begin: int, end: int) -> Iterator[Interval]:
    """One operator's time from `begin` on and before `end`, in parts without gap or overlap.

    `changes`: in order of time. What was before the first of them is not known, and is no part.
    """
    last: Change | None = None
    for one in changes:
        if last is not None:
            yield from _cut(last, one.at, begin, end)
        last = one
    if last is not None:
        yield from _cut(last, end, begin, end)


def _cut(one: Change, until: int, begin: int, end: int) -> Iterator[Interval]:
    since, until = max(one.at, begin), min(until, end)
    if since < until:
        yield Interval(since, until, one)


def times_of(operator: str, parts: Iterable[Interval]) -> OperatorTimes:
    """Add up an operator's intervals."""
    found = OperatorTimes(operator=operator)
    for part in parts:
        if not is_logged_in(part.of):
            continue
        found.logged_in_ms += part.ms
        if part.of.state == State.IDLE and part.of.status == Status.PAUSED:
            reason = part.of.pause_reason or NO_REASON
            found.paused[reason] = found.paused.get(reason, 0) + part.ms
            found.paused_ms += part.ms
        else:
            name = f"{State(part.of.state)}_ms"
            setattr(found, name, getattr(found, name) + part.ms)
    if there := found.logged_in_ms - found.paused_ms:
        found.occupancy_percent = round(100 * found.busy_ms / there, 1)
    return found


def all_times(changes: Iterable[Change], begin: int, end: int) -> list[OperatorTimes]:
    """The times of each operator who was logged in; `changes`: by operator, then by time."""
    found = [
        times_of(operator, intervals(some, begin, end))
        for operator, some in groupby(changes, attrgetter("operator"))
    ]
    return [one for one in found if one.logged_in_ms]


async def operator_times(
    session: AsyncSession, since: datetime, until: datetime, now: datetime
) -> list[OperatorTimes]:
    """Return the times of each operator from `since` on and before `until`, or `now` if earlier.

    Raises BadQuestion if the range is empty.
    """
    end = min(until, now)
    if since >= end:
        raise BadQuestion("The time ends before it begins, or is still to come; see --from, --to.")
    found: list[OperatorTimes] = []
    of_one: list[Change] = []  # of a month there are more than fit in memory well
    async for one in stored_changes(session, since, end):
        if of_one and of_one[0].operator != one.operator:
            found += all_times(of_one, in_ms(since), in_ms(end))
            of_one.clear()
        of_one.append(one)
    found += all_times(of_one, in_ms(since), in_ms(end))
    return sorted(found, key=attrgetter("operator"))


async def stored_changes(
    session: AsyncSession, since: datetime, until: datetime
) -> AsyncIterator[Change]:
    """Yield the changes of a time by operator and time, each operator's last one before it too."""
    row = OperatorStateRow
    columns = (row.operator, row.at, row.status, row.state, row.pause_reason)
    before = {one.operator: one for one in await _before(session, since)}
    query = select(*columns).where(row.at >= since, row.at < until)
    query = query.order_by(row.operator, row.at, row.id)
    last = ""
    found = await session.stream(query.execution_options(yield_per=_AT_ONCE))
    async for some in found.partitions():
        for one in map(_change, some):
            if one.operator != last:
                last = one.operator
                if (first := before.pop(last, None)) is not None:
                    yield first
            yield one
    for one in before.values():
        yield one


async def status_changes(session: AsyncSession, since: datetime, until: datetime) -> list[Change]:
    """Return only the changes to another status, each operator's in order of time."""
    row = OperatorStateRow
    before = func.lag(row.status).over(partition_by=row.operator, order_by=(row.at, row.id))
    columns = (row.id, row.operator, row.at, row.status, row.state, row.pause_reason)
    rows = select(*columns, before.label("before")).where(row.at >= since, row.at < until)
    of = rows.subquery().c
    query = (
        select(of.operator, of.at, of.status, of.state, of.pause_reason)
        .where(or_(of.before.is_(None), of.before != of.status))
        .order_by(of.operator, of.at, of.id)
    )
    first = await _before(session, since)
    return [*first, *map(_change, await session.execute(query))]


async def _before(session: AsyncSession, since: datetime) -> list[Change]:
    """Each operator's last change before a time, found by the index on operator and time."""
    row, other = OperatorStateRow, aliased(OperatorStateRow)
    # who was removed since has changes behind that time: nobody is removed who is logged in
    later = select(row.operator).where(row.at >= since).distinct()
    known = select(OperatorRow.id.label("operator")).union(later).subquery()
    last = (
        select(other.id)
        .where(other.operator == known.c.operator, other.at < since)
        .order_by(other.at.desc(), other.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    columns = (row.operator, row.at, row.status, row.state, row.pause_reason)
    query = select(*columns).select_from(known).join(row, row.id == last)
    return [_change(one) for one in await session.execute(query)]


def in_ms(moment: datetime) -> int:
    """Return a moment as whole milliseconds since the epoch."""
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _change(row: Sequence[Any]) -> Change:
    operator, at, status, state, reason = row
    return Change(operator, in_ms(at), status, state, reason)
