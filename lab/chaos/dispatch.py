"""Kills the engine in the middle of dispatches: before, while and after an agency is told.

Each agency is told at least once, and accepts at most once; nothing is lost. The agencies' computer
is a real https server that is no part of the line.
"""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deliveries.signatures import Secret
from incidents.dispatch import Dispatch, DispatchState
from incidents.incident import EntryKind
from lab.actors.agencies import WebhookAgencies, webhook_agencies
from lab.actors.certificates import ca_file
from lab.chaos.engine import SERVED_WITHIN_S, STANDBY_WITHIN_S, fault, recovered
from lab.chaos.line import ChaosFailed
from lab.chaos.play import Moment, Play, Stage, a_play, ending, row
from lab.chaos.verdict import Row, back_s
from lab.machine.waiting import comes_true, eventually
from lab.storm.incidents import KeptIncident, incidents_kept
from lab.storm.incidents import wrong as incidents_wrong
from models.database import Database
from ngalam112.cli.client import ClientError, EngineRefused
from ngalam112.engine.report_sender import webhook_secret_text
from reports.dispatches import dispatches_of

FIRST, NEXT = "damkar", "bpbd"
"""The agency that is told, and the next one of its chain."""

ACCEPT_S = 5.0
"""The agreed time to accept, after which the next one is told."""

STEPS = ("open", "dispatch", "accept", "overdue")
"""After which of them the engine is killed, in turn: an incident is opened, an agency is told, it
accepts, nobody does in the agreed time."""
_DONE_WITHIN_S = 60.0


async def dispatch_killed(stage: Stage) -> Row:
    """kill -9 of the engine in the middle of each step of a dispatch, again and again."""
    kills = stage.of(20, 4)
    async with (
        webhook_agencies(FIRST, NEXT) as told,
        a_play(
            stage,
            desks=stage.of(8, 4),
            webhook_hosts=["localhost"],
            agency_ca_file=ca_file(),
        ) as play,
    ):
        await _agencies_are_known(play, told)
        await play.operators_come()
        await play.players.crowd(at_once=stage.of(12, 6))
        await play.line.stands_by(STANDBY_WITHIN_S)
        one = _Desk(play)
        faults: list[Moment] = []
        for number in range(kills):
            faults.append(await one.incident(STEPS[number % len(STEPS)]))
            stage.say(f"killed after: {STEPS[number % len(STEPS)]}")
            await recovered(play)
        await comes_true(lambda: _all_followed(play, one), _DONE_WITHIN_S, every=0.5)
        ended = await ending(play, SERVED_WITHIN_S)
        kept = await incidents_kept(play.line.settings)
        losses = [
            *one.wrong,
            *incidents_wrong([one.record for one in ended.calls], kept),
            *await _of_dispatches(play, one, kept, told),
            *(f"a report was not the line's: {why}" for why in told.refused),
        ]
        backs = [back_s(ended.calls, ended.phones, at.wall) for at in faults]
        return row(
            "dispatch_killed",
            ended,
            calls_up=stage.of(12, 6),
            back_s=None if None in backs else max(back for back in backs if back is not None),
            losses=losses,
            details={
                "faults": len(faults),
                "dispatches": len(one.dispatches),
                "accepted": len(one.accepted),
                "reports": len(told.reports),
                "reports_twice": _twice(told),
            },
        )


class _Desk:
    """What a supervisor does by the API, however often the engine dies under it.

    `dispatches`: by the incident that was opened, as far as an engine said so. `accepted`: the
    incidents whose agency accepted. `wrong`: what the API should not have said.
    """

    def __init__(self, play: Play) -> None:
        self._play, self._client = play, play.line.client
        self.dispatches: dict[str, str] = {}
        self.accepted: list[str] = []
        self.wrong: list[str] = []

    async def incident(self, killed_after: str) -> Moment:
        """Let one incident go its way, and kill the engine after this step of it."""
        opened = await self._insist("/api/incidents", {"description": "Asap di lantai 2"})
        moment = await self._kill(killed_after == "open")
        path = f"/api/incidents/{opened['id']}"
        body = {"agencies": [FIRST]}
        made = await self._insist(f"{path}/dispatch", body, done_if="already")
        if made is None:
            found = await self._read(path)
            made = {"dispatches": found["dispatches"]}
        self.dispatches[opened["id"]] = made["dispatches"][0]["id"]
        moment = await self._kill(killed_after == "dispatch") or moment
        if killed_after == "overdue":
            await asyncio.sleep(ACCEPT_S - 0.2 + self._play.stage.random.uniform(0.0, 0.4))
            moment = await self._kill(True) or moment
        else:
            answers = await asyncio.gather(*(self._accept(path) for _ in range(2)))
            if sum(answers) > 1:
                self.wrong.append(f"the agency of {opened['id']} accepted {sum(answers)} times")
            self.accepted.append(opened["id"])
            moment = await self._kill(killed_after == "accept") or moment
        if moment is None:
            raise ChaosFailed(f"There is no step {killed_after!r}.")
        return moment

    async def _accept(self, path: str) -> bool:
        """Whether this answer was the one that counts."""
        body = {"agency": FIRST, "by": FIRST}
        found = await self._insist(f"{path}/acknowledge", body, done_if="accepted already")
        return found is not None

    async def _kill(self, wanted: bool) -> Moment | None:
        if not wanted:
            return None
        await asyncio.sleep(self._play.stage.random.uniform(0.0, 0.05))
        moment, _ = await fault(self._play, signal.SIGKILL)
        return moment

    async def _insist(self, path: str, body: Mapping[str, Any], done_if: str = "") -> Any:
        """Post until an engine answers; None if one says that it is done already."""
        found: list[Any] = []

        async def answered() -> bool:
            try:
                found[:] = [await asyncio.to_thread(self._client.post, path, body)]
            except EngineRefused as refused:
                if done_if and done_if in str(refused):
                    found[:] = [None]
                elif refused.status != 503:
                    raise
            except ClientError:
                return False
            return bool(found)

        await eventually(answered, 30.0, f"an engine does {path}", error=ChaosFailed)
        return found[0]

    async def _read(self, path: str) -> Any:
        found: list[Any] = []

        async def answered() -> bool:
            found[:] = [await self._play.line.ask(path)]
            return found[0] is not None

        await eventually(answered, 30.0, f"an engine tells {path}", error=ChaosFailed)
        return found[0]


async def _agencies_are_known(play: Play, told: WebhookAgencies) -> None:
    settings, client = play.line.settings, play.line.client
    for agency, more in ((NEXT, {}), (FIRST, {"chain": [NEXT]})):
        told.secrets[agency] = Secret(webhook_secret_text(settings, agency))
        body = {"webhook": told.url(agency), "acknowledge_s": ACCEPT_S, **more}
        await asyncio.to_thread(client.put, f"/api/agencies/{agency}", body)


async def _stored(play: Play, desk: _Desk) -> list[Dispatch]:
    async with Database(play.line.settings.url) as database, database.session() as session:
        return [
            one for incident in desk.dispatches for one in await dispatches_of(session, incident)
        ]


async def _all_followed(play: Play, desk: _Desk) -> bool:
    """Whether each dispatch has come to where nothing but an agency's report is missing."""
    stored = await _stored(play, desk)
    known = {one.id for one in stored}
    accepted = {desk.dispatches[one] for one in desk.accepted}
    return set(desk.dispatches.values()) <= known and all(
        one.state is DispatchState.ACKNOWLEDGED if one.id in accepted else one.settled_at
        for one in stored
    )


async def _of_dispatches(
    play: Play, desk: _Desk, kept: Sequence[KeptIncident], told: WebhookAgencies
) -> list[str]:
    """What is wrong with the dispatches, one sentence each."""
    stored = {one.id: one for one in await _stored(play, desk)}
    reports = Counter(report["dispatch"] for report in told.reports)
    entries = {one.incident.id: one.entries for one in kept}
    found = []
    for incident, id in desk.dispatches.items():
        one, kinds = stored.get(id), Counter(entry.kind for entry in entries.get(incident, []))
        if one is None:
            found.append(f"the dispatch {id} is lost")
            continue
        if not reports[id]:
            found.append(f"the agency was never told of the dispatch {id}")
        if not one.has_arrived:
            found.append(f"the dispatch {id} has no receipt")
        accepted = incident in desk.accepted
        if accepted and (kinds[EntryKind.ACKNOWLEDGED], one.state) != (
            1,
            DispatchState.ACKNOWLEDGED,
        ):
            found.append(
                f"the dispatch {id} was accepted {kinds[EntryKind.ACKNOWLEDGED]} times, and is "
                f"{one.state}"
            )
        others = [
            other
            for other in stored.values()
            if other.incident_id == incident and other.agency == NEXT
        ]
        if not accepted and (one.state is not DispatchState.OVERDUE or len(others) != 1):
            found.append(f"nobody accepted {id}, which is {one.state}; {len(others)} others told")
        if not accepted and others and not reports[others[0].id]:
            found.append(f"the next agency was never told of {others[0].id}")
    return found


def _twice(told: WebhookAgencies) -> int:
    """How many reports came more than once: of an engine that died before it had noted one."""
    return sum(count - 1 for count in Counter(told.ids).values())
