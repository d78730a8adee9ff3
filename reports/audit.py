"""Who has changed, heard, erased or exported what, or was refused it: the trail without looks."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import not_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.rows import plain
from models.tables import AccessTrailRow
from privacy.trail import LOOK, Look

_ROW = AccessTrailRow.__table__


async def audit(
    session: AsyncSession,
    since: datetime | None,
    until: datetime | None,
    who: str | None,
    limit: int,
) -> list[Look]:
    """Return the newest lines of a time, the last one first; `who`: of one person or user."""
    row = AccessTrailRow
    query = select(_ROW).where(not_(row.command.startswith(LOOK, autoescape=True)))
    if since is not None:
        query = query.where(row.at >= since)
    if until is not None:
        query = query.where(row.at < until)
    if who is not None:
        query = query.where(row.who == who)
    query = query.order_by(_ROW.c.at.desc(), _ROW.c.id.desc()).limit(limit)
    rows = (await session.execute(query)).mappings()
    return [msgspec.convert(plain(dict(one)), Look) for one in rows]
