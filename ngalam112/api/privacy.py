"""What an engine does for an erasure: it lets go of what it has in mind of ended calls and settled
incidents, for it would write back what it remembers.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from models.database import Database
from models.tables import ID
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.queries import Answer
from ngalam112.api.written import all_written
from ngalam112.engine.engine import Engine

MOST_AT_ONCE = 200
"""So many calls, and so many incidents, are named in one request."""

UNCHANGED_S = 60.0
"""So long after it nobody changes them: who asked erases them within that, or not at all."""

_Ids = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=ID)]], msgspec.Meta(max_length=MOST_AT_ONCE)
]


class LetGo(msgspec.Struct, forbid_unknown_fields=True):
    """Ids of ended calls and of settled incidents whose records change in the database."""

    calls: _Ids = []
    incidents: _Ids = []


class PrivacyRoutes:
    """The handlers."""

    def __init__(self, engine: Engine, database: Database, journal: CountingJournal) -> None:
        self._engine, self._database, self._journal = engine, database, journal

    async def let_go(self, body: LetGo) -> Answer:
        """Let go of these; answers once the database has all that was recorded of them."""
        await self._engine.do(lambda now: self._forget(body, now))
        await all_written(self._journal.recorder, self._database)
        return {"let_go": len(body.calls) + len(body.incidents)}

    def _forget(self, body: LetGo, now: float) -> None:
        router = self._engine.router
        for incident_id in body.incidents:
            router.incidents.forget(incident_id, now + UNCHANGED_S)
        router.forget_calls(body.calls, now + UNCHANGED_S)
