"""The commands for known big incidents: `ngalam112 notice set|list|clear`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import typer

from acd.queueing.notices import ALL
from ngalam112.api.time_ranges import on_screen
from ngalam112.cli.adding import write_one
from ngalam112.cli.client import Client
from ngalam112.cli.common import FormatOption, make_group
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list

notices = make_group("notice", "What callers are told of a known big incident.")

_COLUMNS = (
    Column("category", "category"),
    Column("until", "until"),
    Column("languages", "heard in"),
    Column("words", "words"),
    Column("id", "id", spare=True),
)
_NAMES = ("id", "category", "from", "until", "seconds", "words")


def _by_language(given: list[str] | None, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given or []:
        language, is_there, rest = one.partition("=")
        if not is_there or language in found:
            raise typer.BadParameter(f"give {option} like id=..., each language once")
        found[language] = rest
    return found


@notices.command("set")
def notice_set(
    minutes: Annotated[float, typer.Option(help="For so long; then it ends by itself.")],
    text: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=WORDS", help="Spoken words, such as id=...; repeat it."),
    ] = None,
    recording: Annotated[
        list[str] | None,
        typer.Option(metavar="LANGUAGE=FILE", help="A recording (WAV) instead; repeat it."),
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Of the calls that hear it; all if not given.")
    ] = None,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Tell callers of a known big incident while they wait; replaces one for the same category."""
    recordings = _by_language(recording, "--recording")
    body = {
        "minutes": minutes,
        "category": category,
        "words": _by_language(text, "--text"),
        "recordings": {one: str(Path(path).absolute()) for one, path in recordings.items()},
    }
    settings = load_settings()
    row = Client(settings).post("/api/notices", body)
    if fmt is Format.TABLE:
        until = on_screen(row["until"], ZoneInfo(settings.timezone))
        whose = f"calls of {safe(row['category'])}" if row["category"] else "all calls"
        console().print(f"Heard by {whose} until {until}.")
    else:
        write_one(row, fmt)


@notices.command("list")
def notice_list(fmt: FormatOption = Format.TABLE) -> None:
    """List the notices that are heard now."""
    settings = load_settings()
    rows = Client(settings).get("/api/notices")["notices"]
    shown = [_shown(row, settings) for row in rows]
    nothing = "No notice is heard."
    write_list(rows, _COLUMNS, fmt, names=_NAMES, shown=shown, nothing=nothing)


@notices.command("clear")
def notice_clear(
    name: Annotated[
        str, typer.Argument(metavar="CATEGORY", help=f"Its category, or {ALL}; or its id.")
    ],
) -> None:
    """End a notice before its time."""
    rows = Client(load_settings()).delete(f"/api/notices/{quote(name, safe='')}")["notices"]
    for row in rows:
        console().print(f"The notice for {safe(row['category'] or ALL)} is heard no more.")


def _shown(row: dict[str, Any], settings: Settings) -> dict[str, Any]:
    words = [f"{language}: {one}" for language, one in row["words"].items()]
    return {
        **row,
        "category": row["category"] or ALL,
        "until": on_screen(row["until"], ZoneInfo(settings.timezone)),
        "languages": ", ".join(f"{one} {takes:g} s" for one, takes in row["seconds"].items()),
        "words": " / ".join(words) or "(recorded)",
    }
