"""The command `ngalam112 privacy erase`: nobody is to be found by a number any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ngalam112.cli.person import person
from ngalam112.cli.privacy import NumberOption
from ngalam112.cli.privacy_common import LARGEST, asked, with_database
from ngalam112.cli.privacy_engine import let_go, remove_place
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, console, table
from privacy.errors import NotLegal
from privacy.requests import Request, RequestKind, RequestState, caller_of

if TYPE_CHECKING:
    from models.database import Database
    from ngalam112.personal_data.erasing import Outcome

_LEFT = (Column("what", "left as it is"), Column("name", "which"), Column("why", "why"))
_PLACE = "registered place"


def privacy_erase(
    number: NumberOption,
    request: Annotated[int, typer.Option(help="The request for erasure.", min=1, max=LARGEST)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be erased.")
    ] = False,
) -> None:
    """Take a number, its names, places and texts out of all records; statistics stay the same.

    What lives or is on legal hold is not erased: it is named, the request stays open, and the exit
    code is 1. Give the command again later.
    """
    settings, now = load_settings(), time.time()
    caller = caller_of(number, settings.country)
    _check(settings, request, caller, dry_run)
    if dry_run:
        made = with_database(settings, lambda one: _look(one, settings, caller, request, now))
        _say(made, "would be erased")
    else:
        made = with_database(settings, lambda one: _erase(one, settings, caller, request, now))
        if made.has_place and not _is_held(made):
            remove_place(settings, number)
        with_database(settings, lambda one: _close(one, request, made))
        _say(made, "erased")
    if not made.is_whole:
        raise typer.Exit(1)


def _check(settings: Settings, request_id: int, caller: str, dry_run: bool) -> None:
    """Raise NotLegal unless the request asks for this and is open; it is in hand from now on."""
    from ngalam112.personal_data.requests import move
    from reports.privacy_requests import find_request

    found = asked(settings, lambda session: find_request(session, request_id))
    if found.kind is not RequestKind.ERASURE or found.caller != caller:
        raise NotLegal(f"Request {request_id} does not ask for the erasure of this number.")
    if found.state.is_over:
        raise NotLegal(f"Request {request_id} is {found.state} already; take down a new one.")
    if found.state is RequestState.RECEIVED and not dry_run:
        by, state = person(), RequestState.IN_HAND
        with_database(settings, lambda one: move(one, request_id, state, by, time.time()))


async def _look(
    database: Database, settings: Settings, caller: str, request: int, now: float
) -> Outcome:
    from ngalam112.personal_data.erasing import look

    why = f"request {request}"
    return await look(database, caller, why=why, by=person(), now=now, country=settings.country)


async def _erase(
    database: Database, settings: Settings, caller: str, request: int, now: float
) -> Outcome:
    from ngalam112.personal_data.erasing import erase
    from ngalam112.personal_data.trail import write_look
    from ngalam112.recordings.removing import remove_files
    from privacy.trail import Looked

    await write_look(database, person(), Looked.NUMBER, caller, "privacy erase", now)
    made = await erase(
        database,
        caller,
        let_go=lambda calls, incidents: let_go(settings, calls, incidents),
        why=f"request {request}",
        by=person(),
        now=now,
        country=settings.country,
    )
    await remove_files(database, settings.recordings_home)
    return made


async def _close(database: Database, request_id: int, made: Outcome) -> Request:
    """Write down what was done; the request is done once nothing is left."""
    from ngalam112.personal_data.requests import move, note

    said, now = _counted(made), time.time()
    if made.is_whole:
        kept = ", ".join(made.texts_kept)
        more = f"; texts of {kept} stay, others have told of them" if kept else ""
        return await move(database, request_id, RequestState.DONE, person(), now, said + more)
    left = f"{said}; {len(made.left)} records are left"
    return await note(database, request_id, "erased", person(), now, left)


def _counted(made: Outcome) -> str:
    counts = {**made.erased, **({_PLACE: 1} if made.has_place and not _is_held(made) else {})}
    said = (
        f"{count} {what.removesuffix('s') if count == 1 else what}"
        for what, count in counts.items()
        if count
    )
    return ", ".join(said) or "nothing"


def _is_held(made: Outcome) -> bool:
    return any(one.what == _PLACE for one in made.left)


def _say(made: Outcome, done: str) -> None:
    say = console().print
    said = _counted(made)
    say(f"{said[0].upper()}{said[1:]}: {done}.", soft_wrap=True)
    if made.texts_kept:
        which = ", ".join(made.texts_kept)
        say(
            f"The texts of {which} stay, for others have told of them too: look whether they name "
            "the person (ngalam112 incident show).",
            soft_wrap=True,
        )
    if made.left:
        rows: list[dict[str, Any]] = [
            {"what": one.what, "name": one.name, "why": one.why} for one in made.left
        ]
        say()
        say(table(rows, _LEFT))
