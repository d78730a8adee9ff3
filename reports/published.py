"""The complaints and questions that were published by hand, and which agencies have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.dispatch import DispatchState
from incidents.incident import Incident
from incidents.publication import PUBLIC
from incidents.states import IncidentClass, IncidentState
from models.tables import IS_PUBLISHED, DispatchRow, IncidentRow
from reports.incidents import NEWEST, incident_of

MOST = 1000
_AT_WORK = (
    DispatchState.SENDING,
    DispatchState.SENT,
    DispatchState.ACKNOWLEDGED,
    DispatchState.DONE,
)


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """An incident, and the agency that has it (its id)."""

    incident: Incident
    agency: str | None = None


class OfServices(msgspec.Struct, frozen=True, kw_only=True):
    """Incidents of some services: of these `categories`; and of these `classes`, where the category
    is none of `known`, the ids of all services.
    """

    categories: Sequence[str]
    classes: Sequence[IncidentClass]
    known: Sequence[str]

    def condition(self) -> ColumnElement[bool]:
        """What holds for the row of such an incident."""
        of_none = or_(IncidentRow.category.is_(None), IncidentRow.category.not_in(self.known))
        classes = [one.value for one in self.classes]
        return or_(
            IncidentRow.category.in_(self.categories),
            and_(of_none, IncidentRow.incident_class.in_(classes)),
        )


async def published(
    session: AsyncSession,
    *,
    numbers: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    states: Collection[IncidentState] = (),
    services: OfServices | None = None,
    skip: int = 0,
    limit: int = MOST,
) -> list[Published]:
    """Return the newest published ones, opened from `since` on and before `until`.

    `numbers`: only these. `states`: only those in one of them; empty: in any. `skip`, `limit`: of
    the newest 1,000 the first ones are left out, and at most so many returned.
    """
    conditions: list[Any] = [
        IS_PUBLISHED,
        IncidentRow.merged_into.is_(None),
        IncidentRow.incident_class.in_([one.value for one in PUBLIC]),
    ]
    if numbers is not None:
        conditions.append(IncidentRow.number.in_(numbers))
    if since is not None:
        conditions.append(IncidentRow.opened_at >= since)
    if until is not None:
        conditions.append(IncidentRow.opened_at < until)
    if states:
        conditions.append(IncidentRow.state.in_([one.value for one in states]))
    if services is not None:
        conditions.append(services.condition())
    most = min(limit, MOST - skip)
    if most <= 0:
        return []
    query = select(IncidentRow.__table__).where(*conditions).order_by(*NEWEST)
    rows = (await session.execute(query.offset(skip).limit(most))).mappings()
    found = [incident_of(row) for row in rows]
    agencies = await _agencies(session, [one.id for one in found])
    return [Published(incident=one, agency=agencies.get(one.id)) for one in found]


async def _agencies(session: AsyncSession, ids: Sequence[str]) -> dict[str, str]:
    """The agency that was told last, and is at work, by the incident."""
    query = (
        select(DispatchRow.incident_id, DispatchRow.agency)
        .where(
            DispatchRow.incident_id.in_(ids),
            DispatchRow.state.in_([one.value for one in _AT_WORK]),
        )
        .order_by(DispatchRow.created_at, DispatchRow.id)
    )
    return {row.incident_id: row.agency for row in await session.execute(query)}
