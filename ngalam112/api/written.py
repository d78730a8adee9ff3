"""Waits until the database has what the engine has recorded, for who must read the last word."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from journal.database_writer import DatabaseWriter
from models.database import Database, Unreachable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

WRITTEN_WITHIN_S = 10.0
READ_WITHIN_S = 1.0


async def all_written(recorder: DatabaseWriter, database: Database) -> None:
    """Return once the database has all that happened; raises Unreachable if that takes long."""
    if not await _written(recorder, WRITTEN_WITHIN_S):
        raise Unreachable(
            f"The database {database.name} has not taken what is recorded in"
            f" {WRITTEN_WITHIN_S:g} s; nothing is changed, try again later."
        )


def after_writing(recorder: DatabaseWriter, read: Handler) -> Handler:
    """Return a handler that reads what was changed a moment ago too, unless that takes long."""

    async def handle(request: web.Request) -> web.StreamResponse:
        await _written(recorder, READ_WITHIN_S)
        return await read(request)

    return handle


async def _written(recorder: DatabaseWriter, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await recorder.flushed()
    except TimeoutError:
        return False
    return True
