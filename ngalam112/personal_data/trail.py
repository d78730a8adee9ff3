"""Writes down who has looked at what."""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.calls.ids import new_id
from models.database import Database
from models.tables import AccessTrailRow
from models.writing import insert_new
from ngalam112.personal_data.writing import writing
from privacy.trail import Look, Looked


async def write_look(
    database: Database, who: str, kind: Looked, target: str, command: str, now: float
) -> None:
    """Keep that somebody has looked, by the command line; raises a DatabaseError."""
    async with writing(database) as connection:
        await add_look(connection, who, kind, target, command, now)


async def add_look(
    connection: AsyncConnection, who: str, kind: Looked, target: str, command: str, now: float
) -> None:
    """... in a transaction of the caller's."""
    look = Look(
        id=new_id(now), at=now, who=who, source="cli", kind=kind, target=target, command=command
    )
    await insert_new(connection, AccessTrailRow, [msgspec.structs.asdict(look)])
