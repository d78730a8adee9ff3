"""The calls one by one: a list of records, and one call with all that happened to it."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallEvent, CallRecord, Outcome
from acd.numbers.caller import COUNTRY, in_all_spellings
from models.rows import plain
from models.tables import CallEventRow, CallRow
from privacy.erasing import ERASED
from reports.errors import BadQuestion, NoSuchCall, SeveralCalls
from reports.pages import behind

LIVE = "live"
"""What to ask `list_calls` for instead of an outcome: the calls that have not ended."""

_LAST = chr(sys.maxunicode)  # sorts after every sign, in both databases
_RECORD = CallRow.__table__
_EVENT = CallEventRow.__table__


class CallHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A call's record and its events in their order."""

    record: CallRecord
    events: list[CallEvent]


async def list_calls(
    session: AsyncSession,
    since: datetime | None = None,
    until: datetime | None = None,
    outcome: str | None = None,
    caller: str | None = None,
    limit: int = 100,
    country: str = COUNTRY,
    before: str | None = None,
) -> list[CallRecord]:
    """Return the newest `limit` calls that arrived from `since` on and before `until`.

    `outcome`: one of `Outcome`, or LIVE. `caller`: a part of the caller's number, or a whole one in
    any spelling; `country` as there. `before`: the id of a call, behind which the list goes on. The
    times need a time zone. Raises BadQuestion.
    """
    conditions = [*arrived(since, until)]
    conditions += await behind(session, CallRow.arrived_at, CallRow.call_id, _known_id(before))
    if outcome == LIVE:
        conditions.append(CallRow.ended_at.is_(None))
    elif outcome is not None:
        conditions += [CallRow.outcome == _known(outcome), CallRow.ended_at.is_not(None)]
    if caller:
        part = in_all_spellings(caller, country) or searchable(caller)
        conditions.append(CallRow.caller_number.contains(part, autoescape=True))
        conditions.append(CallRow.caller_number != ERASED)  # by which nobody is found
    query = (
        select(_RECORD)
        .where(*conditions)
        .order_by(CallRow.arrived_at.desc(), CallRow.call_id.desc())
        .limit(limit)
    )
    return [record_of(row) for row in (await session.execute(query)).mappings()]


async def show_call(session: AsyncSession, call_id: str) -> CallHistory:
    """Return the call of that id, or the only one whose id begins so.

    Raises NoSuchCall or SeveralCalls.
    """
    start = searchable(call_id)
    query = select(_RECORD).where(CallRow.call_id == start)
    found = (await session.execute(query)).mappings().all()
    if not found and start:
        query = select(_RECORD).where(*begins(session, _RECORD.c.call_id, start)).limit(2)
        found = (await session.execute(query)).mappings().all()
    if not found:
        raise NoSuchCall(f"There is no call {call_id!r}; see `ngalam112 calls list`.")
    if len(found) > 1:
        raise SeveralCalls(f"The ids of several calls begin with {call_id!r}; give more of it.")
    record = record_of(found[0])
    events = select(_EVENT).where(CallEventRow.call_id == record.call_id).order_by(CallEventRow.seq)
    rows = (await session.execute(events)).mappings()
    return CallHistory(
        record=record, events=[msgspec.convert(plain(dict(row)), CallEvent) for row in rows]
    )


def arrived(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions for a call to have arrived from `since` on and before `until`."""
    return within(CallRow.arrived_at, since, until)


def within(
    moment: Any, since: datetime | None, until: datetime | None
) -> list[ColumnElement[bool]]:
    """Return the conditions for the moment in a column to be from `since` on and before `until`."""
    conditions = []
    if since is not None:
        conditions.append(moment >= since)
    if until is not None:
        conditions.append(moment < until)
    return conditions


def begins(
    session: AsyncSession, column: ColumnElement[str], start: str
) -> list[ColumnElement[bool]]:
    """Return the conditions for an id in a column to begin so, as a range that an index can find.

    An index finds no LIKE in SQLite, which compares without regard to case then, and none in a
    PostgreSQL that sorts by the words of a language.
    """
    by_signs = session.get_bind().dialect.name == "postgresql"
    at_least, at_most = ("~>=~", "~<=~") if by_signs else (">=", "<=")
    last = start + _LAST
    return [column.bool_op(at_least)(start), column.bool_op(at_most)(last)]


def _known_id(text: str | None) -> str | None:
    return None if text is None else searchable(text)


def _known(outcome: str) -> str:
    try:
        return Outcome(outcome).value
    except ValueError:
        names = ", ".join([*(one.value for one in Outcome), LIVE])
        raise BadQuestion(f"There is no outcome {outcome!r}; choose one of {names}.") from None


def searchable(text: str) -> str:
    """Return a text without what no database takes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def record_of(row: Any) -> CallRecord:
    """Return the record that a row of `calls` holds."""
    return msgspec.convert(plain(row), CallRecord)
