"""Reads for `reports.staffing`, summed up by the database: calls, patience, who was ready."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    case,
    cast,
    extract,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import Outcome
from acd.operators.operator import Status
from acd.operators.states import State
from models.tables import CallRow, OperatorStateRow
from reports.calls import arrived
from reports.operator_times import Change, in_ms, intervals, status_changes
from reports.staffing import QUARTER_S, Patience, Quarter, Ready

_WAITED_OR_TALKED = [
    one.value for one in (Outcome.ANSWERED, Outcome.FALLBACK, Outcome.LOST_FALLBACK)
]
_GAVE_UP = [one.value for one in (Outcome.LOST_QUEUE, Outcome.LOST_RINGING)]


async def read_quarters(session: AsyncSession, since: datetime, until: datetime) -> list[Quarter]:
    """Return the 15 minutes in which calls for operators came, in order of time.

    Who hung up in the menu, or after the recorded information, wanted no operator. The wrap-up is
    that of the operators in these minutes.
    """
    at = _quarter(session, CallRow.arrived_at)
    query = (
        select(at, func.count(), func.count(CallRow.talk_ms), func.sum(CallRow.talk_ms))
        .where(*_offered(since, until))
        .group_by(at)
        .order_by(at)
    )
    wrap_ups = await _wrap_ups(session, since, until)
    return [
        Quarter(
            int(quarter) * QUARTER_S,
            offered,
            answered,
            float(talk or 0) / 1000,
            wrap_ups.get(int(quarter), 0.0),
        )
        for quarter, offered, answered, talk in await session.execute(query)
    ]


async def read_patience(session: AsyncSession, since: datetime, until: datetime) -> Patience:
    """Return how long all who waited have waited, and how many of them have given up."""
    gave_up = func.sum(case((CallRow.outcome.in_(_GAVE_UP), 1), else_=0))
    query = select(func.sum(CallRow.wait_ms), gave_up)
    query = query.where(*_offered(since, until), CallRow.wait_ms.is_not(None))
    waited, abandoned = (await session.execute(query)).one()
    return Patience(float(waited or 0) / 1000, int(abandoned or 0))


async def read_ready(
    session: AsyncSession, since: datetime, until: datetime
) -> tuple[list[Ready], float] | None:
    """Return when operators were ready, and from when on that is known; None if not at all."""
    by_operator: dict[str, list[Change]] = {}
    for one in await status_changes(session, since, until):
        by_operator.setdefault(one.operator, []).append(one)
    if not by_operator:
        return None
    begin, end = in_ms(since), in_ms(until)
    found = [
        Ready(part.begin / 1000, part.end / 1000)
        for changes in by_operator.values()
        for part in intervals(changes, begin, end)
        if part.of.status == Status.READY
    ]
    return found, min(some[0].at for some in by_operator.values()) / 1000


def _offered(since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    wanted = or_(CallRow.queued_at.is_not(None), CallRow.outcome.in_(_WAITED_OR_TALKED))
    no_test = CallRow.outcome.is_distinct_from(Outcome.TEST.value)
    return [*arrived(since, until), CallRow.callback_of.is_(None), no_test, wanted]


async def _wrap_ups(session: AsyncSession, since: datetime, until: datetime) -> dict[int, float]:
    """The seconds of the wrap-ups that began in each 15 minutes; of one that goes on nothing."""
    row = OperatorStateRow
    following: Any = func.lead(row.at).over(partition_by=row.operator, order_by=(row.at, row.id))
    inner = select(row.state, row.at, following.label("until"))
    parts = inner.where(row.at >= since, row.at < until).subquery()
    at, seconds = _quarter(session, parts.c.at), _seconds(session, parts.c.at, parts.c.until)
    query = (
        select(at, func.sum(seconds))
        .where(parts.c.state == State.WRAP_UP.value, parts.c.until.is_not(None))
        .group_by(at)
    )
    return {int(one): float(total) for one, total in await session.execute(query)}


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"


def _quarter(session: AsyncSession, moment: Any) -> ColumnElement[Any]:
    """The number of the 15 minutes since the epoch that a moment is in."""
    length = literal_column(str(QUARTER_S), Integer)
    if _is_sqlite(session):
        return cast(func.strftime("%s", moment), Integer) // length
    return func.floor(extract("epoch", moment) / length)


def _seconds(session: AsyncSession, begin: Any, end: Any) -> ColumnElement[Any]:
    if _is_sqlite(session):
        return (func.julianday(end) - func.julianday(begin)) * literal_column("86400.0")
    return extract("epoch", end - begin)
