"""The API of agencies, `/api/agencies`: changes count from the next time somebody dials one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import structlog
from aiohttp import web

from acd.agencies.agency import Change
from acd.agencies.changes import MOST_AGENCIES
from models.database import Database
from ngalam112.accounts.agencies import change_agencies
from ngalam112.api.agency_queries import agency_row, listed, shown
from ngalam112.api.changes import BadBody, read_body, reply
from ngalam112.config.agencies import sources_of
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

log = structlog.get_logger("api")


class _Changes(msgspec.Struct, forbid_unknown_fields=True):
    agencies: Annotated[list[Change], msgspec.Meta(min_length=1, max_length=MOST_AGENCIES)]


class AgencyRoutes:
    """The handlers; raises what `api` knows how to refuse."""

    def __init__(self, engine: Engine, database: Database, settings: Settings) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._sources = sources_of(settings, engine.distribution)
        self._writing = asyncio.Lock()

    async def list(self, request: web.Request) -> web.Response:
        """The agencies as the line uses them."""
        return reply(listed(self._engine.agencies.by_id, self._settings, request.query))

    async def show(self, request: web.Request) -> web.Response:
        """One of them, retired or not."""
        return reply(shown(self._engine.agencies.by_id, self._settings, request.match_info))

    async def put(self, request: web.Request) -> web.Response:
        """Change an agency, or add one; what the body does not name stays as it is."""
        body, id = await read_body(request, Change), request.match_info["id"]
        if body.id not in ("", id):
            raise BadBody(f"The body is about agency {body.id[:40]!r}, and the path is not.")
        rows = await self._change([msgspec.structs.replace(body, id=id)])
        return reply({"agency": rows[id]})

    async def put_all(self, request: web.Request) -> web.Response:
        """Change or add several, all or none."""
        body = await read_body(request, _Changes)
        rows = await self._change(body.agencies)
        return reply({"agencies": [rows[one.id] for one in body.agencies]})

    async def retire(self, request: web.Request) -> web.Response:
        """Retire an agency; where it rings or talks at this moment, it goes on."""
        id = request.match_info["id"]
        rows = await self._change([Change(id=id, retired=True)])
        return reply({"agency": rows[id]})

    async def _change(self, changes: Sequence[Change]) -> dict[str, dict[str, Any]]:
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
