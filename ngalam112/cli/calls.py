"""The commands for single calls: `ngalam112 calls list`, `show`, `mark`, `first`, `move`."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from acd.calls.record import CallRecord
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client
from ngalam112.cli.common import (
    FormatOption,
    FromOption,
    ToOption,
    make_group,
    period,
    read,
    tell_restricted,
)
from ngalam112.cli.person import person
from ngalam112.config.settings import load_settings
from ngalam112.terminal import (
    Column,
    Format,
    console,
    safe,
    table,
    write_csv,
    write_json,
    write_list,
)

calls = make_group("calls", "The call records.")

_CALLS = (
    Column("call", "call"),
    Column("arrived", "arrived"),
    Column("caller_number", "caller"),
    Column("flags", "", spare=True),
    Column("category", "category"),
    Column("outcome", "outcome"),
    Column("operator", "operator", spare=True),
    Column("wait", "wait s", right=True),
    Column("talk", "talk s", right=True, spare=True),
)
_LEGS = (
    Column("operator", "operator"),
    Column("phone", "phone"),
    Column("how", "how"),
    Column("joined", "joined"),
    Column("left", "left"),
    Column("reason", "why"),
)
_SHOWN_ID = 14  # characters; `calls show` finds a call by the begin of its id


@calls.command("list")
def calls_list(
    begin: FromOption = None,
    end: ToOption = None,
    outcome: Annotated[str | None, typer.Option(help="answered, lost_queue, ... or live.")] = None,
    caller: Annotated[str | None, typer.Option(help="A part of the caller's number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List calls, the newest first."""
    settings = load_settings()
    params = period(settings, begin, end, ("from", "to")) | {"limit": str(limit)}
    if outcome is not None:
        params["outcome"] = outcome
    if caller is not None:
        params["caller"] = caller
    answer = read(settings, "/api/calls", params)
    rows = answer["calls"]
    zone = ZoneInfo(settings.timezone)
    shown = [_shown_call(row, zone) for row in rows]
    names = CallRecord.__struct_fields__
    write_list(rows, _CALLS, fmt, names=names, shown=shown, nothing="There are no such calls.")
    tell_restricted(answer)


@calls.command("show")
def calls_show(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or its begin.")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Show one call: its record, and all that happened to it."""
    settings = load_settings()
    found = read(settings, f"/api/calls/{quote(call_id, safe='', errors='replace')}")
    zone, record, events = ZoneInfo(settings.timezone), found["call"], found["events"]
    match fmt:
        case Format.JSON:
            write_json(found)
        case Format.CSV:
            write_csv(events, ("seq", "at", "kind", "data"))
        case Format.TABLE:
            say = console().print
            facts = [
                {"what": name, "value": on_screen(value, zone) if name.endswith("_at") else value}
                for name, value in record.items()
                if value not in (None, "", [])
                if name != "legs"
            ]
            say(table(facts, (Column("what", "record"), Column("value", ""))))
            if record["legs"]:
                say()
                say(table([_shown_leg(one, zone) for one in record["legs"]], _LEGS))
            steps = [
                {**one, "at": _clock(one["at"], zone), "data": _words(one["data"])}
                for one in events
            ]
            say()
            columns = (Column("at", "time"), Column("kind", "event"), Column("data", "with"))
            say(table(steps, columns))


@calls.command("mark")
def calls_mark(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or its begin.")],
    disposition: Annotated[str, typer.Argument(help="prank, ghost, real, or as the city says.")],
    operator: Annotated[str | None, typer.Option(help="Who says so, by number.")] = None,
) -> None:
    """Say what a call was; pranks and ghosts make its number a nuisance."""
    _dispose(call_id, disposition, operator)


@calls.command("unmark")
def calls_unmark(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or its begin.")],
) -> None:
    """Take back what was said that a call was."""
    _dispose(call_id, None, None)


def _dispose(call_id: str, disposition: str | None, operator: str | None) -> None:
    path = f"/api/calls/{quote(call_id, safe='', errors='replace')}/disposition"
    body = {"disposition": disposition, "operator": operator}
    row = Client(load_settings()).post(path, body)
    said = row["disposition"] or "nothing any more"
    console().print(safe(f"Call {row['call_id'][:_SHOWN_ID]} is marked as {said}."))


@calls.command("first")
def calls_first(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id, as `ngalam112 status` has it.")],
) -> None:
    """Serve a citizen who waits before all others."""
    _post(id, "first", {})
    console().print(f"Call {safe(id)} is the next one.")


@calls.command("move")
def calls_move(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id, as `ngalam112 status` has it.")],
    category: Annotated[str, typer.Argument(metavar="CATEGORY", help="One of the menu's.")],
) -> None:
    """Let a citizen who waits wait for another category; the waiting time is kept."""
    _post(id, "category", {"category": category})
    console().print(f"Call {safe(id)} waits for {safe(category)}.")


def _post(id: str, action: str, body: dict[str, Any]) -> None:
    path = f"/api/calls/{quote(id, safe='', errors='replace')}/{action}"
    Client(load_settings()).post(path, {**body, "by": person()[:64]})


def _shown_call(row: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {
        **row,
        "call": row["call_id"][:_SHOWN_ID],
        "arrived": on_screen(row["arrived_at"], zone),
        "flags": ", ".join(_flags(row)),
        "outcome": row["outcome"] or "(live)",
        "wait": _seconds(row["wait_ms"]),
        "talk": _seconds(row["talk_ms"]),
    }


def _flags(row: dict[str, Any]) -> list[str]:
    flags = [name for name in ("withheld", "silent") if row[name]]
    if row["nuisance"]:
        flags.append(f"nuisance: {row['nuisance']}")
    return flags + ([row["disposition"]] if row["disposition"] else [])


def _shown_leg(leg: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    left = leg["left_at"]
    return {
        **leg,
        "joined": _clock(leg["joined_at"], zone),
        "left": _clock(left, zone) if left is not None else None,
    }


def _clock(iso: str, zone: ZoneInfo) -> str:
    return f"{on_screen(iso, zone)}{iso[19:23]}"


def _words(data: dict[str, Any]) -> str:
    return "  ".join(f"{name}={value}" for name, value in data.items() if value not in (None, ""))


def _seconds(ms: int | None) -> str | None:
    return None if ms is None else f"{ms / 1000:.1f}"
