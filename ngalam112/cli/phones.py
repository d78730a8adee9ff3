"""The commands for phones: `ngalam112 phone ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from ngalam112.cli.adding import Replace, add, remove, write_one
from ngalam112.cli.common import FormatOption, kept_database, make_group, read
from ngalam112.cli.secret_input import secret
from ngalam112.config.settings import load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

if TYPE_CHECKING:
    from models.database import Database

phones = make_group("phone", "SIP accounts that operators log in at.")

_COLUMNS = (
    Column("number", "phone"),
    Column("device", "Asterisk says"),
    Column("operator", "logged in"),
    Column("contact", "fixed contact"),
)
_NAMES = ("number", "contact", "device", "operator")


@phones.command("add")
def phone_add(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="2 to 6 digits.")],
    password_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Its first line; - is stdin. Made if not given."),
    ] = None,
    password: Annotated[str | None, typer.Option(hidden=True)] = None,
    contact: Annotated[
        str | None,
        typer.Option(help="sip:101@host:port of a phone that never registers."),
    ] = None,
    replace: Replace = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Add a phone; a password that the line makes is shown once."""
    settings = load_settings()
    given = secret("password", argument=password, file=password_file, ask=False)
    body = {"number": number, "password": given, "contact": contact, "replace": replace}

    async def offline() -> dict[str, Any]:
        from ngalam112.accounts.admin import add_phone, check_free

        check_free(number, settings.number, settings.test_number)
        async with kept_database(settings, "POST /api/phones", number) as database:
            phone = await add_phone(database, number, given, contact, replace=replace)
        return {**body, "password": phone.password, "in_effect": False}

    made = add(settings, "/api/phones", body, offline)
    made = {name: made[name] for name in ("number", "password", "contact", "in_effect")}
    if fmt is Format.TABLE:
        say = console().print
        say(f"Phone {safe(made['number'])} is added.")
        if given is None:
            say(f"Password (shown only now): {safe(made['password'])}", soft_wrap=True)
    else:
        write_one(made, fmt)


@phones.command("remove")
def phone_remove(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As it was added.")],
) -> None:
    """Remove a phone at which nobody is logged in, and which is nobody's own."""
    settings = load_settings()

    async def offline(database: Database) -> None:
        from ngalam112.accounts.admin import remove_phone

        await remove_phone(database, number)

    remove(settings, f"/api/phones/{quote(number, safe='')}", offline)
    console().print(f"Phone {safe(number)} is removed.")


@phones.command("list")
def phone_list(fmt: FormatOption = Format.TABLE) -> None:
    """List all phones, and whether they can be reached."""
    rows = read(load_settings(), "/api/phones")["phones"]
    nothing = "There are no phones yet; add one: ngalam112 phone add 101"
    write_list(rows, _COLUMNS, fmt, names=_NAMES, nothing=nothing)
