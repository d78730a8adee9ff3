"""The command `ngalam112 audit list`: who has changed what."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.common import FormatOption, FromOption, ToOption, make_group, period, read
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, write_list
from privacy.trail import Look

audits = make_group("audit", "Who has changed, heard, erased or exported what.")

_COLUMNS = (
    Column("at", "time"),
    Column("who", "who"),
    Column("source", "by"),
    Column("command", "what"),
    Column("target", "of what"),
    Column("reason", "because", spare=True),
)


@audits.command("list")
def audit_list(
    begin: FromOption = None,
    end: ToOption = None,
    who: Annotated[str | None, typer.Option(help="A person's id, or a user's name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List who has changed, heard, erased or exported what, or was refused it; the last first."""
    settings = load_settings()
    params = period(settings, begin, end, ("from", "to")) | {"limit": str(limit)}
    if who is not None:
        params["who"] = who
    rows: list[dict[str, Any]] = read(settings, "/api/audit", params)["audit"]
    zone = ZoneInfo(settings.timezone)
    shown = [{**one, "at": on_screen(one["at"], zone)} for one in rows]
    names, nothing = Look.__struct_fields__, "Nobody has changed anything in that time."
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing=nothing)
