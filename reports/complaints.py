"""Which complaints and questions have come to the end of an agreed time that does something."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.agreed_times import DueFor
from models.tables import HAS_DUE, IncidentRow

Place = tuple[datetime, str]
"""When one is due, and its id: where a page ends."""


async def to_close(
    session: AsyncSession, now: datetime, after: Place | None, limit: int
) -> list[Place]:
    """Return the next `limit` incidents whose time to be closed has come, the longest due first.

    `after`: the last one of the page before.
    """
    conditions: list[Any] = [
        HAS_DUE,
        IncidentRow.due_at <= now,
        IncidentRow.due_for == DueFor.CLOSE.value,
    ]
    if after is not None:
        due_at, row = after
        conditions += [
            IncidentRow.due_at >= due_at,  # lets the index find where to begin
            or_(
                IncidentRow.due_at > due_at,
                and_(IncidentRow.due_at == due_at, IncidentRow.id > row),
            ),
        ]
    query = (
        select(IncidentRow.due_at, IncidentRow.id)
        .where(*conditions)
        .order_by(IncidentRow.due_at, IncidentRow.id)
        .limit(limit)
    )
    return [(row.due_at, row.id) for row in await session.execute(query)]
