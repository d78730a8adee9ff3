"""The commands for recordings of calls: `ngalam112 recordings ...`.

They read the database and the files themselves, beside a running engine or without one.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import msgspec
import typer

from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, FromOption, ToOption, make_group
from ngalam112.cli.export import written_bytes
from ngalam112.cli.person import person
from ngalam112.cli.privacy_common import asked, iso, shown_time, with_database
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from models.database import Database
    from ngalam112.cli.recording_files import Found
    from ngalam112.recordings.verifying import Verifying
    from privacy.holds import Hold
    from reports.recordings import Recorded

recordings = make_group("recordings", "Recordings of calls: list, play, export, verify, purge.")

Call = Annotated[str, typer.Argument(metavar="CALL", help="The call's id, or its begin.")]

_COLUMNS = (
    Column("call", "call"),
    Column("arrived", "arrived"),
    Column("seconds", "s", right=True),
    Column("missing", "missing s", right=True),
    Column("state", "state"),
    Column("why", "because", spare=True),
    Column("path", "file", spare=True),
)
_SHOWN_ID = 14


@recordings.command("keep")
def recordings_keep() -> None:
    """File recordings as calls end, until SIGTERM: for a service of its own."""
    from ngalam112.process.recordings_keeper import keep_recordings

    settings = load_settings()
    if settings.recordings == "off":
        console().print("Calls are not recorded: NGALAM112_RECORDINGS is off.")
        raise typer.Exit
    raise typer.Exit(keep_recordings(settings))


@recordings.command("list")
def recordings_list(
    begin: FromOption = None,
    end: ToOption = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 50,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the recordings of calls that arrived in a time, and those that grow now."""
    from ngalam112.api.asked import period_of
    from ngalam112.recordings.playing import growing_now
    from reports.recordings import Recorded, list_recordings

    settings = load_settings()
    since, until = period_of(begin, end, settings)
    zone = ZoneInfo(settings.timezone)
    found = asked(settings, lambda session: list_recordings(session, since, until, limit))
    rows = [msgspec.to_builtins(one) for one in found]
    shown = [_shown(one, zone) for one in found]
    for row in rows:
        row |= {name: iso(row[name], zone) for name in ("arrived_at", "ended_at", "filed_at")}
    names = Recorded.__struct_fields__
    write_list(rows, _COLUMNS, fmt, names=names, shown=shown, nothing="There are none.")
    folder = settings.growing_recordings
    count = sum(1 for _ in growing_now(folder)) if folder.is_dir() else 0
    if fmt is Format.TABLE and count:
        console().print(f"{count} more grow now, or wait to be filed.")


def _shown(one: Recorded, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "call": (one.call_id or one.asterisk_id)[:_SHOWN_ID],
        "arrived": shown_time(one.arrived_at, zone),
        "seconds": f"{one.duration_ms / 1000:.1f}",
        "missing": f"{one.missing_ms / 1000:.1f}",
        "state": one.state,
        "why": one.gone_because,
        "path": one.path,
    }


@recordings.command("play")
def recordings_play(call: Call) -> None:
    """Play a recording, also while it grows; into a pipe it is written as WAV."""
    from ngalam112.cli.recording_files import opened, play_or_write

    settings = load_settings()
    found = _looked_at(settings, call, "recordings play")
    play_or_write(opened(settings, found, follow=True))


@recordings.command("export")
def recordings_export(
    call: Call,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; or a folder.")
    ] = None,
) -> None:
    """Write a recording as one WAV file; the access trail says who has it.

    One that is filed must be as it was filed. Of one that grows it is what there is so far.
    """
    from ngalam112.cli.recording_files import opened

    settings = load_settings()
    found = _looked_at(settings, call, "recordings export")
    name = f"{found.name}.wav"
    path = Path(name) if output is None else output / name if output.is_dir() else output
    with written_bytes(path) as file:
        for some in opened(settings, found, follow=False):
            file.write(some)
    state = "so far; it grows, and has no SHA-256 yet" if found.row is None else found.row.sha256
    console().print(safe(f"Written: {path} ({state})"), soft_wrap=True)


def _looked_at(settings: Settings, call: str, command: str) -> Found:
    """Find a recording, and write down who is to hear it; without that nobody does."""
    from ngalam112.cli.recording_files import find
    from ngalam112.personal_data.trail import write_look
    from privacy.trail import Looked

    async def work(database: Database) -> Found:
        found = await find(settings, database, call)
        target = found.call_id or found.asterisk_id
        await write_look(database, person(), Looked.CALL, target[:64], command, time.time())
        return found

    return with_database(settings, work)


@recordings.command("verify")
def recordings_verify(
    known: Annotated[
        str | None, typer.Option(help="A link that was noted elsewhere: it must be in the chain.")
    ] = None,
) -> None:
    """Check the chain and each file; what disagrees is named, and the exit code is 1.

    Whoever may change the database can write a new chain. Note the last link elsewhere, such as on
    paper each day, and give it by --known.
    """
    from ngalam112.recordings.verifying import Verifying

    settings = load_settings()
    check = Verifying(settings.recordings_home, known)
    wrong = asked(settings, lambda session: _problems(check, session))
    for one in wrong:
        console().print(safe(one), soft_wrap=True)
    said = f"{check.rows} recordings, {check.files} files read, the last link is {check.last}."
    console().print(said, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


async def _problems(check: Verifying, session: AsyncSession) -> list[str]:
    return [one async for one in check.problems(session)]


@recordings.command("purge")
def recordings_purge(
    apply: Annotated[
        bool,
        typer.Option("--apply/--dry-run", help="Do it; without it is only said what would go."),
    ] = False,
) -> None:
    """Remove the files of recordings that are older than [retention] recordings says.

    What is on legal hold stays, and what belongs to an incident that is not over. The rows stay,
    for each vouches for those before it. `ngalam112 privacy purge` does the same among all else.
    """
    from acd.config_file import load_distribution
    from ngalam112.personal_data.recordings import purge_recordings
    from ngalam112.recordings.removing import remove_files

    settings = load_settings()
    days = load_distribution(settings.distribution_file).retention.recordings.personal
    if days is None:
        console().print("[retention] recordings keeps them for ever.")
        return

    async def work(database: Database) -> tuple[int, dict[str, int]]:
        found = await purge_recordings(
            database, days, now=time.time(), country=settings.country, writes=apply
        )
        if apply:
            await remove_files(database, settings.recordings_home)
        return found

    count, stay = with_database(settings, work, "recordings purge" if apply else "")
    console().print(f"{count} recordings are older than {days} days.")
    for why, some in stay.items():
        console().print(safe(f"{some} more stay: {why}."), soft_wrap=True)
    console().print("Done." if apply else "Nothing was changed; with --apply it is.")


Operator = Annotated[str, typer.Argument(metavar="OPERATOR", help="Who talks.")]


@recordings.command("pause")
def recordings_pause(operator: Operator) -> None:
    """Let silence stand in the recording of a talk; as `*7` at the operator's phone."""
    _record(operator, on=False)


@recordings.command("resume")
def recordings_resume(operator: Operator) -> None:
    """Let the recording of a talk go on; as `*8` at the operator's phone."""
    _record(operator, on=True)


def _record(operator: str, *, on: bool) -> None:
    path = f"/api/operators/{quote(operator, safe='')}/recording"
    row = Client(load_settings()).post(path, {"on": on, "by": person()[:64]})
    said = "is recorded again" if row["recorded"] else "is not recorded"
    console().print(safe(f"What is said in the talk of operator {row['operator']} {said}."))


@recordings.command("hold")
def recordings_hold(
    call: Call,
    reason: Annotated[str, typer.Option("--reason", help="Why, such as the court's file number.")],
) -> None:
    """Keep a call with its recording; as `ngalam112 privacy hold add`, which ends holds too."""
    from ngalam112.personal_data.holds import place_hold
    from privacy.holds import HoldKind
    from reports.calls import show_call

    settings = load_settings()

    async def work(database: Database) -> Hold:
        async with database.session() as session:
            record = (await show_call(session, call)).record
        return await place_hold(
            database, HoldKind.CALL, record.call_id, reason, person(), time.time()
        )

    made = with_database(settings, work, "recordings hold")
    console().print(safe(f"Hold {made.id} is placed on {made.kind} {made.target}."))
