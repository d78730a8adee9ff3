"""Removes the files of recordings whose rows say that they are going; safe to do twice."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sqlalchemy import select, update

from models.database import Database
from models.recording_tables import GONE, IS_GOING, RecordingRow
from ngalam112.personal_data.writing import ROWS, bit_by_bit, writing


async def remove_files(database: Database, folder: Path) -> int:
    """Remove them below `folder`; returns how many. Raises a DatabaseError or an OSError."""
    count = 0
    while some := await bit_by_bit(lambda: _remove_some(database, folder)):
        count += some
    return count


async def _remove_some(database: Database, folder: Path) -> int:
    row = RecordingRow
    query = select(row.id, row.path).where(IS_GOING).order_by(row.id).limit(ROWS)
    async with database.session() as session:
        found = (await session.execute(query)).all()
    for _, path in found:
        await asyncio.to_thread((folder / path).unlink, missing_ok=True)
    if found:
        gone = update(row).where(row.id.in_([id for id, _ in found]), IS_GOING).values(state=GONE)
        async with writing(database) as connection:
            await connection.execute(gone)
    return len(found)
