"""The commands for operators: `ngalam112 operator ...`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from ngalam112.accounts.skills import check_skills, check_weight, parse_skills
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.adding import Replace, add, remove, write_one
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, kept_database, make_group, read
from ngalam112.cli.secret_input import secret
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

if TYPE_CHECKING:
    from models.database import Database

operators = make_group("operator", "People who answer, and what they do now.")

_OPERATOR_COLUMNS = (
    Column("id", "operator"),
    Column("name", "name"),
    Column("status", "status"),
    Column("state", "does"),
    Column("text", "text"),
    Column("phone", "at phone"),
    Column("since", "since", spare=True),
    Column("calls_taken", "calls", right=True),
    Column("pause_reason", "reason"),
    Column("skills", "skills"),
    Column("weight", "weight", right=True, spare=True),
)
_OPERATOR_NAMES = (
    *("id", "name", "status", "state", "phone", "home_phone"),
    *("pause_reason", "status_since", "calls_taken", "call"),
    *("skills", "weight", "wrap_up_until", "text"),
)

Id = Annotated[str, typer.Argument(metavar="ID", help="The operator's number.")]
Skills = Annotated[
    list[str] | None,
    typer.Option("--skill", metavar="NAME=LEVEL", help="Such as police=9 or lang:jv=5; repeat it."),
]
Weight = Annotated[int | None, typer.Option(help="1 to 100; for lots that are weighted.")]


@operators.command("add")
def operator_add(
    id: Id,
    name: Annotated[str, typer.Option(help="As the reports show it.")],
    pin_file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Its first line is the PIN; - is stdin; else asked for."),
    ] = None,
    pin: Annotated[str | None, typer.Option(hidden=True)] = None,
    phone: Annotated[str | None, typer.Option(help="Their own phone, where *11 suffices.")] = None,
    skill: Skills = None,
    weight: Weight = None,
    replace: Replace = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Add an operator."""
    settings = load_settings()
    skills = parse_skills(skill) if skill else None
    given = secret("PIN", argument=pin, file=pin_file, ask=True) or ""
    body: dict[str, Any] = {
        "id": id,
        "name": name,
        "pin": given,
        "home_phone": phone,
        "replace": replace,
    }
    body |= {"skills": skills, "weight": weight}

    async def offline() -> dict[str, Any]:
        from ngalam112.accounts.admin import add_operator, load_roster
        from ngalam112.accounts.unwritten import check_owner, tell_journal
        from ngalam112.api.queries import operator_rows

        _check(settings, skills, weight)
        check_owner(settings.journal)
        async with kept_database(settings, "POST /api/operators", id) as database:
            one = await add_operator(
                database,
                id,
                name,
                given,
                phone,
                skills=skills,
                weight=weight,
                replace=replace,
                pin_digits=settings.pin_digits,
            )
            stored = next(found for found in (await load_roster(database))[0] if found.id == id)
        tell_journal(settings.journal, stored)
        return operator_rows([one], ZoneInfo(settings.timezone))[0]

    made = add(settings, "/api/operators", body, offline)
    if fmt is Format.TABLE:
        console().print(f"Operator {safe(made['id'])} ({safe(made['name'])}) is added.")
    else:
        write_one(made, fmt)


@operators.command("remove")
def operator_remove(id: Id) -> None:
    """Remove an operator who has logged out; calls and reports keep the number."""
    settings = load_settings()

    async def offline(database: Database) -> None:
        from ngalam112.accounts.admin import remove_operator

        await remove_operator(database, id)

    remove(settings, f"/api/operators/{quote(id, safe='')}", offline)
    console().print(f"Operator {safe(id)} is removed.")


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
    """Log an operator out; a talk goes on to its end, a text conversation to the next one."""
    _choose(id, "logout", {}, fmt)


@operators.command("pause")
def operator_pause(
    id: Id,
    reason: Annotated[
        str | None, typer.Option(help="One of the distribution file: break, prayer, meal...")
    ] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Give an operator no calls for now."""
    _choose(id, "pause", {"reason": reason}, fmt)


@operators.command("ready")
def operator_ready(id: Id, fmt: FormatOption = Format.TABLE) -> None:
    """Give an operator calls again; ends wrap-up early."""
    _choose(id, "ready", {}, fmt)


@operators.command("wrap-up")
def operator_wrap_up(
    id: Id,
    extend: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Let it end so much later.")
    ] = None,
    end: Annotated[bool, typer.Option("--end", help="End it now.")] = False,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Make an operator's wrap-up longer, or end it early."""
    if (extend is None) == (not end):
        raise typer.BadParameter("give either --extend SECONDS or --end")
    _choose(id, "wrap_up", {"end": True} if end else {"extend_s": extend}, fmt)


@operators.command("skills")
def operator_skills(
    id: Id,
    skill: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME=LEVEL...", help="Such as police=9 lang:jv=5."),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="No skills: every call suits.")] = False,
    weight: Weight = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Give an operator other skills (levels 1 to 9, 9 is the best), with effect at once."""
    if (none and skill) or not (none or skill or weight is not None):
        raise typer.BadParameter("give the skills like police=9, or --none, or --weight")
    settings = load_settings()
    skills = parse_skills(skill or []) if skill or none else None

    async def offline() -> dict[str, Any]:
        from ngalam112.accounts.admin import set_skills
        from ngalam112.accounts.unwritten import check_owner, tell_journal
        from ngalam112.api.queries import operator_rows

        _check(settings, skills, weight)
        check_owner(settings.journal)
        async with kept_database(settings, "POST /api/operators/{id}/skills", id) as database:
            one = await set_skills(database, id, skills, weight)
        tell_journal(settings.journal, one)
        return operator_rows([one], ZoneInfo(settings.timezone))[0]

    path = f"/api/operators/{quote(id, safe='')}/skills"
    _write(add(settings, path, {"skills": skills, "weight": weight}, offline), settings, fmt)


def _check(settings: Settings, skills: dict[str, int] | None, weight: int | None) -> None:
    """Check what the engine would check, were it up."""
    from ivr.menu import load_menu

    if skills is not None:
        check_skills(skills, load_menu(settings.menu_file).categories)
    if weight is not None:
        check_weight(weight)


def _choose(id: str, action: str, body: dict[str, Any], fmt: Format) -> None:
    settings = load_settings()
    row = Client(settings).post(f"/api/operators/{quote(id, safe='')}/{action}", body)
    _write(row, settings, fmt)


def _write(row: dict[str, Any], settings: Settings, fmt: Format) -> None:
    if fmt is Format.TABLE:
        write_list([row], _OPERATOR_COLUMNS, fmt, names=(), shown=[_shown(row, settings)])
    else:
        write_one(row, fmt)


def _shown(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    since = on_screen(row["status_since"], ZoneInfo(settings.timezone))
    away = row["status"] == "logged_out"
    skills = ", ".join(f"{name}={level}" for name, level in row["skills"].items())
    text = (row["text"] or "")[:14]  # so much of an id as `text list` shows
    state = None if away else row["state"]
    return {**row, "since": since, "state": state, "skills": skills, "text": text}
