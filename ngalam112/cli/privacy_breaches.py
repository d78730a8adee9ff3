"""The commands for breaches of personal data: `ngalam112 privacy breach ...`."""

from __future__ import annotations

import time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer

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
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, table, write_json, write_list
from privacy.breaches import Breach, Told
from privacy.errors import NotKnown, NotLegal

breaches = make_group("breach", "Breaches of personal data, and who was told of them by when.")

_COLUMNS = (
    Column("id", "breach", right=True),
    Column("what", "what"),
    Column("found", "found"),
    Column("due", "to be told by"),
    Column("left", "left"),
    Column("subjects", "people told"),
    Column("authority", "authority told"),
)
_STEPS = (
    Column("at", "time"),
    Column("kind", "step"),
    Column("by", "by"),
    Column("text", "words"),
)
_MOMENTS = ("found_at", "due_at", "subjects_told_at", "authority_told_at", "closed_at")

Id = Annotated[int, typer.Argument(metavar="ID", help="The breach's number.", min=1, max=LARGEST)]
AtOption = Annotated[
    str | None, typer.Option("--at", help="When, if not now: today, 2026-11-23T08:00.")
]


@breaches.command("add")
def breach_add(
    what: Annotated[str, typer.Argument(help="Which data, when, and how it came to be.")],
    people: Annotated[int | None, typer.Option(min=0, help="How many are concerned.")] = None,
    at: AtOption = None,
) -> None:
    """Write a breach down; people and the authority are to be told within 3x24 hours."""
    from ngalam112.personal_data.breaches import add_breach

    if not what.strip():
        raise NotLegal("Say what has happened: which data, when, and how.")
    settings, now = load_settings(), time.time()
    found_at = past(at, settings)
    made = with_database(
        settings,
        lambda one: add_breach(one, what, found_at=found_at, people=people, by=person(), now=now),
        "privacy breach add",
    )
    due = shown_time(made.due_at, ZoneInfo(settings.timezone))
    console().print(f"Breach {made.id} is written down; all are to be told by {due}.")


@breaches.command("list")
def breach_list(
    all_of_them: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="What is late; exit 1 if anything is.")
    ] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List breaches, what is due first at the top."""
    from reports.privacy_breaches import list_breaches

    settings, now = load_settings(), time.time()
    found = asked(settings, lambda session: list_breaches(session, all_of_them=all_of_them))
    if overdue:
        found = [one for one in found if one.is_overdue(now)]
    zone = ZoneInfo(settings.timezone)
    nothing = "Nothing is overdue." if overdue else "There are no such breaches."
    write_list(
        [_row(one, zone) for one in found],
        _COLUMNS,
        fmt,
        names=Breach.__struct_fields__,
        shown=[_shown(one, zone, now) for one in found],
        nothing=nothing,
    )
    if overdue and found:
        raise typer.Exit(1)


@breaches.command("show")
def breach_show(breach_id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Show one breach with all its steps."""
    from reports.privacy_breaches import show_breach

    settings = load_settings()
    found = asked(settings, lambda session: show_breach(session, breach_id))
    zone = ZoneInfo(settings.timezone)
    steps = [{**msgspec.to_builtins(one), "at": iso(one.at, zone)} for one in found.steps]
    if fmt is not Format.TABLE:
        write_json({"breach": _row(found.breach, zone), "steps": steps})
        return
    shown = _shown(found.breach, zone, time.time())
    words = {column.name: column.title for column in _COLUMNS}
    names = ("id", "what", "people", "found", "due", "left", "subjects", "authority", "closed")
    facts = [{"what": words.get(name, name), "value": shown[name]} for name in names]
    console().print(table(facts, (Column("what", "breach"), Column("value", ""))))
    console().print()
    timed = [
        {**one, "at": shown_time(step.at, zone)}
        for one, step in zip(steps, found.steps, strict=True)
    ]
    console().print(table(timed, _STEPS))


@breaches.command("notify")
def breach_notify(
    breach_id: Id,
    whom: Annotated[str, typer.Option(help="subjects (the people concerned) or authority.")],
    how: Annotated[str, typer.Option(help="How they were told: 'letter 12/2026, SMS'.")],
    at: AtOption = None,
) -> None:
    """Write down that the people concerned, or the authority, were told; the line tells nobody."""
    from ngalam112.personal_data.breaches import tell

    if whom not in set(Told):
        raise NotKnown(f"There is nobody called {whom[:32]!r} to tell; subjects or authority.")
    settings, now = load_settings(), time.time()
    told_at = past(at, settings)
    made = with_database(
        settings,
        lambda one: tell(one, breach_id, Told(whom), how, told_at=told_at, by=person(), now=now),
        f"privacy breach notify {breach_id}",
    )
    late = f", {span(told_at - made.due_at)} late" if told_at > made.due_at else ""
    untold = f" Still to be told: {', '.join(made.untold)}." if made.untold else ""
    console().print(f"Breach {made.id}: told the {whom}{late}.{untold}", soft_wrap=True)


@breaches.command("close")
def breach_close(
    breach_id: Id,
    reason: Annotated[str, typer.Option("--reason", help="What was done about it.")],
) -> None:
    """Close a breach."""
    from ngalam112.personal_data.breaches import close

    made = with_database(
        load_settings(),
        lambda one: close(one, breach_id, reason, by=person(), now=time.time()),
        f"privacy breach close {breach_id}",
    )
    more = f" Not told: {', '.join(made.untold)}." if made.untold else ""
    console().print(f"Breach {made.id} is closed.{more}")


def _row(one: Breach, zone: ZoneInfo) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(one)
    return row | {name: row[name] and iso(row[name], zone) for name in _MOMENTS}


def _shown(one: Breach, zone: ZoneInfo, now: float) -> dict[str, Any]:
    told = {
        whom.value: "no" if at is None else shown_time(at, zone)
        for whom in Told
        for at in (one.told_at(whom),)
    }
    is_done = one.closed_at is not None or not one.untold
    return {
        **msgspec.to_builtins(one),
        **told,
        "found": shown_time(one.found_at, zone),
        "due": shown_time(one.due_at, zone),
        "left": left(one.due_at, one.due_at if is_done else None, now),
        "closed": "" if one.closed_at is None else shown_time(one.closed_at, zone),
    }
