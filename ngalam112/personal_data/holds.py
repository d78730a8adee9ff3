"""Places and releases legal holds."""

from __future__ import annotations

from typing import Any

from sqlalchemy import insert, select, update

from models.database import Database
from models.rows import fit
from models.tables import PrivacyHoldRow
from ngalam112.personal_data.writing import writing
from privacy.errors import NotKnown, NotLegal
from privacy.holds import Hold, HoldKind
from reports.privacy_holds import hold_of

_HOLD = PrivacyHoldRow.__table__


async def place_hold(
    database: Database, kind: HoldKind, target: str, reason: str, by: str, now: float
) -> Hold:
    """Keep something as it is, until the hold is released. Raises NotLegal or a DatabaseError."""
    if not reason.strip():
        raise NotLegal("Say why it is to be kept: give --reason.")
    values: dict[str, Any] = {
        "kind": kind.value,
        "target": target,
        "reason": reason,
        "placed_by": by,
        "placed_at": now,
        "released_because": "",
    }
    async with writing(database) as connection:
        made = insert(PrivacyHoldRow).values(fit(PrivacyHoldRow, values)).returning(_HOLD)
        return hold_of((await connection.execute(made)).mappings().one())


async def release_hold(database: Database, hold_id: int, reason: str, by: str, now: float) -> Hold:
    """Let a hold end. Raises NotKnown, NotLegal (it has ended, no reason) or a DatabaseError."""
    if not reason.strip():
        raise NotLegal(f"Say why hold {hold_id} ends: give --reason.")
    values = fit(
        PrivacyHoldRow, {"released_by": by, "released_at": now, "released_because": reason}
    )
    async with writing(database) as connection:
        query = select(_HOLD).where(_HOLD.c.id == hold_id).with_for_update()
        row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise NotKnown(f"There is no hold {hold_id}; see `ngalam112 privacy hold list --all`.")
        if row["released_at"] is not None:
            raise NotLegal(f"Hold {hold_id} was released already, by {row['released_by']}.")
        there = PrivacyHoldRow.id == hold_id
        await connection.execute(update(PrivacyHoldRow).where(there).values(values))
        return hold_of({**row, **values})
