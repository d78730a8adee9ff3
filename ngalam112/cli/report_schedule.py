"""The commands `ngalam112 report schedule ...`: who gets which reports by mail, and when."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.common import FormatOption, leave_audit, make_group, tell
from ngalam112.cli.report_pages import Language
from ngalam112.config.report_schedules import (
    changing_schedules,
    read_mailed,
    read_schedules,
)
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list
from reports.schedules import Every, Mailed, Schedule

schedules = make_group("schedule", "Reports that the line mails at the end of a shift or day.")

MOST_SCHEDULES = 50
_NAMES = ("id", "every", "reports", "recipients", "language", "made_at", "last", "at", "why")
_COLUMNS = (
    Column("id", "id"),
    Column("every", "every"),
    Column("reports", "reports"),
    Column("recipients", "to"),
    Column("language", "lang"),
    Column("last", "last mail"),
    Column("at", "of the end at"),
    Column("why", "why"),
)


class ScheduleError(ValueError):
    """A schedule cannot be kept, found or sent; the message says why."""


@schedules.command("add")
def schedule_add(
    to: Annotated[list[str], typer.Option("--to", help="A mail address; may be given again.")],
    reports: Annotated[
        list[str] | None,
        typer.Option("--report", "-r", help="summary (if none is given), service-level, ..."),
    ] = None,
    every: Annotated[
        Every, typer.Option(help="At whose end it is mailed, and of which it is.")
    ] = Every.SHIFT,
    lang: Annotated[Language | None, typer.Option("--lang", "--language")] = None,
) -> None:
    """Have reports mailed at the end of each shift, day or month from now on."""
    from deliveries.mail_message import MOST_RECIPIENTS, check_address
    from reports.kinds import kind_of

    settings, wanted = load_settings(), reports or ["summary"]
    for name in wanted:
        kind_of(name)
    addresses = tuple(dict.fromkeys(check_address(one.strip()) for one in to))
    if len(addresses) > MOST_RECIPIENTS:
        raise ScheduleError(f"A mail has at most {MOST_RECIPIENTS} recipients.")
    with changing_schedules(settings) as there:
        if len(there) >= MOST_SCHEDULES:
            raise ScheduleError(f"There are {MOST_SCHEDULES} schedules; remove one first.")
        made = Schedule(
            id=secrets.token_hex(3),
            every=every,
            reports=tuple(dict.fromkeys(wanted)),
            recipients=addresses,
            language=lang.value if lang is not None else settings.report_language,
            made_at=time.time(),
        )
        there.append(made)
    _audit(settings, "add", made.id)
    console().print(f"Schedule {made.id} is kept: at the end of each {every.value}.")
    if not settings.smtp_host:
        from ngalam112.cli.report_mailing import NO_SERVER

        console(sys.stderr).print(NO_SERVER)


@schedules.command("list")
def schedule_list(fmt: FormatOption = Format.TABLE) -> None:
    """List the schedules, and what became of the last mail of each."""
    settings = load_settings()
    zone, mailed = ZoneInfo(settings.timezone), read_mailed(settings).values()
    rows: list[dict[str, Any]] = []
    for one in read_schedules(settings):
        mine = [each for each in mailed if each.schedule == one.id]
        last = max(mine, key=lambda each: each.end) if mine else None
        row = msgspec.to_builtins(one) | {"last": None, "at": None, "why": None}
        row["made_at"] = _iso(one.made_at, zone)
        if last is not None:
            row |= {"last": _state(last), "at": _iso(last.end, zone), "why": last.why or None}
        rows.append(row)
    shown = [
        row
        | {name: ", ".join(row[name]) for name in ("reports", "recipients")}
        | {"at": row["at"] and on_screen(row["at"], zone)[:16]}
        for row in rows
    ]
    nothing = "Nothing is mailed: ngalam112 report schedule add --to piket@kota.example"
    write_list(rows, _COLUMNS, fmt, names=_NAMES, shown=shown, nothing=nothing)


@schedules.command("remove")
def schedule_remove(id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Have a schedule's reports mailed no more."""
    settings = load_settings()
    with changing_schedules(settings) as there:
        there.remove(_known(there, id))
    _audit(settings, "remove", id)
    console().print(f"Schedule {safe(id)} is removed.")


@schedules.command("send-now")
def schedule_send_now(id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Mail the reports of the time that ended last, again if need be; exit 1 if it fails."""
    from deliveries.attempt import Failed
    from ngalam112.cli.report_mailing import send_now, told

    settings = load_settings()
    attempt = send_now(settings, _known(read_schedules(settings), id))
    if isinstance(attempt, Failed):
        raise ScheduleError(f"The mail was {told(attempt)}.")
    console().print(f"The mail was {safe(told(attempt))}.", soft_wrap=True)


@schedules.command("send-due")
def schedule_send_due(
    now: Annotated[
        float | None, typer.Option(hidden=True, help="By the engine's clock, since the epoch.")
    ] = None,
) -> None:
    """Mail what is due now, as the line does by itself; a line of JSON for each mail."""
    from ngalam112.cli.report_mailing import send_due, time_now

    settings = load_settings()
    for one in send_due(settings, time_now(settings) if now is None else now):
        sys.stdout.write(msgspec.json.encode(one).decode() + "\n")
        sys.stdout.flush()


def _known(there: list[Schedule], id: str) -> Schedule:
    for one in there:
        if one.id == id:
            return one
    raise ScheduleError(f"There is no schedule {id[:40]!r}; see `ngalam112 report schedule list`.")


def _state(one: Mailed) -> str:
    if one.sent_at is not None:
        return "sent"
    return "given up" if one.given_up_at is not None else f"tried {one.attempts} times"


def _iso(at: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(zone).isoformat(timespec="seconds")


def _audit(settings: Settings, what: str, id: str) -> None:
    """Write it down; what is kept stays kept, whatever becomes of that."""
    from models.database import DatabaseError
    from ngalam112.api.queries import open_stored

    async def leave() -> None:
        async with open_stored(settings) as database:
            await leave_audit(database, f"report schedule {what}", id)

    try:
        asyncio.run(leave())
    except DatabaseError as error:
        tell(f"the audit has not been written: {error}")
