"""The commands for people of an agency: `ngalam112 desk ...`, by a token with the role agency."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, make_group
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, write_json, write_list

desk = make_group("desk", "What an agency is told of, for its own people; they need a token.")

_PATH = "/api/desk/dispatches"
_NAMES = (
    *("id", "incident", "standing", "state", "incident_state", "created_at", "due_at"),
    *("category_name", "place", "description"),
)
_COLUMNS = (
    Column("id", "dispatch"),
    Column("incident", "incident"),
    Column("standing", "standing"),
    Column("created_at", "told"),
    Column("category_name", "what"),
    Column("place", "where"),
)
_OF_REPORT = ("category_name", "place", "description")

Id = Annotated[str, typer.Argument(metavar="DISPATCH", help="Its id, as `desk list` has it.")]


@desk.command("list")
def desk_list(fmt: FormatOption = Format.TABLE) -> None:
    """List what your agency was told of and is not over, the oldest first."""
    settings = load_settings()
    found = Client(settings).get(_PATH)["dispatches"]
    zone = ZoneInfo(settings.timezone)
    rows = [one | {name: (one["report"] or {}).get(name) for name in _OF_REPORT} for one in found]
    shown = [one | {"created_at": on_screen(one["created_at"], zone)} for one in rows]
    given = found if fmt is Format.JSON else rows
    nothing = "Your agency has nothing to do now."
    write_list(given, _COLUMNS, fmt, names=_NAMES, shown=shown, nothing=nothing)


@desk.command("show")
def desk_show(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Show one with what your agency was told."""
    _show(Client(load_settings()).get(f"{_PATH}/{_quoted(id)}")["dispatch"], fmt)


@desk.command("accept")
def desk_accept(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Accept: your agency takes it."""
    _post(id, "accept", fmt)


@desk.command("decline")
def desk_decline(
    id: Id,
    reason: Annotated[str, typer.Option(help="Why; the supervisor reads it.")] = "",
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Decline: the next agency of the chain is told."""
    _post(id, "decline", fmt, reason=reason)


@desk.command("on-scene")
def desk_on_scene(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Say that your agency has arrived."""
    _post(id, "on_scene", fmt)


@desk.command("resolve")
def desk_resolve(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Say that your agency has done its part."""
    _post(id, "resolve", fmt)


@desk.command("note")
def desk_note(
    id: Id,
    text: Annotated[str, typer.Argument(help="For the incident's timeline.")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Write something into the incident's timeline."""
    _post(id, "note", fmt, text=text)


def _post(id: str, what: str, fmt: Format, **body: str) -> None:
    _show(Client(load_settings()).post(f"{_PATH}/{_quoted(id)}/{what}", body)["dispatch"], fmt)


def _show(one: dict[str, Any], fmt: Format) -> None:
    if fmt is Format.JSON:
        write_json(one)
        return
    report = one["report"] or {}
    facts = {name: one[name] for name in ("id", "incident", "standing", "incident_state")}
    facts["may do"] = ", ".join(one["actions"])
    facts |= {name: value for name, value in report.items() if name not in _ASIDE}
    rows = [{"fact": name, "is": _said(value)} for name, value in facts.items()]
    if fmt is Format.CSV:
        write_list(rows, (), fmt, names=("fact", "is"))
        return
    for row in rows:
        console().print(f"{safe(row['fact'])}: {safe(row['is'])}", soft_wrap=True)


_ASIDE = ("dispatch", "incident", "agency")
"""Fields of a report that stand above it already."""


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {said}" for name, said in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _quoted(id: str) -> str:
    return quote(id, safe="", errors="replace")
