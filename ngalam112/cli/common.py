"""What all commands share: settings, the format, and where the answers come from."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import typer

from ngalam112.api import time_ranges
from ngalam112.cli.client import Client, EngineDown, EngineSilent
from ngalam112.cli.one_line import tell as tell
from ngalam112.cli.person import person
from ngalam112.config.settings import Settings
from ngalam112.terminal import Format
from privacy.trail import Looked

if TYPE_CHECKING:
    from models.database import Database

FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write it.")]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="From then on: today, yesterday, 2026-11-23, 2026-11-23T08:00."),
]
ToOption = Annotated[
    str | None, typer.Option("--to", help="Before then; a day that is named belongs to it.")
]


def tell_restricted(answer: Mapping[str, Any]) -> None:
    """Say how many of a list are counted and not shown, as their person has asked."""
    if count := answer.get("restricted", 0):
        tell(f"{count} more of this number are restricted, and not shown (ngalam112 privacy list)")


def make_group(name: str, help: str) -> typer.Typer:
    """Return an empty group of commands; without a command it tells which there are."""
    return typer.Typer(name=name, help=help, no_args_is_help=True)


def read(settings: Settings, path: str, params: Mapping[str, str] | None = None) -> Any:
    """Ask the engine for `path`; with the engine down, ask the database and say so."""
    try:
        return Client(settings).get(path, params)
    except EngineDown:
        tell("engine is down: read from the database")
    except EngineSilent as error:
        tell(f"engine does not answer: read from the database ({error})")
    from ngalam112.api import (
        agency_queries,
        alarm_queries,
        audit_queries,
        category_queries,
        incident_queries,
        queries,
        text_queries,
    )

    parts = (queries, text_queries, incident_queries, agency_queries, category_queries)
    given = dict(params or {})
    stored = {path: question for part in parts for path, question in part.STORED.items()}
    stored |= audit_queries.STORED | alarm_queries.STORED
    question = stored.get(path)
    if question is None:
        group, _, name = path.rpartition("/")
        by_id = {path: question for part in parts for path, question in part.STORED_ONE.items()}
        question, given["id"], path = by_id[group], unquote(name), f"{group}/{{id}}"
    answer = asyncio.run(queries.ask_stored(question, settings, given))
    _leave_trail(settings, path, given, answer)
    return answer


def _leave_trail(
    settings: Settings, path: str, params: Mapping[str, str], answer: Mapping[str, Any]
) -> None:
    """Write down that somebody has looked, as the engine does; the answer is given in any case."""
    from acd.numbers.caller import same_caller
    from models.database import Database, DatabaseError
    from ngalam112.personal_data.trail import write_look
    from privacy.trail import looked_at

    looked = looked_at(path, params, answer, lambda one: same_caller(one, settings.country))
    if looked is None:
        return

    async def write() -> None:
        async with Database(settings.url) as database:
            await write_look(database, person(), *looked, f"GET {path}", time.time())

    try:
        asyncio.run(write())
    except DatabaseError as error:
        tell(f"the access trail has not been written: {error}")


@asynccontextmanager
async def kept_database(
    settings: Settings, command: str, about: str = ""
) -> AsyncIterator[Database]:
    """Open the line's database for writing; make it, or bring it up to date, where need be.

    `command`, `about`: what is written into the audit then, as the engine does: the method and
    path of the API, and ids.
    """
    from models.database import Database, upgrade

    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    await upgrade(settings.url)
    async with Database(settings.url) as database:
        yield database
        await leave_audit(database, command, about)


async def leave_audit(
    database: Database, command: str, about: str, kind: Looked = Looked.CHANGE
) -> None:
    """Write down what was changed by the command line alone; what is done stays done."""
    from models.database import DatabaseError
    from ngalam112.personal_data.trail import write_look

    try:
        await write_look(database, person(), kind, about[:64], command[:64], time.time())
    except DatabaseError as error:
        tell(f"the audit has not been written: {error}")


def period(
    settings: Settings, begin: str | None, end: str | None, names: tuple[str, str]
) -> dict[str, str]:
    """Return the parameters of a question for `--from` and `--to`; raises TimeError."""
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    given = {}
    if begin is not None:
        given[names[0]] = time_ranges.begin(begin, zone, now).isoformat()
    if end is not None:
        given[names[1]] = time_ranges.end(end, zone, now).isoformat()
    return given
