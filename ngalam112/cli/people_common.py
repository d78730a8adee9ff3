"""What the commands for people and their tokens share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import kept_database, tell
from ngalam112.config.settings import Settings

if TYPE_CHECKING:
    from models.database import Database

Answer = dict[str, Any]


def made(
    settings: Settings,
    command: tuple[str, str],
    ask: Callable[[Client], Any],
    offline: Callable[[Database], Coroutine[Any, Any, Answer]],
) -> Answer:
    """Have it done by the engine, or, while it is down, in the database.

    `command`: what the audit says then, and of what.
    """

    async def in_database() -> Answer:
        async with kept_database(settings, *command) as database:
            return await offline(database)

    try:
        answer: Answer = ask(Client(settings))
    except EngineDown:
        answer = asyncio.run(in_database())
        tell("engine is down: kept in the database, takes effect when the line starts")
    return answer


def listed(settings: Settings, what: str) -> list[Answer]:
    """All people, or all tokens."""
    from ngalam112.accounts.people_rows import load_people
    from ngalam112.api.people_shown import shown_people, shown_tokens
    from ngalam112.api.queries import open_stored

    async def in_database() -> list[Answer]:
        zone = ZoneInfo(settings.timezone)
        async with open_stored(settings, read_only=True) as database:
            kept = await load_people(database)
        if what == "people":
            return shown_people(kept.people, zone)
        return shown_tokens(kept.tokens, zone, time.time())

    try:
        rows: list[Answer] = Client(settings).get(f"/api/{what}")[what]
    except EngineDown:
        rows = asyncio.run(in_database())
        tell("engine is down: read from the database")
    return rows


def shown_times(row: Answer, settings: Settings, *names: str) -> Answer:
    """Return a row with some of its moments as the clock on the wall shows them."""
    zone = ZoneInfo(settings.timezone)
    return row | {name: on_screen(row[name], zone) for name in names if row[name] is not None}
