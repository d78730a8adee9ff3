"""What citizens have asked for, and the steps of each request."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.rows import plain
from models.tables import PrivacyEntryRow, PrivacyRequestRow
from privacy.errors import NotKnown
from privacy.requests import ABOUT, Request, RequestState, Step
from reports.errors import BadQuestion

MOST = 10_000
"""The most requests of one list."""

_REQUEST = PrivacyRequestRow.__table__
_ENTRY = PrivacyEntryRow.__table__
OPEN_REQUEST = PrivacyRequestRow.closed_at.is_(None)
"""That a request is open: word for word the condition of a partial index."""


class Which(StrEnum):
    """Which requests are wanted."""

    OPEN = "open"
    OVERDUE = "overdue"
    ALL = "all"


class RequestHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A request and its steps in order."""

    request: Request
    steps: list[Step]


async def list_requests(
    session: AsyncSession,
    now: datetime,
    which: str = Which.OPEN,
    caller: str | None = None,
    limit: int = 100,
) -> list[Request]:
    """Return requests, what is due first at the top. `which`: one of `Which`, or a state.

    `caller`: the key of a number. `now` needs a time zone. Raises BadQuestion.
    """
    conditions = _chosen(which, now)
    if caller is not None:
        conditions.append(PrivacyRequestRow.caller == caller)
    query = select(_REQUEST).where(*conditions).order_by(_REQUEST.c.due_at, _REQUEST.c.id)
    rows = (await session.execute(query.limit(min(limit, MOST)))).mappings()
    return [request_of(row) for row in rows]


async def due_requests(session: AsyncSession, now: datetime) -> tuple[int, int]:
    """Return how many requests are open, and how many of them are overdue."""
    late = func.count().filter(PrivacyRequestRow.due_at < now)
    row = (await session.execute(select(func.count(), late).where(OPEN_REQUEST))).one()
    return row[0], row[1]


async def show_request(session: AsyncSession, request_id: int) -> RequestHistory:
    """Return one request with its steps; raises NotKnown."""
    return RequestHistory(
        request=await find_request(session, request_id),
        steps=await steps_of(session, ABOUT, request_id),
    )


async def find_request(session: AsyncSession, request_id: int) -> Request:
    """Return the request of that number; raises NotKnown."""
    query = select(_REQUEST).where(PrivacyRequestRow.id == request_id)
    row = (await session.execute(query)).mappings().first()
    if row is None:
        raise NotKnown(f"There is no request {request_id}; see `ngalam112 privacy list`.")
    return request_of(row)


async def steps_of(session: AsyncSession, about: str, about_id: int) -> list[Step]:
    """Return the steps of a request or a breach, in order."""
    names = [_ENTRY.c[name] for name in Step.__struct_fields__]
    query = (
        select(*names)
        .where(PrivacyEntryRow.about == about, PrivacyEntryRow.about_id == about_id)
        .order_by(PrivacyEntryRow.seq)
    )
    rows = (await session.execute(query)).mappings()
    return [msgspec.convert(plain(dict(row)), Step) for row in rows]


def request_of(row: object) -> Request:
    """Return the request that a row of `privacy_requests` holds."""
    return msgspec.convert(plain(dict(row)), Request)  # type: ignore[call-overload]


def _chosen(which: str, now: datetime) -> list[ColumnElement[bool]]:
    match which:
        case Which.ALL:
            return []
        case Which.OPEN:
            return [OPEN_REQUEST]
        case Which.OVERDUE:
            return [OPEN_REQUEST, PrivacyRequestRow.due_at < now]
    try:
        return [PrivacyRequestRow.state == RequestState(which).value]
    except ValueError:
        names = ", ".join((*Which, *RequestState))
        raise BadQuestion(f"There are no requests {which!r}; choose one of {names}.") from None
