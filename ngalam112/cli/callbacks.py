"""The command for citizens who are to be called back: `ngalam112 callbacks list`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from acd.config_file import DistributionError, load_distribution
from acd.numbers.outbound import Barred, Outbound
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.common import FormatOption, FromOption, ToOption, make_group, period, read
from ngalam112.config.settings import Settings, load_settings
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


def _policy(settings: Settings) -> Outbound:
    """The line's policy; the default one while its file cannot be read, for the list still can."""
    try:
        return load_distribution(settings.distribution_file).outbound
    except DistributionError:
        return Outbound()


def _whom(number: str, settings: Settings, outbound: Outbound) -> str:
    found = outbound.dial_string(number, settings.country, settings.number)
    if not isinstance(found, Barred):
        return number
    return f"{number} (not dialled: {found.words})" if number else "(withheld)"


@callbacks.command("list")
def callbacks_list(
    begin: FromOption = None, end: ToOption = None, fmt: FormatOption = Format.TABLE
) -> None:
    """List who was cut off and has not been served since, the longest owed first."""
    settings = load_settings()
    rows = read(settings, "/api/callbacks", period(settings, begin, end, ("from", "to")))[
        "callbacks"
    ]
    zone, outbound = ZoneInfo(settings.timezone), _policy(settings)
    shown = [
        {
            **row,
            "caller": _whom(row["caller_number"], settings, outbound),
            "ended": on_screen(row["ended_at"], zone),
            "call": row["call_id"][:_SHOWN_ID],
        }
        for row in rows
    ]
    names = Callback.__struct_fields__
    nothing = "Nobody is owed a call."
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing=nothing)
