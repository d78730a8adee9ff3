"""The commands for people and their tokens: `ngalam112 person ...`, `ngalam112 token ...`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer
from msgspec import UNSET, to_builtins

from ngalam112.accounts.people import MOST_DAYS, USUAL_DAYS, PersonChange, Role
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.adding import write_one
from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import FormatOption, kept_database, make_group, tell
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

if TYPE_CHECKING:
    from models.database import Database

people = make_group("person", "Who may use the line by a token of their own, and as what.")
tokens = make_group("token", "What people show to the API and the command line.")

_PEOPLE = ("id", "name", "role", "has_pin", "made_at", "changed_at", "ended_at")
_TOKENS = ("id", "person", "state", "note", "made_at", "expires_at", "revoked_at", "used_at")
_OF_PEOPLE = (
    Column("id", "person"),
    Column("name", "name"),
    Column("role", "role"),
    Column("ended_at", "ended"),
)
_OF_TOKENS = (
    Column("id", "token"),
    Column("person", "person"),
    Column("state", "state"),
    Column("expires_at", "expires"),
    Column("used_at", "last used"),
    Column("note", "for", spare=True),
)

Id = Annotated[str, typer.Argument(metavar="ID", help="A word, or an operator's number.")]
Answer = dict[str, Any]


@people.command("add")
def person_add(
    id: Id,
    name: Annotated[str, typer.Option(help="As people call them.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Add a person, who can do nothing before they get a token."""
    from ngalam112.accounts.people_rows import add_person

    settings, body = load_settings(), {"id": id, "name": name, "role": role.value}

    async def offline(database: Database) -> Answer:
        return _person(await add_person(database, id, name, role, time.time()), id, settings)

    row = _made(
        settings, ("POST /api/people", id), lambda one: one.post("/api/people", body), offline
    )
    _tell_person(row, "is added", fmt)


@people.command("list")
def person_list(fmt: FormatOption = Format.TABLE) -> None:
    """List the people, those too who have ended."""
    settings = load_settings()
    rows = _listed(settings, "people")
    shown = [_on_screen(one, settings, "ended_at") for one in rows]
    nothing = "There are no people yet; the line's own user needs none: ngalam112 person add"
    write_list(rows, _OF_PEOPLE, fmt, names=_PEOPLE, shown=shown, nothing=nothing)


@people.command("set")
def person_set(
    id: Id,
    name: Annotated[str | None, typer.Option(help="As people call them.")] = None,
    role: Annotated[Role | None, typer.Option(help="What they may do.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Bring one back who has ended.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Change a person, with effect from the next request on; what is not given stays."""
    if name is None and role is None and not back:
        raise typer.BadParameter("say what to change, such as --role supervisor")
    change = PersonChange(
        name=UNSET if name is None else name,
        role=UNSET if role is None else role,
        ended=False if back else UNSET,
    )
    _tell_person(_change(id, change), "is kept", fmt)


@people.command("end")
def person_end(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Let a person do nothing any more: none of their tokens counts from now on."""
    _tell_person(_change(id, PersonChange(ended=True)), "has ended", fmt)


@tokens.command("create")
def token_create(
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Whose it is to be.")],
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long.")] = USUAL_DAYS,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Make a token and write its secret, once: only a digest is kept."""
    from ngalam112.accounts.people_rows import add_token
    from ngalam112.api.people_shown import shown_tokens

    settings, body = load_settings(), {"person": person, "days": days, "note": note}

    async def offline(database: Database) -> Answer:
        now = time.time()
        _, token, secret = await add_token(database, person, days, note, now)
        row = shown_tokens([token], ZoneInfo(settings.timezone), now)[0]
        return {"token": row, "secret": secret}

    made = _made(
        settings, ("POST /api/tokens", person), lambda one: one.post("/api/tokens", body), offline
    )
    if fmt is not Format.TABLE:
        write_one({**made["token"], "secret": made["secret"]}, fmt)
        return
    row = _on_screen(made["token"], settings, "expires_at")
    tell(f"token {row['id']} of {row['person']} is valid until {row['expires_at']}; its secret:")
    console().print(safe(made["secret"]), soft_wrap=True)


@tokens.command("list")
def token_list(
    person: Annotated[str | None, typer.Option(help="Those of one person.")] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the tokens, until a month after their ends; no secret is kept."""
    settings = load_settings()
    rows = [one for one in _listed(settings, "tokens") if person in (None, one["person"])]
    shown = [_on_screen(one, settings, "expires_at", "used_at") for one in rows]
    write_list(rows, _OF_TOKENS, fmt, names=_TOKENS, shown=shown, nothing="There are no tokens.")


@tokens.command("revoke")
def token_revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` has it.")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Revoke a token: it does not count from the next request on."""
    from ngalam112.accounts.people_rows import revoke_token
    from ngalam112.api.people_shown import shown_tokens

    settings, path = load_settings(), f"/api/tokens/{quote(id, safe='', errors='replace')}"

    async def offline(database: Database) -> Answer:
        now = time.time()
        kept = await revoke_token(database, id, now)
        found = [one for one in kept.tokens if one.id == id]
        return shown_tokens(found, ZoneInfo(settings.timezone), now)[0]

    row = _made(settings, ("DELETE /api/tokens/{id}", id), lambda one: one.delete(path), offline)
    if fmt is not Format.TABLE:
        write_one(row, fmt)
    else:
        console().print(f"Token {safe(row['id'])} of {safe(row['person'])} is revoked.")


def _change(id: str, change: PersonChange) -> Answer:
    from ngalam112.accounts.people_rows import change_person

    settings, path = load_settings(), f"/api/people/{quote(id, safe='', errors='replace')}"

    async def offline(database: Database) -> Answer:
        return _person(await change_person(database, id, change, time.time()), id, settings)

    body, what = to_builtins(change), ("PUT /api/people/{id}", id)
    return _made(settings, what, lambda one: one.put(path, body), offline)


def _made(
    settings: Settings,
    command: tuple[str, str],
    ask: Callable[[Client], Any],
    offline: Callable[[Database], Coroutine[Any, Any, Answer]],
) -> Answer:
    """Have it done by the engine, or, while it is down, in the database.

    `command`: what the audit says then, and of what.
    """

    async def in_database() -> Answer:
        async with kept_database(settings, *command) as database:
            return await offline(database)

    try:
        answer: Answer = ask(Client(settings))
    except EngineDown:
        answer = asyncio.run(in_database())
        tell("engine is down: kept in the database, takes effect when the line starts")
    return answer


def _listed(settings: Settings, what: str) -> list[Answer]:
    """All people, or all tokens."""
    from ngalam112.accounts.people_rows import load_people
    from ngalam112.api.people_shown import shown_people, shown_tokens
    from ngalam112.api.queries import open_stored

    async def in_database() -> list[Answer]:
        zone = ZoneInfo(settings.timezone)
        async with open_stored(settings, read_only=True) as database:
            kept = await load_people(database)
        if what == "people":
            return shown_people(kept.people, zone)
        return shown_tokens(kept.tokens, zone, time.time())

    try:
        rows: list[Answer] = Client(settings).get(f"/api/{what}")[what]
    except EngineDown:
        rows = asyncio.run(in_database())
        tell("engine is down: read from the database")
    return rows


def _person(kept: Any, id: str, settings: Settings) -> Answer:
    from ngalam112.api.people_shown import shown_people

    return shown_people([kept.by_id()[id]], ZoneInfo(settings.timezone))[0]


def _on_screen(row: Answer, settings: Settings, *names: str) -> Answer:
    zone = ZoneInfo(settings.timezone)
    return row | {name: on_screen(row[name], zone) for name in names if row[name] is not None}


def _tell_person(row: Answer, what: str, fmt: Format) -> None:
    if fmt is not Format.TABLE:
        write_one(row, fmt)
        return
    console().print(safe(f"Person {row['id']} ({row['name']}, {row['role']}) {what}."))
