"""Breaches of personal data: a list, and one with its steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.rows import plain
from models.tables import PrivacyBreachRow
from privacy.breaches import ABOUT, Breach
from privacy.errors import NotKnown
from privacy.requests import Step
from reports.privacy_requests import steps_of
from reports.privacy_subject import Asking

MOST = 10_000
_BREACH = PrivacyBreachRow.__table__
OPEN_BREACH = PrivacyBreachRow.closed_at.is_(None)
"""That a breach is open: word for word the condition of a partial index."""


class BreachHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A breach and its steps in order."""

    breach: Breach
    steps: list[Step]


async def list_breaches(session: Asking, *, all_of_them: bool = False) -> list[Breach]:
    """Return the breaches that are open, or all; what is due first at the top."""
    query = select(_BREACH).order_by(_BREACH.c.due_at, _BREACH.c.id).limit(MOST)
    rows = await session.execute(query if all_of_them else query.where(OPEN_BREACH))
    return [breach_of(row) for row in rows.mappings()]


async def due_breaches(session: Asking, now: datetime) -> tuple[int, int]:
    """Return how many breaches are open, and of how many somebody should have been told by now."""
    row = PrivacyBreachRow
    untold = or_(row.subjects_told_at.is_(None), row.authority_told_at.is_(None))
    late = func.count().filter(row.due_at < now, untold)
    found = (await session.execute(select(func.count(), late).where(OPEN_BREACH))).one()
    return found[0], found[1]


async def find_breach(session: Asking, breach_id: int) -> Breach:
    """Return the breach of that number; raises NotKnown."""
    query = select(_BREACH).where(_BREACH.c.id == breach_id)
    row = (await session.execute(query)).mappings().first()
    if row is None:
        raise NotKnown(
            f"There is no breach {breach_id}; see `ngalam112 privacy breach list --all`."
        )
    return breach_of(row)


async def show_breach(session: AsyncSession, breach_id: int) -> BreachHistory:
    """Return one breach with its steps; raises NotKnown."""
    return BreachHistory(
        breach=await find_breach(session, breach_id),
        steps=await steps_of(session, ABOUT, breach_id),
    )


def breach_of(row: Any) -> Breach:
    """Return the breach that a row of `privacy_breaches` holds."""
    return msgspec.convert(plain(dict(row)), Breach)
