"""Who has looked at a call, at an incident, or at anything of a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.rows import plain
from models.tables import AccessTrailRow
from privacy.trail import Look, Looked
from reports.privacy_subject import find_subject, parts

MOST = 10_000
_LOOK = AccessTrailRow.__table__


async def looks_at(
    session: AsyncSession, targets: Mapping[Looked, Sequence[str]], limit: int = 100
) -> list[Look]:
    """Return the newest looks at any of these, the last one first."""
    found: list[Look] = []
    for kind, ids in targets.items():
        for some in parts(ids):
            query = (
                select(_LOOK)
                .where(AccessTrailRow.kind == kind.value, AccessTrailRow.target.in_(some))
                .order_by(_LOOK.c.at.desc(), _LOOK.c.id.desc())
                .limit(min(limit, MOST))
            )
            rows = (await session.execute(query)).mappings()
            found += [msgspec.convert(plain(dict(row)), Look) for row in rows]
    return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:limit]


async def targets_of(
    session: AsyncSession, caller: str, country: str
) -> dict[Looked, Sequence[str]]:
    """Return all by which somebody can have looked at a number; `caller`: its key."""
    subject = await find_subject(session, caller, country)
    return {
        Looked.NUMBER: (caller,),
        Looked.CALL: subject.calls,
        Looked.CALLBACK: subject.items,
        Looked.TEXT: subject.texts,
        Looked.INCIDENT: subject.incidents,
    }
