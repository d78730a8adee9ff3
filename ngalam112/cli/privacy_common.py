"""What the commands for personal data share: the database, asked and changed directly, and times.

They need no engine: what they change, no call depends on. Where the engine has something in hand
that is to be erased, it is asked to let go of it (`ngalam112.cli.privacy_engine`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from ngalam112.api.time_ranges import begin, local, on_screen
from ngalam112.cli.common import leave_audit
from ngalam112.config.settings import Settings
from privacy.errors import NotLegal

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from models.database import Database

T = TypeVar("T")

LARGEST = 2**31 - 1
"""The largest number of a request, a hold or a breach: their columns take no larger one."""

FIRST_DAY = datetime(2022, 10, 17, tzinfo=UTC)
"""Since when UU 27/2022 is in force: nobody has asked, and nothing was reported, by it before."""


def with_database(
    settings: Settings, work: Callable[[Database], Awaitable[T]], audited: str = ""
) -> T:
    """Do some work with the line's database; raises a DatabaseError.

    `audited`: the command, for the audit, of what changes something and leaves no other line there.
    """
    from ngalam112.api.queries import open_stored

    async def opened() -> T:
        async with open_stored(settings) as database:
            try:
                done = await work(database)
            except (OSError, SQLAlchemyError) as error:
                raise database.unreachable(error) from None
            if audited:
                await leave_audit(database, audited, "")
            return done

    return asyncio.run(opened())


def asked(settings: Settings, question: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """Put one question to the line's database; raises a DatabaseError."""

    async def ask(database: Database) -> T:
        async with database.session() as session:
            return await question(session)

    return with_database(settings, ask)


def iso(at: float, zone: ZoneInfo) -> str:
    """Return seconds since the epoch as ISO 8601 in the line's zone."""
    return local(at, zone).isoformat(timespec="seconds")


def shown_time(at: float, zone: ZoneInfo) -> str:
    """Return seconds since the epoch as the clock on the wall shows them, without the seconds."""
    return on_screen(iso(at, zone), zone)[:16]


def past(given: str | None, settings: Settings) -> float:
    """Return a moment that somebody typed, or now; raises TimeError, or NotLegal: it is to come."""
    now = datetime.now(UTC)
    if given is None:
        return now.timestamp()
    at = begin(given, ZoneInfo(settings.timezone), now)
    if at > now:
        raise NotLegal(f"{given[:40]} is yet to come; give a time that is past.")
    if at < FIRST_DAY:
        raise NotLegal(f"{given[:40]} is before UU 27/2022, of 17 October 2022; look at the year.")
    return at.timestamp()


def span(seconds: float) -> str:
    """Return a length of time in whole hours, or in minutes if it is less than one."""
    minutes = round(abs(seconds) / 60)
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"


def left(due_at: float, closed_at: float | None, now: float) -> str:
    """Return how much time there is to a deadline, or since; nothing of what is closed."""
    if closed_at is not None:
        return ""
    return f"{span(now - due_at)} overdue" if now > due_at else span(due_at - now)
