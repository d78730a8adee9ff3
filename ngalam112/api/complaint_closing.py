"""A slow pass over the complaints whose citizen has not replied: reads a page, closes each once.

The times are in the database and in no timer: a complaint lives for weeks. What was read is not
believed: the writer looks at the incident as it is when its turn has come (`incidents.complaints`).
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from incidents.complaints import Complaints
from incidents.errors import IncidentError
from models.database import Database, DatabaseError
from ngalam112.api.incident_lookup import IncidentLookup
from ngalam112.engine.engine import Engine
from reports.complaints import to_close

log = structlog.get_logger("complaints")

EVERY_S = 60.0
PAGE = 50
MOST_A_PASS = 1000
BETWEEN_S = 0.02
"""Between two incidents, for the calls' sake."""


class ComplaintClosing:
    """The pass of one engine. `closed`: since its start."""

    def __init__(self, engine: Engine, database: Database, lookup: IncidentLookup) -> None:
        self._engine, self._database, self._lookup = engine, database, lookup
        self._complaints = Complaints(engine.journal, engine.router.incidents, engine.agreed_times)
        self.closed = 0

    async def run(self) -> None:
        """Look until cancelled; nothing that fails ends it, for the next pass looks again."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except (DatabaseError, SQLAlchemyError, OSError) as error:
                log.warning("complaints_not_looked_at", error=type(error).__name__)
            except Exception:
                log.exception("complaints_failed")

    async def look(self) -> None:
        """Close all whose time is over; the rest of a large day is for the next pass."""
        looked: set[str] = set()
        after = None
        while len(looked) < MOST_A_PASS and not self._engine.dispatcher.load.is_late():
            now = datetime.fromtimestamp(self._engine.clock.now(), UTC)
            async with self._database.session() as session:
                page = await to_close(session, now, after, PAGE)
            new = [one for _, one in page if one not in looked]
            for incident_id in new:
                looked.add(incident_id)
                await self._look_at(incident_id)
                await asyncio.sleep(BETWEEN_S)
            if not new or len(page) < PAGE:
                return
            after = page[-1]

    async def _look_at(self, incident_id: str) -> None:
        async with self._lookup.changing:
            incident = await self._lookup.exactly(incident_id)
            if incident is None:
                return
            try:
                done = await self._engine.do(lambda now: self._complaints.look(incident, now))
            except IncidentError as error:
                log.warning("complaint_not_closed", incident=incident_id, error=str(error))
            else:
                self.closed += done
