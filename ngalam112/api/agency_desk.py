"""What people of an agency see and do by their own tokens: what their agency is told of, alone.

They see what the agency was sent (`incidents.report`) and no more: no timeline, no recording, and
no number but those that the report has. What is over shows no data of an incident any more, as the
pages behind links do. Another agency's dispatch is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec

from deliveries.links import Action
from incidents.book import By
from incidents.by_link import AnswersByLink, Standing, offered, standing
from incidents.errors import IncidentRefused
from incidents.incident import EntryKind
from incidents.report import report_of
from models.database import DatabaseError, Unreachable
from models.tables import TEXT
from ngalam112.api.askers import Asker, NotAllowed
from ngalam112.api.incident_lookup import IncidentLookup, Job
from ngalam112.api.link_server import FIND_WITHIN_S
from ngalam112.api.queries import Answer, with_times
from ngalam112.api.time_ranges import local
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from reports.errors import NoSuchIncident

SOURCE = "agency"
"""The source of what an agency's people do, in the timeline."""

_TOLD = ("id", "incident_id", "created_at", "due_at", "acknowledged_at")
_AT_WORK = (Standing.OPEN, Standing.ACCEPTED)


class OfDesk(msgspec.Struct, forbid_unknown_fields=True):
    """Which of the agency's dispatches."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=100, description="At most so many.")] = 100


class DeskAnswer(msgspec.Struct, forbid_unknown_fields=True):
    """`reason`: why the agency declines."""

    reason: Annotated[str, msgspec.Meta(max_length=255)] = ""


class DeskNote(msgspec.Struct, forbid_unknown_fields=True):
    """What is to stand in the incident's timeline."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT)]

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("The text has nothing but blanks")


class AgencyDesk:
    """The handlers; each knows the agency from who asks, and from nothing that is sent."""

    def __init__(self, engine: Engine, settings: Settings, lookup: IncidentLookup) -> None:
        self._engine, self._lookup = engine, lookup
        self._book, self._zone = engine.router.incidents, ZoneInfo(settings.timezone)
        self._answers = AnswersByLink(engine.journal, self._book, engine.dispatches)

    async def desk_list(self, asker: Asker, query: OfDesk) -> Answer:
        """What the agency of who asks was told of and is not over, the oldest first.

        With the database away it is what the engine has in hand.
        """
        agency = _agency_of(asker)
        try:
            async with asyncio.timeout(FIND_WITHIN_S):
                found = await self._lookup.jobs(agency, query.limit)
                read = [await self._lookup.job(one.id, agency) for one in found]
            jobs = [job for job in read if job is not None]
        except (DatabaseError, TimeoutError):
            there = self._lookup.jobs_in_hand(agency)
            jobs = [job for job in there if standing(job.dispatch, job.worked_on) in _AT_WORK]
        return {"dispatches": [self._row(job) for job in jobs[: query.limit]]}

    async def desk_show(self, asker: Asker, id: str) -> Answer:
        """One dispatch to the agency of who asks."""
        return {"dispatch": self._row(await self._job(asker, id))}

    async def desk_accept(self, asker: Asker, id: str) -> Answer:
        """The agency accepts."""
        return await self._do(asker, id, Action.ACCEPT)

    async def desk_decline(self, asker: Asker, id: str, body: DeskAnswer) -> Answer:
        """The agency does not take it; the next one of its chain is told."""
        return await self._do(asker, id, Action.DECLINE, body.reason)

    async def desk_on_scene(self, asker: Asker, id: str) -> Answer:
        """The agency has arrived at the scene, and accepts if it had not."""
        return await self._do(asker, id, Action.ON_SCENE)

    async def desk_resolve(self, asker: Asker, id: str) -> Answer:
        """The agency has done its part."""
        return await self._do(asker, id, Action.RESOLVE)

    async def desk_note(self, asker: Asker, id: str, body: DeskNote) -> Answer:
        """The agency tells something for the incident's timeline."""
        by, data, change = By(asker.who, SOURCE), {"text": body.text}, self._book.change

        def check(job: Job) -> None:
            if standing(job.dispatch, job.worked_on) not in _AT_WORK:
                raise IncidentRefused("The agency has nothing to do with it any more.")

        async with self._turn(asker, id, check) as job:
            worked_on = job.worked_on
            await self._engine.do(lambda now: change(worked_on, EntryKind.NOTED, by, now, data))
        return {"dispatch": self._row(await self._job(asker, id))}

    async def _do(self, asker: Asker, id: str, action: Action, reason: str = "") -> Answer:
        by, do = By(asker.who, SOURCE), self._answers.do

        def check(job: Job) -> None:
            if action not in offered(job.dispatch, job.worked_on):
                raise IncidentRefused(f"{job.worked_on.name}: {action.value} is not possible now.")

        async with self._turn(asker, id, check) as (one, incident, worked_on):
            await self._engine.do(
                lambda now: do(action, one, incident, worked_on, now, by=by, reason=reason)
            )
        return {"dispatch": self._row(await self._job(asker, id))}

    @asynccontextmanager
    async def _turn(
        self, asker: Asker, id: str, check: Callable[[Job], None]
    ) -> AsyncIterator[Job]:
        """Hold the turn of those who change incidents, with the dispatch as it stands then.

        What cannot be done, and an id for which the database is asked in vain, is refused before:
        operators need the same turn.
        """
        check(await self._found(asker, id))
        changing = self._lookup.changing
        try:
            async with asyncio.timeout(FIND_WITHIN_S):
                await changing.acquire()
        except TimeoutError:
            raise Unreachable("Others are changing incidents; try again later.") from None
        try:
            job = await self._found(asker, id)
            check(job)
            yield job
        finally:
            changing.release()

    async def _found(self, asker: Asker, id: str) -> Job:
        try:
            async with asyncio.timeout(FIND_WITHIN_S):
                return await self._job(asker, id)
        except TimeoutError:
            raise Unreachable(
                f"The database has not answered in {FIND_WITHIN_S:g} s; nothing is changed, try"
                " again later."
            ) from None

    async def _job(self, asker: Asker, id: str) -> Job:
        """Raises NotAllowed, and NoSuchIncident for another agency's too."""
        job = await self._lookup.job(id, _agency_of(asker))
        if job is None:
            raise NoSuchIncident(f"Your agency has no dispatch {id[:40]!r}.")
        return job

    def _row(self, job: Job) -> Answer:
        one, incident, worked_on = job
        stands = standing(one, worked_on)
        row: dict[str, Any] = {name: getattr(one, name) for name in _TOLD}
        row = with_times(row, self._zone)
        row |= {
            "state": one.state.value,
            "incident": incident.number or incident.id,
            "incident_state": worked_on.state.value,
            "standing": stands.value,
            "actions": [action.value for action in offered(one, worked_on)],
            "report": None,
        }
        if stands in _AT_WORK:
            category = self._engine.categories.get(incident.category or "")
            name = "" if category is None else category.called()
            opened_at = local(incident.opened_at, self._zone).isoformat()
            report = report_of(incident, one.id, one.agency, name, opened_at)
            row["report"] = msgspec.to_builtins(report)
        return row


def _agency_of(asker: Asker) -> str:
    if asker.person is None or asker.person.agency is None:
        raise NotAllowed(
            "This is for people of an agency, by their tokens: ngalam112 person add --role agency."
        )
    return asker.person.agency
