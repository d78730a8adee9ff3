"""Writes down breaches of personal data, who was told of them and when."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.rows import fit
from models.tables import PrivacyBreachRow
from ngalam112.personal_data.requests import add_step
from ngalam112.personal_data.writing import writing
from privacy.breaches import ABOUT, DUE_S, Breach, Told, check_closing, check_telling
from privacy.errors import ChangedMeanwhile
from reports.privacy_breaches import breach_of, find_breach


async def add_breach(
    database: Database, what: str, *, found_at: float, people: int | None, by: str, now: float
) -> Breach:
    """Write a breach down, with its deadline. Raises a DatabaseError."""
    values: dict[str, Any] = {
        "found_at": found_at,
        "due_at": found_at + DUE_S,
        "what": what,
        "people": people,
        "reported_by": by,
        "entries": 1,
    }
    async with writing(database) as connection:
        fitted = fit(PrivacyBreachRow, values)
        made = insert(PrivacyBreachRow).values(fitted).returning(PrivacyBreachRow.__table__)
        breach = breach_of((await connection.execute(made)).mappings().one())
        await add_step(connection, ABOUT, breach.id, 1, now, "added", by, what)
    return breach


async def tell(
    database: Database, breach_id: int, whom: Told, how: str, *, told_at: float, by: str, now: float
) -> Breach:
    """Write down that the people concerned, or the authority, were told, when and how.

    Raises NotKnown, NotLegal or a DatabaseError.
    """
    async with writing(database) as connection:
        breach = await find_breach(connection, breach_id)
        check_telling(breach, whom, how)
        changes = {f"{whom}_told_at": told_at}
        return await _step(connection, breach, now, f"{whom} told", by, how, changes)


async def close(database: Database, breach_id: int, reason: str, *, by: str, now: float) -> Breach:
    """Close a breach. Raises NotKnown, NotLegal or a DatabaseError."""
    async with writing(database) as connection:
        breach = await find_breach(connection, breach_id)
        check_closing(breach, reason)
        return await _step(connection, breach, now, "closed", by, reason, {"closed_at": now})


async def _step(
    connection: AsyncConnection,
    breach: Breach,
    now: float,
    kind: str,
    by: str,
    text: str,
    changes: dict[str, Any],
) -> Breach:
    seq = breach.entries + 1
    row = PrivacyBreachRow
    values = fit(row, {"entries": seq, **changes})
    there = (row.id == breach.id, row.entries == breach.entries)
    done = await connection.execute(update(row).where(*there).values(values))
    if done.rowcount != 1:
        raise ChangedMeanwhile(f"Breach {breach.id} was changed meanwhile; look at it again.")
    await add_step(connection, ABOUT, breach.id, seq, now, kind, by, text)
    return msgspec.structs.replace(breach, entries=seq, **changes)
