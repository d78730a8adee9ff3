"""Codes incidents that the engine has not in hand any more, as soon as the database tells them.

An operator may say by the phone what a call was after the engine has changed, or long after the
call: the phone is answered at once, and this does it.
"""

from __future__ import annotations

import asyncio

import structlog

from incidents.book import Said
from incidents.errors import IncidentError
from incidents.incident import Incident
from models.database import DatabaseError
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.engine.engine import Engine
from reports.errors import ReportError

log = structlog.get_logger("incidents")

_MOST = 1000
_AGAIN_S = 5.0


class LateCodes:
    """What was said and is not done yet, in order."""

    def __init__(self, engine: Engine, lookup: IncidentLookup) -> None:
        self._engine, self._lookup = engine, lookup
        self._said: asyncio.Queue[Said] = asyncio.Queue(_MOST)
        engine.router.incidents.on_not_in_hand = self._take

    def _take(self, said: Said) -> None:
        try:
            self._said.put_nowait(said)
        except asyncio.QueueFull:
            log.error("code_lost", call_id=said.call_id, what=f"{_MOST} wait for the database")

    async def run(self) -> None:
        """Do it, one by one, until cancelled; while the database is away, again and again."""
        while True:
            said = await self._said.get()
            while not await self._done(said):
                await asyncio.sleep(_AGAIN_S)

    async def _done(self, said: Said) -> bool:
        try:
            async with self._lookup.changing:
                incident: Incident | None = await self._lookup.find(said.call_id)
                while incident is not None and incident.merged_into is not None:
                    incident = await self._lookup.exactly(incident.merged_into)
                if incident is not None:
                    await self._code(incident, said)
        except DatabaseError:
            return False
        except (ReportError, IncidentError) as error:
            log.warning("not_coded", call_id=said.call_id, error=str(error))
        return True

    async def _code(self, incident: Incident, said: Said) -> None:
        book = self._engine.router.incidents
        await self._engine.do(
            lambda now: book.code(
                incident, said.incident_class, said.by, now, category=said.category
            )
        )
