"""The commands for phones and operators: `ngalam112 phone ...`, `ngalam112 operator ...`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import FormatOption, kept_database, make_group, read, tell
from ngalam112.cli.output import Column, Format, console, safe, write_json, write_list
from ngalam112.settings import Settings, load_settings
from ngalam112.times import on_screen

phones = make_group("phone", "SIP accounts that operators log in at.")
operators = make_group("operator", "People who answer, and what they do now.")

_PHONE_COLUMNS = (
    Column("number", "phone"),
    Column("device", "Asterisk says"),
    Column("operator", "logged in"),
    Column("contact", "fixed contact"),
)
_PHONE_NAMES = ("number", "contact", "device", "operator")
_OPERATOR_COLUMNS = (
    Column("id", "operator"),
    Column("name", "name"),
    Column("status", "status"),
    Column("state", "does"),
    Column("phone", "at phone"),
    Column("since", "since", spare=True),
    Column("calls_taken", "calls", right=True),
    Column("pause_reason", "reason"),
)
_OPERATOR_NAMES = (
    *("id", "name", "status", "state", "phone", "home_phone"),
    *("pause_reason", "status_since", "calls_taken", "call"),
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The operator's number.")]
Replace = Annotated[bool, typer.Option("--replace", help="Change one that is there already.")]


@phones.command("add")
def phone_add(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="2 to 6 digits.")],
    password: Annotated[str | None, typer.Option(help="Made if not given.")] = None,
    contact: Annotated[
        str | None,
        typer.Option(help="sip:101@host:port of a phone that never registers."),
    ] = None,
    replace: Replace = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Add a phone; its password is shown once."""
    settings = load_settings()
    body = {"number": number, "password": password, "contact": contact, "replace": replace}

    async def offline() -> dict[str, Any]:
        from ngalam112.admin import add_phone

        async with kept_database(settings) as database:
            phone = await add_phone(database, number, password, contact, replace=replace)
        return {**body, "password": phone.password, "in_effect": False}

    made = _add(settings, "/api/phones", body, offline)
    made = {name: made[name] for name in ("number", "password", "contact", "in_effect")}
    if fmt is Format.TABLE:
        say = console().print
        say(f"Phone {safe(made['number'])} is added.")
        say(f"Password (shown only now): {safe(made['password'])}", soft_wrap=True)
    else:
        _one(made, fmt)


@phones.command("list")
def phone_list(fmt: FormatOption = Format.TABLE) -> None:
    """List all phones, and whether they can be reached."""
    rows = read(load_settings(), "/api/phones")["phones"]
    nothing = "There are no phones yet; add one: ngalam112 phone add 101"
    write_list(rows, _PHONE_COLUMNS, fmt, names=_PHONE_NAMES, nothing=nothing)


@operators.command("add")
def operator_add(
    id: Id,
    name: Annotated[str, typer.Option(help="As the reports show it.")],
    pin: Annotated[
        str,
        typer.Option(help="4 to 12 digits; asked for if not given.", prompt="PIN", hide_input=True),
    ],
    phone: Annotated[str | None, typer.Option(help="Their own phone, where *11 suffices.")] = None,
    replace: Replace = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Add an operator."""
    settings = load_settings()
    body = {"id": id, "name": name, "pin": pin, "home_phone": phone, "replace": replace}

    async def offline() -> dict[str, Any]:
        from ngalam112.admin import add_operator
        from ngalam112.questions import operator_rows

        async with kept_database(settings) as database:
            one = await add_operator(database, id, name, pin, phone, replace=replace)
        return operator_rows([one], ZoneInfo(settings.timezone))[0]

    made = _add(settings, "/api/operators", body, offline)
    if fmt is Format.TABLE:
        console().print(f"Operator {safe(made['id'])} ({safe(made['name'])}) is added.")
    else:
        _one(made, fmt)


@operators.command("list")
def operator_list(fmt: FormatOption = Format.TABLE) -> None:
    """List all operators and what they do now."""
    settings = load_settings()
    rows = read(settings, "/api/operators")["operators"]
    nothing = "There are no operators yet; add one: ngalam112 operator add 1001 --name Sari"
    shown = [_shown(row, settings) for row in rows]
    write_list(rows, _OPERATOR_COLUMNS, fmt, names=_OPERATOR_NAMES, shown=shown, nothing=nothing)


@operators.command("login")
def operator_login(
    id: Id,
    phone: Annotated[str | None, typer.Option(help="Where; their own phone if not given.")] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Log an operator in, ready for calls; who sat at that phone is logged out."""
    _choose(id, "login", {"phone": phone}, fmt)


@operators.command("logout")
def operator_logout(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Log an operator out; a talk goes on to its end."""
    _choose(id, "logout", {}, fmt)


@operators.command("pause")
def operator_pause(
    id: Id,
    reason: Annotated[str | None, typer.Option(help="Shown in the list.")] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Give an operator no calls for now."""
    _choose(id, "pause", {"reason": reason}, fmt)


@operators.command("ready")
def operator_ready(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Give an operator calls again; ends wrap-up early."""
    _choose(id, "ready", {}, fmt)


def _choose(id: str, action: str, body: dict[str, Any], fmt: Format) -> None:
    settings = load_settings()
    row = Client(settings).post(f"/api/operators/{quote(id, safe='')}/{action}", body)
    if fmt is Format.TABLE:
        write_list([row], _OPERATOR_COLUMNS, fmt, names=(), shown=[_shown(row, settings)])
    else:
        _one(row, fmt)


def _one(row: dict[str, Any], fmt: Format) -> None:
    if fmt is Format.JSON:
        write_json(row)
    else:
        write_list([row], (), fmt, names=tuple(row))


def _shown(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    since = on_screen(row["status_since"], ZoneInfo(settings.timezone))
    away = row["status"] == "logged_out"
    return {**row, "since": since, "state": None if away else row["state"]}


def _add(
    settings: Settings,
    path: str,
    body: dict[str, Any],
    offline: Callable[[], Coroutine[Any, Any, dict[str, Any]]],
) -> Any:
    """Add through the engine, or, while it is down, in the database."""
    try:
        return Client(settings).post(path, body)
    except EngineDown:
        made = asyncio.run(offline())
        tell("engine is down: kept in the database, takes effect when the line starts")
        return made
