"""The commands for people's tokens: `ngalam112 token ...`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from ngalam112.accounts.people import MOST_DAYS, USUAL_DAYS
from ngalam112.cli.adding import write_one
from ngalam112.cli.common import FormatOption, make_group, tell
from ngalam112.cli.people_common import Answer, listed, made, shown_times
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

if TYPE_CHECKING:
    from models.database import Database

tokens = make_group("token", "What people show to the API and the command line.")

_TOKENS = ("id", "person", "state", "note", "made_at", "expires_at", "revoked_at", "used_at")
_OF_TOKENS = (
    Column("id", "token"),
    Column("person", "person"),
    Column("state", "state"),
    Column("expires_at", "expires"),
    Column("used_at", "last used"),
    Column("note", "for", spare=True),
)


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

    token = made(
        settings, ("POST /api/tokens", person), lambda one: one.post("/api/tokens", body), offline
    )
    if fmt is not Format.TABLE:
        write_one({**token["token"], "secret": token["secret"]}, fmt)
        return
    row = shown_times(token["token"], settings, "expires_at")
    tell(f"token {row['id']} of {row['person']} is valid until {row['expires_at']}; its secret:")
    console().print(safe(token["secret"]), soft_wrap=True)


@tokens.command("list")
def token_list(
    person: Annotated[str | None, typer.Option(help="Those of one person.")] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the tokens, until a month after their ends; no secret is kept."""
    settings = load_settings()
    rows = [one for one in listed(settings, "tokens") if person in (None, one["person"])]
    shown = [shown_times(one, settings, "expires_at", "used_at") for one in rows]
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

    row = made(settings, ("DELETE /api/tokens/{id}", id), lambda one: one.delete(path), offline)
    if fmt is not Format.TABLE:
        write_one(row, fmt)
    else:
        console().print(f"Token {safe(row['id'])} of {safe(row['person'])} is revoked.")
