"""The API of the city's list of fixed numbers, `/api/places`; changes count from the next call."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

import msgspec
import structlog

from models.database import Database, DatabaseError
from ngalam112.accounts.places import (
    MOST_AT_ONCE,
    KeptPlace,
    keep_places,
    load_places,
    named,
    remove_place,
)
from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.recovery.startup_state import in_thread
from places.place import PlaceError
from places.registered import Registered, registered

log = structlog.get_logger("place")
AGAIN_S = 2.0


class NewPlace(msgspec.Struct, forbid_unknown_fields=True):
    """The place of a number: an address, a point, or both."""

    number: str
    address: str = ""
    lat: float | None = None
    lon: float | None = None


class NewPlaces(msgspec.Struct, forbid_unknown_fields=True):
    """Places to be added, or to take the place of those that the numbers have."""

    places: Annotated[list[NewPlace], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]


class Places:
    """The handlers; raises what `api` knows how to refuse."""

    def __init__(self, engine: Engine, database: Database, settings: Settings) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._writing = asyncio.Lock()

    async def add(self, body: NewPlaces) -> Answer:
        """Add places, or change those of numbers that have one, all or none."""
        country = self._settings.country
        found: dict[str, Registered] = {}
        for index, one in enumerate(body.places):
            try:
                checked = registered(one.number, one.address, one.lat, one.lon, country)
            except PlaceError as error:
                raise PlaceError(f"Place {index + 1} cannot be used: {error}.") from None
            found[checked.caller] = checked
        kept = await self._engine.place_finder.worker.ask(partial(named, list(found.values())))
        if kept is None:
            raise PlaceError("The places cannot be named now; the log says why. Try again.")
        async with self._writing:
            await keep_places(self._database, kept)
            await self._engine.do(lambda _: self._know(kept))
        return {"places": len(kept)}

    async def remove(self, number: str) -> Answer:
        """Remove the place of a number, in any spelling."""
        async with self._writing:
            caller = await remove_place(self._database, number, self._settings.country)
            known = self._engine.router.locations.registered
            await self._engine.do(lambda _: known.pop(caller, None))
        return {"number": number}

    def _know(self, kept: list[KeptPlace]) -> None:
        self._engine.router.locations.registered.update({one.caller: one.place() for one in kept})


async def know_places(engine: Engine, settings: Settings) -> None:
    """Let the engine know the list, as soon as the database is there. Then it ends.

    In a thread with a connection of its own: a long list takes a while.
    """

    async def read() -> dict[str, Any]:
        async with Database(settings.url) as database:
            await database.check_schema()
            rows = await load_places(database, country=settings.country)
            return {one.caller: one.place() for one in rows}

    told = False
    while True:
        try:
            found = await in_thread(read)
            break
        except DatabaseError as error:
            if not told:
                log.warning("registered_places_not_known_yet", error=str(error))
            told = True
        await asyncio.sleep(AGAIN_S)
    locations = engine.router.locations
    # what the API has told meanwhile is newer
    await engine.do(lambda _: locations.registered.update(found | locations.registered))
    if found:
        log.info("registered_places", count=len(found))
