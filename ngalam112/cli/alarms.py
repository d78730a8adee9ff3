"""The commands for alarms that are kept: `ngalam112 alarms ...`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from ngalam112.alarms.alarm import Alarm
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, FromOption, ToOption, make_group, period, read
from ngalam112.cli.person import person
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

alarms = make_group("alarms", "The line's alarms: begin, end, and who has acknowledged them.")

_COLUMNS = (
    Column("began", "began"),
    Column("ended", "ended"),
    Column("alarm", "alarm"),
    Column("acknowledged", "acknowledged"),
    Column("text", "what", spare=True),
    Column("id", "id"),
)


@alarms.command("list")
def alarms_list(
    only_open: Annotated[bool, typer.Option("--open", help="Those that are on.")] = False,
    begin: FromOption = None,
    end: ToOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 100,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the alarms that were on in a time, the last begun first."""
    settings = load_settings()
    if only_open and (begin or end):
        raise typer.BadParameter("--open lists what is on now; leave --from and --to out")
    if only_open:
        rows = read(settings, "/api/alarms/on")["alarms"][:limit]
        nothing = "No alarm is on."
    else:
        params = period(settings, begin, end, ("from", "to")) | {"limit": str(limit)}
        rows = read(settings, "/api/alarms", params)["alarms"]
        nothing = "There was no alarm in that time."
    zone = ZoneInfo(settings.timezone)
    shown = [_shown(one, zone) for one in rows]
    names = Alarm.__struct_fields__
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing=nothing)


@alarms.command("acknowledge")
def alarms_acknowledge(
    id: Annotated[
        str, typer.Argument(metavar="ID", help="Of the list; or the alarm's name while it is on.")
    ],
) -> None:
    """Say that you know of an alarm; who and when is kept with it, and in the audit."""
    path = f"/api/alarms/{quote(id, safe='')}/acknowledge"
    row = Client(load_settings()).post(path, {"by": person()[:64]})
    who = safe(row["acknowledged_by"])
    console().print(f"The alarm {safe(_name(row))} is acknowledged by {who}.")


def _name(row: Mapping[str, Any]) -> str:
    return f"{row['kind']} {row['about']}".rstrip()


def _shown(row: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    at, by = row["acknowledged_at"], row["acknowledged_by"]
    return {
        **row,
        "began": on_screen(row["began_at"], zone),
        "ended": "on" if row["ended_at"] is None else on_screen(row["ended_at"], zone),
        "alarm": _name(row),
        "acknowledged": "-" if at is None else f"{by}, {on_screen(at, zone)}",
    }
