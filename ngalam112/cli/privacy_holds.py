"""The commands for legal holds: `ngalam112 privacy hold add|list|release`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from ngalam112.cli.common import FormatOption, make_group
from ngalam112.cli.person import person
from ngalam112.cli.privacy_common import LARGEST, asked, iso, shown_time, with_database
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list
from privacy.errors import NotLegal
from privacy.holds import Hold, HoldKind
from privacy.requests import caller_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

holds = make_group("hold", "Legal holds: what neither a purge nor an erasure touches.")

_COLUMNS = (
    Column("id", "hold", right=True),
    Column("kind", "of"),
    Column("target", "which"),
    Column("reason", "because"),
    Column("placed", "placed"),
    Column("placed_by", "by"),
    Column("released", "released", spare=True),
)


@holds.command("add")
def hold_add(
    reason: Annotated[str, typer.Option("--reason", help="Why, such as the court's file number.")],
    call: Annotated[str | None, typer.Option(help="A call: its id, or the begin of it.")] = None,
    incident: Annotated[str | None, typer.Option(help="An incident: 2026-123, or its id.")] = None,
    number: Annotated[
        str | None, typer.Option("--number", "-n", help="All of a caller, in any spelling.")
    ] = None,
) -> None:
    """Keep a call, an incident with its calls, or all of a number as it is."""
    from ngalam112.personal_data.holds import place_hold

    given = [one for one in (call, incident, number) if one is not None]
    if len(given) != 1:
        raise NotLegal("Give one of --call, --incident and --number.")
    settings = load_settings()
    kind, target = _target(settings, call, incident, number)
    made = with_database(
        settings,
        lambda one: place_hold(one, kind, target, reason, person(), time.time()),
        "privacy hold add",
    )
    console().print(safe(f"Hold {made.id} is placed on {made.kind} {made.target}."))


def _target(
    settings: Settings, call: str | None, incident: str | None, number: str | None
) -> tuple[HoldKind, str]:
    """What is held, by its whole id; raises a ReportError where it is not there."""
    from reports.calls import show_call
    from reports.incidents import find_incident

    if number is not None:
        return HoldKind.NUMBER, caller_of(number, settings.country)

    async def found(session: AsyncSession) -> tuple[HoldKind, str]:
        if call is not None:
            return HoldKind.CALL, (await show_call(session, call)).record.call_id
        return HoldKind.INCIDENT, (await find_incident(session, incident or "")).id

    return asked(settings, found)


@holds.command("list")
def hold_list(
    all_of_them: Annotated[bool, typer.Option("--all", help="Released ones too.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the holds that stand."""
    from reports.privacy_holds import list_holds

    settings = load_settings()
    found = asked(settings, lambda session: list_holds(session, all_of_them=all_of_them))
    zone = ZoneInfo(settings.timezone)
    rows = [_row(one, zone) for one in found]
    shown = [
        {
            **row,
            "placed": shown_time(one.placed_at, zone),
            "released": shown_time(one.released_at, zone) if one.released_at else "",
        }
        for row, one in zip(rows, found, strict=True)
    ]
    names = Hold.__struct_fields__
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing="There are no holds.")


@holds.command("release")
def hold_release(
    hold_id: Annotated[
        int, typer.Argument(metavar="ID", help="The hold's number.", min=1, max=LARGEST)
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why it ends.")],
) -> None:
    """Let a hold end; what it kept goes with the next purge, if it is old enough."""
    from ngalam112.personal_data.holds import release_hold

    made = with_database(
        load_settings(),
        lambda one: release_hold(one, hold_id, reason, person(), time.time()),
        f"privacy hold release {hold_id}",
    )
    console().print(safe(f"Hold {made.id} on {made.kind} {made.target} is released."))


def _row(one: Hold, zone: ZoneInfo) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(one)
    return row | {name: row[name] and iso(row[name], zone) for name in ("placed_at", "released_at")}
