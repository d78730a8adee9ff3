"""The commands for people: `ngalam112 person ...`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer
from msgspec import UNSET, UnsetType, to_builtins

from ngalam112.accounts.people import PersonChange, Role
from ngalam112.cli.adding import write_one
from ngalam112.cli.common import FormatOption, make_group
from ngalam112.cli.people_common import Answer, listed, made, shown_times
from ngalam112.cli.secret_input import secret
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

if TYPE_CHECKING:
    from models.database import Database

people = make_group("person", "Who may use the line by a token of their own, and as what.")

_PEOPLE = ("id", "name", "role", "agency", "has_pin", "made_at", "changed_at", "ended_at")
_OF_PEOPLE = (
    Column("id", "person"),
    Column("name", "name"),
    Column("role", "role"),
    Column("agency", "agency"),
    Column("ended_at", "ended"),
)

Id = Annotated[str, typer.Argument(metavar="ID", help="A word, or an operator's number.")]

AgencyOption = Annotated[
    str | None, typer.Option(help="The id of the agency they work for, with the role agency.")
]


@people.command("add")
def person_add(
    id: Id,
    name: Annotated[str, typer.Option(help="As people call them.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    agency: AgencyOption = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Add a person, who can do nothing before they get a token."""
    from ngalam112.accounts.people_rows import add_person

    settings = load_settings()
    body = {"id": id, "name": name, "role": role.value}
    if agency is not None:
        body["agency"] = agency

    async def offline(database: Database) -> Answer:
        kept = await add_person(database, id, name, role, time.time(), agency)
        return _person(kept, id, settings)

    row = made(
        settings, ("POST /api/people", id), lambda one: one.post("/api/people", body), offline
    )
    _tell_person(row, "is added", fmt)


@people.command("list")
def person_list(fmt: FormatOption = Format.TABLE) -> None:
    """List the people, those too who have ended."""
    settings = load_settings()
    rows = listed(settings, "people")
    shown = [shown_times(one, settings, "ended_at") for one in rows]
    nothing = "There are no people yet; the line's own user needs none: ngalam112 person add"
    write_list(rows, _OF_PEOPLE, fmt, names=_PEOPLE, shown=shown, nothing=nothing)


@people.command("set")
def person_set(
    id: Id,
    name: Annotated[str | None, typer.Option(help="As people call them.")] = None,
    role: Annotated[Role | None, typer.Option(help="What they may do.")] = None,
    agency: AgencyOption = None,
    back: Annotated[bool, typer.Option("--back", help="Bring one back who has ended.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Ask for a PIN: they listen by *19.")] = False,
    pin_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where the PIN is; - is standard input.")
    ] = None,
    no_pin: Annotated[bool, typer.Option("--no-pin", help="Take the PIN away.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Change a person, with effect from the next request on; what is not given stays."""
    asked = pin or pin_file is not None
    if name is None and role is None and agency is None and not (back or asked or no_pin):
        raise typer.BadParameter("say what to change, such as --role supervisor")
    change = PersonChange(
        name=UNSET if name is None else name,
        role=UNSET if role is None else role,
        agency=UNSET if agency is None else agency,
        ended=False if back else UNSET,
        pin=secret("PIN", argument=None, file=pin_file, ask=pin) if asked else _no_pin(no_pin),
    )
    _tell_person(_change(id, change), "is kept", fmt)


def _no_pin(wanted: bool) -> UnsetType | None:
    return None if wanted else UNSET


@people.command("end")
def person_end(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Let a person do nothing any more: none of their tokens counts from now on."""
    _tell_person(_change(id, PersonChange(ended=True)), "has ended", fmt)


def _change(id: str, change: PersonChange) -> Answer:
    from ngalam112.accounts.people_rows import change_person

    settings, path = load_settings(), f"/api/people/{quote(id, safe='', errors='replace')}"

    async def offline(database: Database) -> Answer:
        return _person(
            await change_person(database, id, change, time.time(), settings.pin_digits),
            id,
            settings,
        )

    body, what = to_builtins(change), ("PUT /api/people/{id}", id)
    return made(settings, what, lambda one: one.put(path, body), offline)


def _person(kept: Any, id: str, settings: Settings) -> Answer:
    from ngalam112.api.people_shown import shown_people

    return shown_people([kept.by_id()[id]], ZoneInfo(settings.timezone))[0]


def _tell_person(row: Answer, what: str, fmt: Format) -> None:
    if fmt is not Format.TABLE:
        write_one(row, fmt)
        return
    console().print(safe(f"Person {row['id']} ({row['name']}, {row['role']}) {what}."))
