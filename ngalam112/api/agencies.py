"""The API of agencies, `/api/agencies`: changes count from the next time somebody dials one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
import structlog

from acd.agencies.agency import Change
from acd.agencies.changes import MOST_AGENCIES
from models.database import Database
from ngalam112.accounts.agencies import change_agencies
from ngalam112.api.agency_queries import OfAgencies, agency_row, listed, shown
from ngalam112.api.bodies import BadBody
from ngalam112.api.queries import Answer
from ngalam112.config.agencies import sources_of
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

log = structlog.get_logger("api")


class ChangeAgency(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agency is to be from now on; what is not named stays. `id`: as in the path, if given.

    `retired`: true retires it, false brings it back.
    """


class ChangeAgencies(msgspec.Struct, forbid_unknown_fields=True):
    """Agencies to be changed or added, all or none."""

    agencies: Annotated[list[ChangeAgency], msgspec.Meta(min_length=1, max_length=MOST_AGENCIES)]


class AgencyRoutes:
    """The handlers; raises what `api` knows how to refuse."""

    def __init__(self, engine: Engine, database: Database, settings: Settings) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._sources = sources_of(settings, engine.distribution)
        self._writing = asyncio.Lock()

    async def list(self, query: OfAgencies) -> Answer:
        """The agencies as the line uses them."""
        return listed(self._engine.agencies.by_id, self._settings, query)

    async def show(self, id: str) -> Answer:
        """One of them, retired or not."""
        return shown(self._engine.agencies.by_id, self._settings, id)

    async def put(self, id: str, body: ChangeAgency) -> Answer:
        """Change an agency, or add one; what the body does not name stays as it is."""
        if body.id not in ("", id):
            raise BadBody(f"The body is about agency {body.id[:40]!r}, and the path is not.")
        rows = await self._change([msgspec.structs.replace(body, id=id)])
        return {"agency": rows[id]}

    async def put_all(self, body: ChangeAgencies) -> Answer:
        """Change or add several, all or none."""
        rows = await self._change(body.agencies)
        return {"agencies": [rows[one.id] for one in body.agencies]}

    async def retire(self, id: str) -> Answer:
        """Retire an agency; where it rings or talks at this moment, it goes on."""
        rows = await self._change([Change(id=id, retired=True)])
        return {"agency": rows[id]}

    async def _change(self, changes: Sequence[Change]) -> dict[str, Answer]:
        """Keep the changes, tell the engine and then Asterisk; return all agencies by id."""
        engine = self._engine
        async with self._writing:
            now = engine.clock.now()
            found = await change_agencies(self._database, self._sources, changes, now)
            await engine.do(lambda _: engine.know_agencies(found, stored=True))
        log.info("agencies_changed", ids=[one.id for one in changes])
        try:
            await engine.bring_agencies()
        except OSError as error:
            # it is written again at the next change, and at the next start
            log.error("agencies_not_brought", error=str(error))
        return {one.id: agency_row(one, self._settings) for one in found}
