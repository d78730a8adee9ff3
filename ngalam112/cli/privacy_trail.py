"""The command `ngalam112 privacy trail`: who has looked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from ngalam112.cli.common import FormatOption
from ngalam112.cli.privacy_common import asked, iso, shown_time
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, write_list
from privacy.errors import NotLegal
from privacy.requests import caller_of
from privacy.trail import Look, Looked

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

_COLUMNS = (
    Column("at", "time"),
    Column("who", "who"),
    Column("source", "by"),
    Column("kind", "looked at"),
    Column("target", "which"),
    Column("command", "command"),
    Column("reason", "because", spare=True),
)


def privacy_trail(
    call: Annotated[str | None, typer.Option(help="A call: its id, or the begin of it.")] = None,
    incident: Annotated[str | None, typer.Option(help="An incident: 2026-123, or its id.")] = None,
    number: Annotated[
        str | None, typer.Option("--number", "-n", help="All of a caller, in any spelling.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Say who has looked at a call, an incident, or anything of a number; the last one first."""
    from reports.calls import show_call
    from reports.incidents import find_incident
    from reports.privacy_trail import looks_at, targets_of

    if sum(one is not None for one in (call, incident, number)) != 1:
        raise NotLegal("Give one of --call, --incident and --number.")
    settings = load_settings()
    caller = None if number is None else caller_of(number, settings.country)

    async def found(session: AsyncSession) -> list[Look]:
        targets: Any
        if caller is not None:
            targets = await targets_of(session, caller, settings.country)
        elif call is not None:
            targets = {Looked.CALL: [(await show_call(session, call)).record.call_id]}
        else:
            targets = {Looked.INCIDENT: [(await find_incident(session, incident or "")).id]}
        return await looks_at(session, targets, limit)

    looks = asked(settings, found)
    zone = ZoneInfo(settings.timezone)
    rows: list[dict[str, Any]] = [
        {**msgspec.to_builtins(one), "at": iso(one.at, zone)} for one in looks
    ]
    shown = [{**row, "at": shown_time(one.at, zone)} for row, one in zip(rows, looks, strict=True)]
    nothing = "Nobody has looked, as far as the trail goes back."
    write_list(rows, _COLUMNS, fmt, names=Look.__struct_fields__, shown=shown, nothing=nothing)
