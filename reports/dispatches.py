"""The dispatches: which agencies were told, what reached none, and what nobody has accepted."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, not_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.dispatch import Dispatch, DispatchState
from incidents.incident import Incident
from incidents.states import IncidentState
from models.rows import plain
from models.tables import TO_WATCH, DispatchRow, IncidentRow
from reports.errors import BadQuestion
from reports.incidents import AT_WORK, MOST

_DISPATCH = DispatchRow.__table__
_INCIDENT = IncidentRow.__table__
_OLDEST = (DispatchRow.created_at, DispatchRow.id)
_AT_AGENCY = (
    DispatchState.SENDING,
    DispatchState.SENT,
    DispatchState.OVERDUE,
    DispatchState.ACKNOWLEDGED,
)
_DONE = (IncidentState.RESOLVED, IncidentState.CLOSED, IncidentState.CANCELLED)


class Which(StrEnum):
    """Which dispatches are wanted."""

    OPEN = "open"  # not accepted yet
    UNDELIVERED = "undelivered"  # nothing has reached the agency
    ALARMS = "alarms"  # not accepted, or not reported, in the agreed time


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A dispatch with its incident."""

    dispatch: Dispatch
    incident: Incident


async def list_dispatches(
    session: AsyncSession, which: str = Which.OPEN, limit: int = 100
) -> list[Listed]:
    """Return dispatches of incidents that are not over, the oldest first. Raises BadQuestion.

    Those of an incident that was merged are listed as long as the one that stands for it is open.
    """
    query = (
        select(_DISPATCH)
        .where(TO_WATCH, *_chosen(which), DispatchRow.incident_id.in_(_at_work()))
        .order_by(*_OLDEST)
        .limit(min(limit, MOST))
    )
    found = [_dispatch(row) for row in (await session.execute(query)).mappings()]
    ids = {one.incident_id for one in found}
    rows = await session.execute(select(_INCIDENT).where(IncidentRow.id.in_(ids)))
    incidents = {row["id"]: msgspec.convert(plain(dict(row)), Incident) for row in rows.mappings()}
    return [Listed(dispatch=one, incident=incidents[one.incident_id]) for one in found]


async def dispatches_of(session: AsyncSession, incident_id: str) -> list[Dispatch]:
    """Return all dispatches of one incident, the oldest first."""
    query = select(_DISPATCH).where(DispatchRow.incident_id == incident_id).order_by(*_OLDEST)
    return [_dispatch(row) for row in (await session.execute(query)).mappings()]


async def dispatches_to(session: AsyncSession, agency: str, limit: int) -> list[Dispatch]:
    """Return the dispatches to one agency that it has not declined, of incidents that are not over,
    the oldest first.
    """
    query = (
        select(_DISPATCH)
        .where(
            DispatchRow.agency == agency,
            DispatchRow.state.in_([one.value for one in _AT_AGENCY]),
            DispatchRow.incident_id.in_(_at_work()),
        )
        .order_by(*_OLDEST)
        .limit(min(limit, MOST))
    )
    return [_dispatch(row) for row in (await session.execute(query)).mappings()]


async def dispatch_by_id(session: AsyncSession, dispatch_id: str) -> Dispatch | None:
    """Return the dispatch with exactly this id."""
    query = select(_DISPATCH).where(DispatchRow.id == dispatch_id)
    row = (await session.execute(query)).mappings().first()
    return None if row is None else _dispatch(row)


def _at_work() -> Any:
    """The ids of the incidents that are worked on, and of those that were merged into one of them.

    They are few beside all, and found by two indexes.
    """
    is_done = IncidentRow.state.in_([one.value for one in _DONE])
    work = select(IncidentRow.id).where(*AT_WORK, not_(is_done)).cte("at_work", recursive=True)
    merged = select(IncidentRow.id).where(IncidentRow.merged_into == work.c.id, not_(is_done))
    return select(work.union(merged).c.id)


def _chosen(which: str) -> list[ColumnElement[bool]]:
    waits = DispatchRow.state.in_([DispatchState.SENDING.value, DispatchState.SENT.value])
    overdue = DispatchRow.state == DispatchState.OVERDUE.value
    late = and_(
        DispatchRow.state == DispatchState.ACKNOWLEDGED.value, DispatchRow.late_report.is_(True)
    )
    match which:
        case Which.OPEN:
            return [or_(waits, overdue)]
        case Which.UNDELIVERED:
            sending = DispatchRow.state == DispatchState.SENDING.value
            return [DispatchRow.arrived_at.is_(None), or_(sending, overdue)]
        case Which.ALARMS:
            return [or_(overdue, late)]
    names = ", ".join(one.value for one in Which)
    raise BadQuestion(f"There are no dispatches {which!r}; choose one of {names}.")


def _dispatch(row: Any) -> Dispatch:
    return msgspec.convert(plain(dict(row)), Dispatch)
