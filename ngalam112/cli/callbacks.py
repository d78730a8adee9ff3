"""The commands for citizens who are called back: `ngalam112 callbacks ...`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from acd.config_file import DistributionError, load_distribution
from acd.numbers.outbound import Barred, Outbound
from acd.work_items.item import WorkItem
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, FromOption, ToOption, make_group, period, read
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, table, write_json, write_list

callbacks = make_group("callbacks", "Lost calls: whom the line calls back, and what came of it.")

_COLUMNS = (
    Column("item", "callback"),
    Column("caller", "number"),
    Column("reason", "because"),
    Column("created", "lost at"),
    Column("category", "category"),
    Column("now", "is"),
    Column("attempts", "tries", right=True),
    Column("due", "next at"),
    Column("operator", "operator", spare=True),
    Column("note", "note", spare=True),
)
_STEPS = (
    Column("at", "time"),
    Column("state", "became"),
    Column("operator", "operator"),
    Column("reason", "because"),
)
_SHOWN_ID = 18

Id = Annotated[
    str,
    typer.Argument(metavar="ID", help="The id of the callback or of its call, or its begin."),
]


def _policy(settings: Settings) -> Outbound:
    """The line's policy; the default one while its file cannot be read, for the list still can."""
    try:
        return load_distribution(settings.distribution_file).outbound
    except DistributionError:
        return Outbound()


def _whom(number: str, withheld: bool, settings: Settings, outbound: Outbound) -> str:
    if withheld:
        return f"{number} (withheld)".strip()
    found = outbound.dial_string(number, settings.country, settings.number)
    if not isinstance(found, Barred):
        return number
    return f"{number} (not dialled: {found.words})" if number else "(withheld)"


@callbacks.command("list")
def callbacks_list(
    begin: FromOption = None,
    end: ToOption = None,
    which: Annotated[
        str,
        typer.Option(
            help="open, all, reached, given_up, discharged, misdial, unreachable or by_hand."
        ),
    ] = "open",
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List who is to be called back, the longest owed first; or what came of it."""
    settings = load_settings()
    asked = {**period(settings, begin, end, ("from", "to")), "which": which}
    rows = read(settings, "/api/callbacks", asked)["callbacks"]
    zone, outbound = ZoneInfo(settings.timezone), _policy(settings)
    shown = [
        {
            **row,
            "item": row["id"][:_SHOWN_ID],
            "caller": _whom(row["number"], row["withheld"], settings, outbound),
            "created": on_screen(row["created_at"], zone),
            "now": row["outcome"] or row["state"],
            "due": on_screen(row["due_at"], zone) if row["due_at"] else "",
        }
        for row in rows
    ]
    names = tuple(name for name in WorkItem.__struct_fields__ if name != "history")
    nothing = "Nobody is owed a call." if which == "open" else "There are none."
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing=nothing)


@callbacks.command("show")
def callbacks_show(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Show one callback with all its tries."""
    settings = load_settings()
    found = read(settings, f"/api/callbacks/{quote(id, safe='', errors='replace')}")["callback"]
    if fmt is not Format.TABLE:
        write_json(found)
        return
    zone, say = ZoneInfo(settings.timezone), console().print
    facts: list[dict[str, Any]] = [
        {"what": name, "value": on_screen(value, zone) if name.endswith("_at") else value}
        for name, value in found.items()
        if value not in (None, "", []) and name != "history"
    ]
    say(table(facts, (Column("what", "callback"), Column("value", ""))))
    say()
    steps = [{**one, "at": on_screen(one["at"], zone)} for one in found["history"]]
    say(table(steps, _STEPS))


@callbacks.command("take")
def callbacks_take(
    id: Id,
    operator: Annotated[str, typer.Option(help="The number of the operator who is to call.")],
) -> None:
    """Ring an operator for a callback at once; once that is answered, the citizen is rung."""
    body = {"operator": operator}
    found = Client(load_settings()).post(f"/api/callbacks/{quote(id, safe='')}/take", body)
    console().print(f"Operator {safe(operator)} is rung for callback {safe(found['id'])}.")


@callbacks.command("close")
def callbacks_close(
    id: Id,
    reason: Annotated[str, typer.Option(help="Why nobody has to call, for the record.")],
    by: Annotated[str, typer.Option(help="Who has decided so.")] = "supervisor",
) -> None:
    """Close a callback without a call."""
    body = {"reason": reason, "by": by}
    found = Client(load_settings()).post(f"/api/callbacks/{quote(id, safe='')}/close", body)
    console().print(f"Callback {safe(found['id'])} is closed.")
