"""The command for citizens who are to be called back: `ngalam112 callbacks list`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.common import FormatOption, FromOption, ToOption, make_group, period, read
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, write_list
from reports.callbacks import Callback

callbacks = make_group("callbacks", "Citizens whom the line owes a call.")

_COLUMNS = (
    Column("caller", "call back"),
    Column("reason", "because"),
    Column("ended", "at"),
    Column("stage", "in the"),
    Column("category", "category"),
    Column("operator", "operator", spare=True),
    Column("call", "call"),
)
_SHOWN_ID = 14


@callbacks.command("list")
def callbacks_list(
    begin: FromOption = None, end: ToOption = None, fmt: FormatOption = Format.TABLE
) -> None:
    """List who was cut off and has not been served since, the longest owed first."""
    settings = load_settings()
    rows = read(settings, "/api/callbacks", period(settings, begin, end, ("from", "to")))[
        "callbacks"
    ]
    zone = ZoneInfo(settings.timezone)
    shown = [
        {
            **row,
            "caller": row["caller_number"] or "(withheld)",
            "ended": on_screen(row["ended_at"], zone),
            "call": row["call_id"][:_SHOWN_ID],
        }
        for row in rows
    ]
    names = Callback.__struct_fields__
    nothing = "Nobody is owed a call."
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing=nothing)
