"""The commands for what citizens ask of their data: `ngalam112 privacy request|list|show|...`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.common import FormatOption, make_group
from ngalam112.cli.person import person
from ngalam112.cli.privacy_common import (
    LARGEST,
    asked,
    iso,
    left,
    past,
    shown_time,
    span,
    with_database,
)
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, table, write_json, write_list
from privacy.errors import NotLegal
from privacy.holds import HoldKind
from privacy.requests import RequestKind, RequestState, caller_of, check_by_hand, kind_of

if TYPE_CHECKING:
    from models.database import Database
    from privacy.requests import Request

privacy = make_group("privacy", "Personal data: requests of citizens, holds, purges, breaches.")

_LIST = (
    Column("id", "request", right=True),
    Column("kind", "asks for"),
    Column("number", "number"),
    Column("state", "is"),
    Column("received", "received", spare=True),
    Column("due", "due"),
    Column("left", "left"),
    Column("taken_by", "taken by", spare=True),
)
_STEPS = (
    Column("at", "time"),
    Column("kind", "step"),
    Column("by", "by"),
    Column("text", "words"),
)

NumberOption = Annotated[str, typer.Option("--number", "-n", help="In any spelling.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="The request's number.", min=1, max=LARGEST)]
ReasonOption = Annotated[str, typer.Option("--reason", help="In words, for the record.")]


@privacy.command("request")
def privacy_request(
    number: NumberOption,
    kind: Annotated[str, typer.Option(help="access, correction, restriction or erasure.")],
    verified: Annotated[
        str, typer.Option(help="How it was seen that the number is the person's: 'called back'.")
    ],
    text: Annotated[str, typer.Option(help="What was asked for, in words.")] = "",
    received: Annotated[
        str | None, typer.Option(help="When it came, if not now: 2026-11-23T08:00.")
    ] = None,
) -> None:
    """Take down what a citizen asks for; it is due 3x24 hours after it was received."""
    from ngalam112.personal_data.requests import take_down

    settings, wanted = load_settings(), kind_of(kind)
    caller = caller_of(number, settings.country)
    if not verified.strip():
        raise NotLegal("Say how the person's identity was seen: --verified 'called back'.")
    at = past(received, settings)

    said = {"caller": caller, "number": number, "verified": verified, "text": text}
    made = with_database(
        settings,
        lambda database: take_down(database, wanted, **said, by=person(), now=at),
        "privacy request",
    )
    due = shown_time(made.due_at, ZoneInfo(settings.timezone))
    console().print(f"Request {made.id} ({made.kind}) is taken down; it is due {due}.")


@privacy.command("list")
def privacy_list(
    which: Annotated[
        str, typer.Option(help="open, overdue, all, received, in_hand, done or refused.")
    ] = "open",
    overdue: Annotated[
        bool, typer.Option("--overdue", help="What is late; exit 1 if anything is.")
    ] = False,
    number: Annotated[str | None, typer.Option("--number", "-n", help="Of one number.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The first so many.")] = 100,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List requests of citizens, what is due first at the top."""
    from reports.privacy_requests import list_requests

    settings, now = load_settings(), datetime.now(UTC)
    wanted = "overdue" if overdue else which
    caller = None if number is None else caller_of(number, settings.country)

    found = asked(settings, lambda session: list_requests(session, now, wanted, caller, limit))
    zone = ZoneInfo(settings.timezone)
    rows = [_row(one, zone) for one in found]
    shown = [_shown(one, zone, now.timestamp()) for one in found]
    names = tuple(rows[0]) if rows else ("id",)
    nothing = "Nothing is overdue." if overdue else "There are no such requests."
    write_list(rows, _LIST, fmt, names=names, shown=shown, nothing=nothing)
    if overdue and found:
        raise typer.Exit(1)


@privacy.command("show")
def privacy_show(request_id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Show one request with all its steps."""
    from reports.privacy_requests import show_request

    settings = load_settings()
    found = asked(settings, lambda session: show_request(session, request_id))
    zone = ZoneInfo(settings.timezone)
    steps = [{**msgspec.to_builtins(one), "at": iso(one.at, zone)} for one in found.steps]
    if fmt is not Format.TABLE:
        write_json({"request": _row(found.request, zone), "steps": steps})
        return
    shown = _shown(found.request, zone, time.time())
    names = ("id", "kind", "number", "state", "received", "due", "left", "taken_by", "verified")
    facts = [{"what": name.replace("_", " "), "value": shown[name]} for name in names]
    console().print(table(facts, (Column("what", "request"), Column("value", ""))))
    console().print()
    console().print(table([{**one, "at": on_screen(one["at"], zone)} for one in steps], _STEPS))


@privacy.command("take")
def privacy_take(
    request_id: Id,
    reason: Annotated[str, typer.Option("--reason", help="In words, if there are any.")] = "",
) -> None:
    """Take a request in hand."""
    _move(request_id, RequestState.IN_HAND, reason)


@privacy.command("done")
def privacy_done(request_id: Id, reason: ReasonOption) -> None:
    """Say that a request is done, and what was done; an erasure is done by `privacy erase`."""
    _move(request_id, RequestState.DONE, reason)


@privacy.command("refuse")
def privacy_refuse(request_id: Id, reason: ReasonOption) -> None:
    """Refuse a request, such as one that would expose others (UU 27/2022, article 33)."""
    _move(request_id, RequestState.REFUSED, reason)


def _move(request_id: int, state: RequestState, reason: str) -> None:
    from ngalam112.personal_data.requests import move
    from reports.privacy_requests import find_request

    settings, now = load_settings(), time.time()

    async def work(database: Database) -> Request:
        async with database.session() as session:
            check_by_hand(await find_request(session, request_id), state)
        return await move(database, request_id, state, person(), now, reason)

    made = with_database(settings, work, f"privacy {state} {request_id}")
    if made.kind is RequestKind.RESTRICTION and state is RequestState.DONE:
        _restrict(settings, made, now)
    late = f", {span(now - made.due_at)} late" if now > made.due_at else ""
    console().print(f"Request {made.id} is {made.state.replace('_', ' ')}{late}.")


def _restrict(settings: Settings, request: Request, now: float) -> None:
    """Let nothing be listed by the number any more, until somebody releases that."""
    from ngalam112.personal_data.holds import place_hold

    why = f"request {request.id}"
    made = with_database(
        settings,
        lambda one: place_hold(one, HoldKind.RESTRICTED, request.caller, why, person(), now),
    )
    console().print(
        f"Calls and incidents are not listed by {request.number} any more; calls are served as"
        f" ever. `ngalam112 privacy hold release {made.id}` takes it back.",
        soft_wrap=True,
    )


def _row(one: Request, zone: ZoneInfo) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(one)
    row.pop("caller")
    moments = ("received_at", "due_at", "closed_at")
    return row | {name: row[name] and iso(row[name], zone) for name in moments}


def _shown(one: Request, zone: ZoneInfo, now: float) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(one),
        "state": one.state.replace("_", " "),
        "received": shown_time(one.received_at, zone),
        "due": shown_time(one.due_at, zone),
        "left": left(one.due_at, one.closed_at, now),
    }
