"""The city's list of fixed numbers and their places, as it is kept: reads, changes and removes it.

Used by the API while the engine lives, and by the command line while it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from acd.numbers.caller import same_caller
from models.database import Database
from models.tables import RegisteredPlaceRow
from models.writing import upsert
from places.finding import Map, of_registered
from places.place import Place, PlaceError, PlaceSource
from places.registered import Registered

MOST_AT_ONCE = 200
"""So many places go to the database, or over the API, together."""


class NoSuchPlace(PlaceError):
    """The list has no place for a number."""


class KeptPlace(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the list. `caller` as in `Registered`."""

    caller: str
    number: str
    address: str
    lat: float | None
    lon: float | None
    kelurahan: str | None
    kecamatan: str | None

    def place(self) -> Place:
        """The place of whoever calls from the number."""
        return Place(
            source=PlaceSource.REGISTERED,
            lat=self.lat,
            lon=self.lon,
            text=self.address,
            kelurahan=self.kelurahan,
            kecamatan=self.kecamatan,
        )


def named(found: Iterable[Registered], city: Map | None) -> list[KeptPlace]:
    """Return the places as they are kept, with the names of the map."""
    kept = []
    for one in found:
        place = of_registered(one, city)
        kept.append(
            KeptPlace(
                caller=one.caller,
                number=one.number,
                address=place.text,
                lat=one.lat,
                lon=one.lon,
                kelurahan=place.kelurahan,
                kecamatan=place.kecamatan,
            )
        )
    return kept


async def keep_places(database: Database, places: Sequence[KeptPlace]) -> None:
    """Add the places, or change those that are there, all or none. Raises a DatabaseError."""
    now = datetime.now(UTC)
    rows = [{**msgspec.structs.asdict(one), "changed_at": now} for one in places]
    try:
        async with database.engine.begin() as connection:
            for first in range(0, len(rows), MOST_AT_ONCE):
                await upsert(connection, RegisteredPlaceRow, rows[first : first + MOST_AT_ONCE])
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def load_places(
    database: Database, *, number: str = "", country: str, limit: int | None = None
) -> list[KeptPlace]:
    """Read the list in the order of the numbers; `number`: that of one caller, in any spelling.

    Raises PlaceError for what is no number, or a DatabaseError.
    """
    query = select(RegisteredPlaceRow).order_by(RegisteredPlaceRow.caller)
    if number:
        caller = same_caller(number, country)
        if caller is None:
            raise PlaceError(f"{number[:40]!r} is no telephone number.")
        query = query.where(RegisteredPlaceRow.caller == caller)
    if limit is not None:
        query = query.limit(limit)
    names = KeptPlace.__struct_fields__
    columns = [getattr(RegisteredPlaceRow, name) for name in names]
    try:
        async with database.session() as session:
            rows = (await session.execute(query.with_only_columns(*columns))).mappings()
            return [KeptPlace(**row) for row in rows]
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def count_places(database: Database) -> int:
    """How many places the list has. Raises a DatabaseError."""
    try:
        async with database.session() as session:
            query = select(func.count()).select_from(RegisteredPlaceRow)
            return (await session.scalar(query)) or 0
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def remove_place(database: Database, number: str, country: str) -> str:
    """Remove the place of a number and return its key; raises NoSuchPlace or a DatabaseError."""
    caller = _caller(number, country)
    try:
        async with database.engine.begin() as connection:
            gone = await connection.execute(
                delete(RegisteredPlaceRow).where(RegisteredPlaceRow.caller == caller)
            )
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None
    if not gone.rowcount:
        raise NoSuchPlace(f"There is no place for {number[:40]}; see `ngalam112 place list`.")
    return caller


def _caller(number: str, country: str) -> str:
    caller = same_caller(number, country)
    if caller is None:
        raise NoSuchPlace(f"{number[:40]!r} is no telephone number.")
    return caller


def place_row(one: KeptPlace) -> Mapping[str, Any]:
    """A row of the list as JSON has it."""
    row: dict[str, Any] = msgspec.to_builtins(one)
    row.pop("caller")
    return row
