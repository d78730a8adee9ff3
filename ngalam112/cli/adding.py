"""What the commands share that add, change or remove phones and operators."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import kept_database, tell
from ngalam112.config.settings import Settings
from ngalam112.terminal import Format, write_json, write_list

if TYPE_CHECKING:
    from models.database import Database

Replace = Annotated[bool, typer.Option("--replace", help="Change one that is there already.")]


def add(
    settings: Settings,
    path: str,
    body: dict[str, Any],
    offline: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
) -> Any:
    """Add through the engine, or, while it is down, in the database."""
    try:
        return Client(settings).post(path, body)
    except EngineDown:
        made = asyncio.run(offline())
        tell("engine is down: kept in the database, takes effect when the line starts")
        return made


def remove(
    settings: Settings, path: str, offline: Callable[[Database], Coroutine[Any, Any, None]]
) -> None:
    """Remove through the engine, or, while it is down, from the database."""
    group, _, about = path.rpartition("/")
    if group == "/api/places":
        about = ""  # a citizen's number, which the audit does not repeat

    async def from_database() -> None:
        async with kept_database(settings, f"DELETE {group}/...", about) as database:
            await offline(database)

    try:
        Client(settings).delete(path)
    except EngineDown:
        asyncio.run(from_database())
        tell("engine is down: removed from the database, takes effect when the line starts")


def write_one(row: dict[str, Any], fmt: Format) -> None:
    """Write one row as JSON or CSV."""
    if fmt is Format.JSON:
        write_json(row)
    else:
        write_list([row], (), fmt, names=tuple(row))
