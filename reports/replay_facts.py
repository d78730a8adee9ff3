"""Reads a past time for `reports.replay`, a few minutes at once: no long look at the database."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import attrgetter

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallEvent
from models.rows import plain
from models.tables import CallEventRow, CallRow, OperatorRow, OperatorStateRow
from reports.calls import arrived
from reports.operator_times import Change, in_ms, stored_changes
from reports.summary import OFFERED


async def names_of(session: AsyncSession) -> dict[str, str]:
    """Return the names of the operators who are there now."""
    rows = await session.execute(select(OperatorRow.id, OperatorRow.name))
    return {one.id: one.name for one in rows}


async def changes_before(session: AsyncSession, moment: datetime) -> list[Change]:
    """Return how each operator was at a moment."""
    return [one async for one in stored_changes(session, moment, moment)]


async def part_of(
    session: AsyncSession, since: datetime, until: datetime, last: datetime
) -> tuple[list[list[CallEvent]], list[Change]]:
    """Return the calls that were offered in a time, each with all its events, and the changes.

    `last`: of who called later than that nothing is read.
    """
    event = CallEventRow.__table__
    query = (
        select(event)
        .join(CallRow.__table__, CallRow.call_id == CallEventRow.call_id)
        .where(*arrived(since, min(until, last)), *OFFERED)
        .order_by(CallEventRow.call_id, CallEventRow.seq)
    )
    rows = (await session.execute(query)).mappings()
    events = (msgspec.convert(plain(dict(row)), CallEvent) for row in rows)
    calls = [list(some) for _, some in groupby(events, attrgetter("call_id"))]
    return calls, await changes_of(session, since, until)


async def changes_of(session: AsyncSession, since: datetime, until: datetime) -> list[Change]:
    """Return what operators chose and did in a time, in order of time."""
    row = OperatorStateRow
    columns = (row.operator, row.at, row.status, row.state, row.pause_reason)
    query = select(*columns).where(row.at >= since, row.at < until).order_by(row.at, row.id)
    return [
        Change(operator, in_ms(at), status, state, reason)
        for operator, at, status, state, reason in await session.execute(query)
    ]
