"""Short transactions beside an engine's: the one way in which personal data is changed.

SQLite lets one program write at a time, and the engine's writer waits for ours. So each of our
transactions takes its turn at once, changes a few rows, and afterwards we wait as long as it took.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from privacy.errors import TookLong

ROWS = 10
"""So many records are changed by one transaction, each with all that belongs to it."""

INCIDENTS = 2
"""... of incidents, whose timelines are long."""

TIMELINE = 300
"""... and so many rows of their timelines, if one record alone has not more."""

LET_GO_FOR_S = 45.0
"""So long after it let go of records an engine surely changes none of them; it promises more."""

_LEAST_REST_S = 0.02
T = TypeVar("T")


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[AsyncConnection]:
    """One transaction that may read first and then write. Raises a DatabaseError."""
    try:
        async with database.engine.connect() as connection:
            # else SQLite refuses a write at once where another program has written since the read
            await connection.execution_options(sqlite_begin="BEGIN IMMEDIATE")
            async with connection.begin():
                if connection.dialect.name == "sqlite":
                    # else what is deleted stays readable in the file until its place is needed
                    await connection.exec_driver_sql("PRAGMA secure_delete=ON")
                yield connection
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


def check_in_time(let_go_at: float) -> None:
    """Raise TookLong where others may change again what was let go at that monotonic time."""
    if time.monotonic() - let_go_at > LET_GO_FOR_S:
        raise TookLong("The database was busy for too long; give the command again.")


async def bit_by_bit(work: Callable[[], Awaitable[T]]) -> T:
    """Do one transaction's work, then leave the database to others for as long as it took."""
    began = time.monotonic()
    done = await work()
    await asyncio.sleep(max(_LEAST_REST_S, time.monotonic() - began))
    return done
