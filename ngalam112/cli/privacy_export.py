"""The command `ngalam112 privacy export`: all that the line has of a number, for its person."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from ngalam112.cli.person import person
from ngalam112.cli.privacy import NumberOption
from ngalam112.cli.privacy_common import LARGEST, with_database
from ngalam112.cli.privacy_engine import let_go
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import console, safe
from privacy.errors import NotLegal
from privacy.requests import RequestKind, caller_of
from privacy.trail import Looked

if TYPE_CHECKING:
    from models.database import Database
    from reports.privacy_export import Export


def privacy_export(
    number: NumberOption,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder, or a name for the two files."),
    ] = None,
    request: Annotated[
        int | None,
        typer.Option(help="The request for access that this answers.", min=1, max=LARGEST),
    ] = None,
) -> None:
    """Write all that the line has of a number: as JSON, and as a text for the person.

    What is of others is left out or masked. Only you can read the files; the access trail says who
    has made them.
    """
    from ngalam112.cli.privacy_files import write_export
    from ngalam112.personal_data.requests import note

    settings, now = load_settings(), time.time()
    caller = caller_of(number, settings.country)
    stem = _stem(output, settings, now)
    export = with_database(
        settings, lambda database: _gathered(database, settings, number, caller, request, now)
    )
    written = write_export(export, stem)
    if request is not None:
        said = ", ".join(path.name for path in written)
        with_database(
            settings, lambda one: note(one, request, "exported", person(), time.time(), said)
        )
    parts = ("calls", "callbacks", "incidents", "texts")
    counts = ", ".join(f"{name} {len(getattr(export, name))}" for name in parts)
    console().print(f"{counts[0].upper()}{counts[1:]}.", soft_wrap=True)
    for path in written:
        console().print(f"Written: {safe(str(path))}", soft_wrap=True)


async def _gathered(
    database: Database,
    settings: Settings,
    number: str,
    caller: str,
    request: int | None,
    now: float,
) -> Export:
    from ngalam112.personal_data.trail import write_look
    from reports.privacy_export import export_of
    from reports.privacy_requests import find_request

    zone, at = ZoneInfo(settings.timezone), datetime.fromtimestamp(now, UTC)
    async with database.session() as session:
        if request is not None:
            asked = await find_request(session, request)
            if asked.caller != caller or asked.kind is not RequestKind.ACCESS:
                raise NotLegal(f"Request {request} does not ask for access by this number.")
    await let_go(settings, [], [])  # what was recorded a moment ago is theirs as well
    # no export without a trail: nobody's life hangs on it
    await write_look(database, person(), Looked.NUMBER, caller, "privacy export", now)
    async with database.session() as session:
        return await export_of(session, number, caller, settings.country, zone, at)


def _stem(output: Path | None, settings: Settings, now: float) -> Path:
    """Where to write, without an ending; the name tells the time and not the number."""
    named = datetime.fromtimestamp(now, ZoneInfo(settings.timezone)).strftime(
        "privacy-%Y%m%d-%H%M%S"
    )
    if output is None:
        folder = settings.home / "exports"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / named
    if output.is_dir():
        return output / named
    return output.with_suffix("") if output.suffix in (".json", ".txt") else output
