"""The legal holds: those that stand, and all there ever were."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import select

from models.rows import plain
from models.tables import PrivacyHoldRow
from privacy.errors import NotKnown
from privacy.holds import Hold, HoldKind, Holds
from reports.privacy_subject import Asking

_HOLD = PrivacyHoldRow.__table__
STANDS = PrivacyHoldRow.released_at.is_(None)
"""That a hold stands: word for word the condition of a partial index."""


async def list_holds(session: Asking, *, all_of_them: bool = False) -> list[Hold]:
    """Return the holds that stand, or all, the oldest first."""
    query = select(_HOLD).order_by(_HOLD.c.id)
    rows = await session.execute(query if all_of_them else query.where(STANDS))
    return [hold_of(row) for row in rows.mappings()]


async def standing_holds(session: Asking) -> Holds:
    """Return the holds that stand, to be asked of many records."""
    return Holds(await list_holds(session))


async def restricted_callers(session: Asking) -> frozenset[str]:
    """Return the keys of the numbers whose records are not shown by the number."""
    kind = HoldKind.RESTRICTED.value
    query = select(_HOLD.c.target).where(STANDS, PrivacyHoldRow.kind == kind)
    return frozenset((await session.execute(query)).scalars())


async def find_hold(session: Asking, hold_id: int) -> Hold:
    """Return the hold of that number; raises NotKnown."""
    row = (await session.execute(select(_HOLD).where(_HOLD.c.id == hold_id))).mappings().first()
    if row is None:
        raise NotKnown(f"There is no hold {hold_id}; see `ngalam112 privacy hold list --all`.")
    return hold_of(row)


def hold_of(row: Any) -> Hold:
    """Return the hold that a row of `privacy_holds` is."""
    return msgspec.convert(plain(dict(row)), Hold)
