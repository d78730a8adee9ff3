"""Puts the questions of a report to the database, for reading only, engine or not."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from ngalam112.cli.common import tell
from ngalam112.cli.report_pages import behind_sentence
from ngalam112.config.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from reports.summary import Summary

_NICE = 10
"""As the process that computes reports for the API: the processors are for the calls."""

Period = tuple[datetime | None, datetime | None]


async def summed(
    session: AsyncSession, settings: Settings, period: Period, by: str | None = None
) -> Summary:
    """Sum up the calls of a time as the line's settings say."""
    from reports.figures_groups import shifts_of
    from reports.summary import summary

    return await summary(
        session,
        *period,
        by,  # type: ignore[arg-type]
        settings.timezone,
        settings.short_abandon_s,
        shifts_of(settings.shifts),
    )


def read_only(
    settings: Settings, question: Callable[[AsyncSession], Awaitable[Any]]
) -> tuple[Any, int]:
    """Put a question to one state of the database; and how many entries it does not have yet."""
    from ngalam112.api.queries import open_stored
    from ngalam112.cli.report_times import entries_behind

    async def asked() -> Any:
        async with open_stored(settings, read_only=True) as database, database.session() as session:
            try:
                return await question(session)
            except (OSError, SQLAlchemyError) as error:
                raise database.unreachable(error) from None

    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(_NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    behind = entries_behind(settings)
    if behind:
        tell(behind_sentence(behind))
    return asyncio.run(asked()), behind
