"""The command for an authority's warnings, `ngalam112 warning list`, and their line elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client, ClientError
from ngalam112.cli.common import FormatOption, make_group, tell
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

public_warnings = make_group("warning", "What an authority (BMKG) warns the city of.")

_COLUMNS = (
    Column("severity", "severity"),
    Column("what", "warning"),
    Column("where", "where"),
    Column("from", "from"),
    Column("until", "until"),
    Column("urgency", "urgency", spare=True),
    Column("certainty", "certainty", spare=True),
    Column("description", "description", spare=True),
)
_NAMES = (
    *("identifier", "sender", "sent", "event", "severity", "urgency", "certainty"),
    *("begins", "expires", "headline", "description", "area", "kecamatan", "credit"),
)


@public_warnings.command("list")
def warning_list(
    kecamatan: Annotated[str | None, typer.Option(help="That hold in this kecamatan.")] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the warnings for the city that are not over, the worst first."""
    settings = load_settings()
    asked = None if kecamatan is None else {"kecamatan": kecamatan}
    found = Client(settings).get("/api/warnings", asked)
    rows, feed = found["warnings"], found["feed"]
    shown = [_shown(row, settings) for row in rows]
    rows = [{**row, "kecamatan": ", ".join(row["kecamatan"])} for row in rows]
    nothing = "There is no warning for the city."
    write_list(rows, _COLUMNS, fmt, names=_NAMES, shown=shown, nothing=nothing)
    if fmt is Format.TABLE and rows:
        console().print(safe(feed["credit"]), soft_wrap=True)
    if feed["said"]:
        tell(feed["said"])


def _shown(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    zone = ZoneInfo(settings.timezone)
    return {
        **row,
        "what": row["headline"] or row["event"],
        "where": "the whole city" if row["whole_city"] else ", ".join(row["kecamatan"]),
        "from": on_screen(row["begins"], zone),
        "until": on_screen(row["expires"], zone),
    }


def warning_lines(settings: Settings, kecamatan: str | None) -> Iterator[str]:
    """Yield what is to be said of warnings where an incident is; nothing if no feed is set.

    With the engine down nothing is known of them, and the incident is shown all the same.
    """
    try:
        found = Client(settings).get("/api/warnings", {"kecamatan": kecamatan or ""})
    except ClientError:
        return
    feed, rows = found["feed"], found["warnings"]
    if feed["feed"] == "off":
        return
    for row in rows:
        yield f"WARNING {row['words']}. {row['credit']}"
    if feed["said"]:
        yield feed["said"]
