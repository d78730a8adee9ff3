"""The commands for the places of fixed numbers: `ngalam112 place ...`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from ngalam112.cli.adding import remove
from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import FormatOption, kept_database, make_group, read, tell
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_json, write_list

if TYPE_CHECKING:
    from models.database import Database
    from places.registered import Registered

place = make_group("place", "Where fixed numbers are, as the city lists them.")

_NAMES = ("number", "address", "lat", "lon", "kelurahan", "kecamatan")
_COLUMNS = (
    Column("number", "number"),
    Column("address", "address"),
    Column("kelurahan", "kelurahan"),
    Column("kecamatan", "kecamatan"),
    Column("lat", "lat", right=True, spare=True),
    Column("lon", "lon", right=True, spare=True),
)


@place.command("import")
def place_import(
    file: Annotated[Path, typer.Argument(help="CSV: number, address, lat, lon. - is stdin.")],
    fmt: FormatOption = Format.TABLE,
) -> None:
    """Take in a list: numbers that are new are added, others changed, none removed.

    A line that is wrong is named, and then nothing of the file is taken in.
    """
    from places.registered import read_list

    settings = load_settings()
    with open(0 if str(file) == "-" else file, encoding="utf-8", newline="", closefd=True) as text:
        found = read_list(text, settings.country)
    _take_in(settings, found)
    if fmt is Format.JSON:
        write_json({"places": len(found)})
    else:
        console().print(f"{len(found)} places are taken in.")


def _take_in(settings: Settings, found: list[Registered]) -> None:
    from ngalam112.accounts.places import MOST_AT_ONCE
    from places.registered import rows

    try:
        client = Client(settings)
        for first in range(0, len(found), MOST_AT_ONCE):
            part = list(rows(found[first : first + MOST_AT_ONCE]))
            client.post("/api/places", {"places": part})
    except EngineDown:
        asyncio.run(_keep(settings, found))
        tell("engine is down: kept in the database, takes effect when the line starts")


async def _keep(settings: Settings, found: list[Registered]) -> None:
    from ngalam112.accounts.places import keep_places, named
    from places.districts import load_districts

    city = load_districts(settings.districts_file)
    async with kept_database(settings, "POST /api/places") as database:
        await keep_places(database, named(found, city))


@place.command("list")
def place_list(
    number: Annotated[str | None, typer.Option(help="Of one number, in any spelling.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The first so many.")] = 100,
    fmt: FormatOption = Format.TABLE,
) -> None:
    """List the places of fixed numbers."""
    params: dict[str, str] = {"limit": str(limit)}
    if number is not None:
        params["number"] = number
    found = read(load_settings(), "/api/places", params)["places"]
    nothing = "There are no such places; take in a list: ngalam112 place import FILE"
    write_list(found, _COLUMNS, fmt, names=_NAMES, nothing=nothing)


@place.command("remove")
def place_remove(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="In any spelling.")],
) -> None:
    """Remove the place of one number."""
    settings = load_settings()

    async def offline(database: Database) -> Any:
        from ngalam112.accounts.places import remove_place

        await remove_place(database, number, settings.country)

    remove(settings, f"/api/places/{quote(number, safe='')}", offline)
    console().print(f"The place of {safe(number)} is removed.")
