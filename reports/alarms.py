"""The alarms of a line: which were on in a time, and one by its id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.alarm_tables import IS_ON, AlarmRow
from models.rows import plain

_ROW = AlarmRow.__table__


async def list_alarms(
    session: AsyncSession,
    since: datetime | None,
    until: datetime | None,
    limit: int | None,
    *,
    only_on: bool = False,
) -> list[dict[str, Any]]:
    """Return the newest alarms that were on at some moment of a time, the last begun first."""
    query = select(_ROW)
    if only_on:
        query = query.where(IS_ON)
    if since is not None:
        query = query.where(or_(AlarmRow.ended_at.is_(None), AlarmRow.ended_at >= since))
    if until is not None:
        query = query.where(AlarmRow.began_at < until)
    query = query.order_by(AlarmRow.began_at.desc(), AlarmRow.id.desc()).limit(limit)
    return [plain(dict(one)) for one in (await session.execute(query)).mappings()]


async def show_alarm(session: AsyncSession, id: str) -> dict[str, Any] | None:
    """Return the alarm of an id."""
    row = (await session.execute(select(_ROW).where(AlarmRow.id == id))).mappings().first()
    return None if row is None else plain(dict(row))
