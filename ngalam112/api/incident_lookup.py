"""Finds incidents and dispatches, in hand or in the database, for who is about to change them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord
from incidents.dispatch import Dispatch
from incidents.incident import Incident
from models.database import Database
from ngalam112.api.metrics import CountingJournal
from ngalam112.api.written import all_written
from ngalam112.engine.engine import Engine
from reports.calls import show_call
from reports.dispatches import dispatch_by_id, dispatches_of, dispatches_to
from reports.incidents import by_id, find_incident, of_call
from reports.texts import texts_of

_DEEPEST = 20  # merges of merges


class Job(NamedTuple):
    """A dispatch, its incident, and the one that is worked on in the place of that."""

    dispatch: Dispatch
    incident: Incident
    worked_on: Incident


class IncidentLookup:
    """What the engine has in hand counts; what it has not is read once all has been written.

    `changing`: held from the reading to the end of the change, so that of two changes of one
    incident the second begins with what the first has made of it. All methods raise a DatabaseError
    if the database is needed and away.
    """

    def __init__(self, engine: Engine, database: Database, journal: CountingJournal) -> None:
        self._engine, self._database, self._journal = engine, database, journal
        self._book = engine.router.incidents
        self.changing = asyncio.Lock()

    async def find(self, name: str) -> Incident:
        """Return the incident of that number, id or call. Raises as `find_incident` does."""
        if (known := self._book.named(name)) is not None:
            return known
        async with self._reading() as session:
            return await find_incident(session, name)

    async def exactly(self, incident_id: str) -> Incident | None:
        """Return the incident with exactly this id."""
        if (known := self._book.in_hand.get(incident_id)) is not None:
            return known
        async with self._reading() as session:
            return await by_id(session, incident_id)

    async def dispatch(self, dispatch_id: str) -> Dispatch | None:
        """Return the dispatch with exactly this id."""
        if (known := self._engine.dispatches.open.get(dispatch_id)) is not None:
            return known
        async with self._reading() as session:
            return await dispatch_by_id(session, dispatch_id)

    async def job(self, dispatch_id: str, agency: str) -> Job | None:
        """Return the dispatch with exactly this id, if it is one of this agency's."""
        one = await self.dispatch(dispatch_id)
        if one is None or one.agency != agency:
            return None
        incident = worked_on = await self.exactly(one.incident_id)
        for _ in range(_DEEPEST):
            if worked_on is None or worked_on.merged_into is None:
                break
            worked_on = await self.exactly(worked_on.merged_into)
        if incident is None or worked_on is None:
            return None
        return Job(one, incident, worked_on)

    async def jobs(self, agency: str, limit: int) -> list[Dispatch]:
        """Return what an agency has been told of and has not declined, and is not over."""
        async with self._reading() as session:
            found = await dispatches_to(session, agency, limit)
        known = self._engine.dispatches.open
        return [known.get(one.id, one) for one in found]

    def jobs_in_hand(self, agency: str) -> list[Job]:
        """Return the dispatches to an agency of which the engine has all in hand, the oldest first.

        From each something follows; of the others nothing is known without the database.
        """
        mine = [one for one in self._engine.dispatches.open.values() if one.agency == agency]
        found = []
        for one in sorted(mine, key=lambda one: (one.created_at, one.id)):
            incident = worked_on = self._book.in_hand.get(one.incident_id)
            for _ in range(_DEEPEST):
                if worked_on is None or worked_on.merged_into is None:
                    break
                worked_on = self._book.in_hand.get(worked_on.merged_into)
            if incident is not None and worked_on is not None:
                found.append(Job(one, incident, worked_on))
        return found

    async def last_dispatch(self, incident: Incident, agency: str) -> Dispatch | None:
        """Return the last dispatch of the agency with this id to the incident."""
        found = self._engine.dispatches.of_incident(incident.id)
        if not any(one.agency == agency for one in found):
            async with self._reading() as session:
                found = await dispatches_of(session, incident.id)
        mine = [one for one in found if one.agency == agency]
        return mine[-1] if mine else None

    async def dispatches(self, incident: Incident) -> list[Dispatch]:
        """Return all dispatches of an incident, the oldest first."""
        async with self._reading() as session:
            found = await dispatches_of(session, incident.id)
        known = self._engine.dispatches.open
        return [known.get(one.id, one) for one in found]

    async def call(self, call_id: str) -> CallRecord:
        """Return the call of that id. Raises as `show_call` does."""
        async with self._reading() as session:
            return (await show_call(session, call_id)).record

    async def last_call(self, incident: Incident) -> str | None:
        """Return the id of the last call of an incident; its text conversations are none."""
        ids = incident.call_ids
        if not ids or self._engine.router.known_call(ids[-1]) is not None:
            return ids[-1] if ids else None
        async with self._reading() as session:
            texts = {one.id for one in await texts_of(session, incident)}
        calls = [one for one in ids if one not in texts]
        return calls[-1] if calls else None

    async def of_call(self, call_id: str) -> Incident | None:
        """Return the incident that the database has for the call with exactly this id."""
        async with self._reading() as session:
            return await of_call(session, call_id)

    async def all_written(self) -> None:
        """Return once the database has all that happened."""
        await all_written(self._journal.recorder, self._database)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncSession]:
        await self.all_written()
        try:
            async with self._database.session() as session:
                yield session
        except (OSError, SQLAlchemyError) as error:
            raise self._database.unreachable(error) from None
