"""The command `ngalam112 live`: the line on a full screen, as lines for a log, or a past time."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ngalam112.alarms.rules import Limits
from ngalam112.api import time_ranges
from ngalam112.cli.client import Client
from ngalam112.cli.live.plain import PlainLines
from ngalam112.cli.live.view import Silent
from ngalam112.cli.live.watching import Watching
from ngalam112.cli.live.words import ENGLISH, INDONESIAN, Words
from ngalam112.cli.person import person
from ngalam112.config.settings import Settings, load_settings

if TYPE_CHECKING:
    from ngalam112.cli.live.screen import Looks


class Language(StrEnum):
    """The languages of the board."""

    EN = ENGLISH
    ID = INDONESIAN


def live(
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines for a log, also where there is a terminal.")
    ] = False,
    language: Annotated[
        Language | None, typer.Option(help="As the terminal's (LANG) if not given.")
    ] = None,
    wait: Annotated[float, typer.Option(min=1, help="A citizen may wait so many seconds.")] = 20.0,
    replay: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="FROM TO", help="Play a past time: yesterday, 2026-11-23T08:00."),
    ] = None,
    speed: Annotated[
        float, typer.Option(min=0.1, max=1e6, help="So much faster than it was, with --replay.")
    ] = 60.0,
) -> None:
    """Show the line as it is now: queue, operators, callbacks, agencies, alarms; q ends it."""
    settings, words = load_settings(), Words(language or _of_terminal())
    zone = ZoneInfo(settings.timezone)
    watching = Watching(
        Limits(wait_s=wait), lambda at: datetime.fromtimestamp(at, zone).strftime("%H:%M:%S")
    )
    looks = _looks(settings) if replay is None else _replayed(settings, replay, speed)
    if plain or not sys.stdout.isatty():
        asyncio.run(_in_lines(looks, watching, words))
        return
    from ngalam112.cli.live.screen import LiveBoard

    client = Client(settings, timeout_s=10.0)

    def post(path: str, body: Mapping[str, Any]) -> Any:
        signed = path.startswith(("/api/monitors", "/api/calls/", "/api/alarms/"))
        given = {**body, "by": person()[:64]} if signed else body
        return client.post(path, given)

    app = LiveBoard(looks, watching, words, None if replay else post)
    app.run()
    if app.failed is not None:
        raise app.failed


def _of_terminal() -> str:
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    found = next((one for one in named if one), "")
    return INDONESIAN if found.startswith(("id", "in_")) else ENGLISH


async def _looks(settings: Settings) -> Looks:
    from ngalam112.cli.live.stream import looks

    async for one in looks(settings):
        yield one


async def _replayed(settings: Settings, period: tuple[str, str], speed: float) -> Looks:
    from ngalam112.api.queries import open_stored
    from ngalam112.cli.live.replaying import Player, frames

    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    since, until = time_ranges.begin(period[0], zone, now), time_ranges.end(period[1], zone, now)
    async with open_stored(settings, read_only=True) as database:
        player = Player(
            database, since, min(until, now), settings.timezone, settings.short_abandon_s
        )
        async for one in frames(player, speed):
            yield one


async def _in_lines(looks: Looks, watching: Watching, words: Words) -> None:
    lines = PlainLines(words)
    async for one in looks:
        line = _line(one, watching, lines)
        if line is not None:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    if watching.snapshot is not None and "totals" in watching.snapshot:
        sys.stdout.write("\n".join(lines.totals(watching.snapshot)) + "\n")


def _line(one: Any, watching: Watching, lines: PlainLines) -> str | None:
    if isinstance(one, Silent):
        watching.silent(one.why, time.time())
        return lines.silent(watching.silent_since)
    if isinstance(one, tuple):
        one, watching.replay = one
    watching.came(one, time.time())
    return lines.line(one, watching.alarms, time.monotonic())
