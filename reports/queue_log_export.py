"""Reads the stored events page by page and gives the lines of a queue_log in the order of time.

A line belongs to a time by its own moment, not by its call's arrival: the exports of two days, one
after the other, are the export of both, as with the files that Asterisk itself writes.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from itertools import count, groupby
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, func, or_, select

from acd.calls.record import CallEvent
from acd.numbers.withheld import Withheld
from acd.operators.operator import Status
from models.database import Database
from models.rows import plain
from models.tables import CallEventRow, CallRow, OperatorEventRow
from reports.queue_log import Line, OperatorEvent, call_lines, operator_lines

PAGE = 500
"""How many calls, or operators' events, are read at once."""

_STATUS = {
    "login": Status.READY,
    "ready": Status.READY,
    "pause": Status.PAUSED,
    "logout": Status.LOGGED_OUT,
}


async def queue_log(
    database: Database,
    queues: Sequence[str],
    since: datetime | None = None,
    until: datetime | None = None,
    page: int = PAGE,
    how: Withheld = Withheld.SHOWN,
) -> AsyncIterator[Line]:
    """Give the lines from `since` on and before `until`, in the order of time.

    `queues`: the categories that operators serve. `how`: what is seen of a withheld number.
    The times need a time zone. In memory are one page and the lines of the calls that overlap,
    however long the time is.
    """
    of_operators = _operators(database, queues, since, until, page)
    of_calls = _calls(database, since, until, page, how)
    operator, call = await anext(of_operators, None), await anext(of_calls, None)
    while operator is not None or call is not None:
        if call is None or (operator is not None and operator.at <= call.at):
            assert operator is not None
            line, operator = operator, await anext(of_operators, None)
        else:
            line, call = call, await anext(of_calls, None)
        # compared as numbers, as the lines are made of numbers
        if (since is None or line.at >= since.timestamp()) and (
            until is None or line.at < until.timestamp()
        ):
            yield line


async def _calls(
    database: Database, since: datetime | None, until: datetime | None, page: int, how: Withheld
) -> AsyncIterator[Line]:
    turn = count()  # lines of one moment keep their order, in every export
    waiting: list[tuple[float, int, Line]] = []
    # nothing that comes from here on is earlier than the arrival of the call that is read
    async for arrived_at, lines in _each_call(database, since, until, page, how):
        while waiting and waiting[0][0] < arrived_at:
            yield heapq.heappop(waiting)[2]
        for line in lines:
            heapq.heappush(waiting, (line.at, next(turn), line))
    while waiting:
        yield heapq.heappop(waiting)[2]


async def _each_call(
    database: Database, since: datetime | None, until: datetime | None, page: int, how: Withheld
) -> AsyncIterator[tuple[float, list[Line]]]:
    conditions: list[ColumnElement[bool]] = []
    if since is not None:
        conditions.append(or_(CallRow.ended_at.is_(None), CallRow.ended_at >= since))
    if until is not None:
        conditions.append(CallRow.arrived_at < until)
    after: list[ColumnElement[bool]] = []
    while True:
        query = (
            select(CallRow.call_id, CallRow.arrived_at)
            .where(*conditions, *after)
            .order_by(CallRow.arrived_at, CallRow.call_id)
            .limit(page)
        )
        async with database.session() as session:
            calls = (await session.execute(query)).all()
            events = await _events(session, [one.call_id for one in calls])
        for one in calls:
            lines = call_lines(one.call_id, events[one.call_id], how)
            yield one.arrived_at.timestamp(), lines
        if len(calls) < page:
            return
        last = calls[-1]
        after = [_beyond(CallRow.arrived_at, CallRow.call_id, last.arrived_at, last.call_id)]


async def _events(session: Any, call_ids: list[str]) -> dict[str, list[CallEvent]]:
    query = (
        select(CallEventRow.__table__)
        .where(CallEventRow.call_id.in_(call_ids))
        .order_by(CallEventRow.call_id, CallEventRow.seq)
    )
    found: dict[str, list[CallEvent]] = defaultdict(list)
    for row in (await session.execute(query)).mappings():
        event = msgspec.convert(plain(dict(row)), CallEvent)
        found[event.call_id].append(event)
    return found


async def _operators(
    database: Database,
    queues: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    page: int,
) -> AsyncIterator[Line]:
    status = await _statuses_before(database, since)
    table = OperatorEventRow
    conditions: list[ColumnElement[bool]] = [table.kind.in_(_STATUS)]
    if since is not None:
        conditions.append(table.at >= since)
    if until is not None:
        conditions.append(table.at < until)
    after: list[ColumnElement[bool]] = []
    while True:
        query = (
            select(table.__table__)
            .where(*conditions, *after)
            .order_by(table.at, table.id)
            .limit(page)
        )
        async with database.session() as session:
            rows = (await session.execute(query)).mappings().all()
        for row in rows:
            event = msgspec.convert(plain(dict(row)), OperatorEvent)
            before = status.get(event.operator, Status.LOGGED_OUT)
            status[event.operator], lines = operator_lines(event, before, queues)
            for line in lines:
                yield line
        if len(rows) < page:
            return
        after = [_beyond(table.at, table.id, rows[-1]["at"], rows[-1]["id"])]


async def _statuses_before(database: Database, since: datetime | None) -> dict[str, Status]:
    """What each operator's status was at `since`, by the last event before it."""
    if since is None:
        return {}
    table = OperatorEventRow
    earlier = and_(table.kind.in_(_STATUS), table.at < since)
    last = (
        select(table.operator, func.max(table.at).label("at"))
        .where(earlier)
        .group_by(table.operator)
        .subquery()
    )
    query = (
        select(table.operator, table.kind)
        .join(last, and_(table.operator == last.c.operator, table.at == last.c.at))
        .where(earlier)
        .order_by(table.operator, table.id)
    )
    async with database.session() as session:
        rows = (await session.execute(query)).all()
    # of several at one moment the last counts
    return {
        who: _STATUS[list(kinds)[-1].kind] for who, kinds in groupby(rows, lambda row: row.operator)
    }


def _beyond(moment: Any, name: Any, last_moment: datetime, last_name: str) -> ColumnElement[bool]:
    """Return the condition for a row to come after the last one of a page."""
    return or_(moment > last_moment, and_(moment == last_moment, name > last_name))
