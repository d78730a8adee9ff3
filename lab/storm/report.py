"""What a storm leaves behind, put together: facts for the verdict, and details for people."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec
from sqlalchemy import select

from acd.calls.record import EventKind
from acd.work_items.item import WorkItem
from lab.actors.sipp import SippResult
from lab.machine.waiting import comes_true
from lab.storm.frailty import Trouble, lost_legs
from lab.storm.frailty import wrong as phones_wrong
from lab.storm.incidents import KeptIncident
from lab.storm.incidents import wrong as incidents_wrong
from lab.storm.kinds import CITIZENS, REFERS
from lab.storm.lateness import Outage, Sighting, Stall, StateChange
from lab.storm.ledger import Heard, Ledger, ledger, wrong
from lab.storm.line import SILENCE_S
from lab.storm.plan import Plan
from lab.storm.verdict import Facts, OperatorEvent, Verdict, judge, stuck, wrap_ups
from models.database import Database
from models.rows import plain
from models.tables import OperatorEventRow, OperatorStateRow
from ngalam112.cli.client import Client
from ngalam112.config.settings import Settings
from ngalam112.process.running_line import RunningLine
from reports.callbacks import ALL, callbacks
from reports.calls import CallHistory, list_calls, show_call

_REFERRING = {kind.scenario for kind in CITIZENS if kind.name == REFERS}


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What the line holds once the last citizen has gone."""

    operators: Sequence[Mapping[str, Any]]
    phones: Sequence[Mapping[str, Any]]
    channels: int
    bridges: int
    engine_errors: int


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What SIPp did: its counts for each scenario, the codes dialled, the ways of phones.

    `seen`: who was seen to be busy meanwhile. `heard`: by the carrier. `outages`: of the engine.
    `stalls`: when the machine stood still meanwhile. `callbacks_s`: from the last citizen's end
    until no callback was open. `troubles`: of frail phones; `fates`: how many calls these took.
    """

    citizens: Sequence[SippResult]
    dialled: SippResult
    phones: Mapping[str, int]
    seen: Sequence[Sighting]
    heard: Sequence[Heard] = ()
    troubles: Sequence[Trouble] = ()
    fates: Mapping[str, int] = MappingProxyType({})
    outages: Sequence[Outage] = ()
    stalls: Sequence[Stall] = ()
    callbacks_s: float = 0.0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What the database has: all records with their events, of operators in their order."""

    calls: Sequence[CallHistory]
    events: Sequence[OperatorEvent]
    states: Sequence[StateChange]
    items: Sequence[WorkItem]
    incidents: Sequence[KeptIncident] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict, what it was made of, and a sentence for each thing that is wrong.

    `stalls_s`: for how many seconds the machine stood still while the line was up.
    """

    verdict: Verdict
    callbacks: Ledger
    details: dict[str, Any]
    wrong: list[str]
    stalls_s: float = 0.0


async def what_is_left(line: RunningLine, client: Client, within: float) -> Left:
    """Look at what the line holds, until nothing is left or the time is over."""
    seen: list[Left] = []

    async def nothing() -> bool:
        operators = (await asyncio.to_thread(client.get, "/api/operators"))["operators"]
        phones = (await asyncio.to_thread(client.get, "/api/phones"))["phones"]
        status = await asyncio.to_thread(client.get, "/api/status")
        channels, bridges = await line.held()
        seen[:] = [
            Left(
                operators=operators,
                phones=phones,
                channels=channels,
                bridges=bridges,
                engine_errors=status["engine"]["event_errors"],
            )
        ]
        return not channels and not bridges and not stuck(operators, phones)

    await comes_true(nothing, within, every=0.2)
    return seen[0]


async def what_is_kept(settings: Settings) -> tuple[list[CallHistory], list[OperatorEvent]]:
    """Read all records with their events, and the operators' events in their order."""
    events = select(OperatorEventRow.__table__).order_by(OperatorEventRow.id)
    async with Database(settings.url) as database, database.session() as session:
        records = await list_calls(session, limit=1_000_000)
        calls = [await show_call(session, record.call_id) for record in records]
        rows = (await session.execute(events)).mappings()
        return calls, [msgspec.convert(plain(dict(row)), OperatorEvent) for row in rows]


async def states_kept(settings: Settings) -> list[StateChange]:
    """Read what operators did, in its order."""
    row = OperatorStateRow
    states = select(row.operator, row.at, row.state, row.call_id).order_by(row.at, row.id)
    async with Database(settings.url) as database, database.session() as session:
        rows = (await session.execute(states)).mappings()
        return [msgspec.convert(plain(dict(one)), StateChange) for one in rows]


async def callbacks_kept(settings: Settings) -> list[WorkItem]:
    """Read all callbacks, open or closed."""
    async with Database(settings.url) as database, database.session() as session:
        return await callbacks(session, which=ALL)


def report(
    plan: Plan,
    played: Played,
    left: Left,
    kept: Kept,
    complaints: Sequence[str],
    late_answers: Sequence[str] = (),
) -> Report:
    """Judge a storm; `complaints`, `late_answers`: what the logs say (`lab.storm.logs`)."""
    calls, events = kept.calls, kept.events
    records = [one.record for one in calls]
    counts = ledger(records, kept.items, played.heard, played.outages)
    refused_not = sum(one.failed for one in played.citizens if one.scenario in _REFERRING)
    facts = Facts(
        offered=[one.number for one in plan.citizens],
        calls=calls,
        operators=left.operators,
        phones=left.phones,
        channels=left.channels,
        bridges=left.bridges,
        engine_errors=left.engine_errors,
        refers_accepted=refused_not,
        events=events,
        seen=played.seen,
        complaints=complaints,
        late_answers=late_answers,
        outages=played.outages,
        stalls=played.stalls,
        states=kept.states,
        callbacks=wrong(records, kept.items, played.heard, counts),
        incidents=list(incidents_wrong(records, kept.incidents)),
        phones_wrong=phones_wrong(played.troubles, calls, SILENCE_S, played.outages, played.stalls),
    )
    stuck_ones = stuck(left.operators, left.phones)
    verdict = judge(facts)
    return Report(
        verdict=verdict,
        callbacks=counts,
        details={
            "kills": _counts(one.why for one in played.outages),
            "callbacks_s": played.callbacks_s,
            "outcomes": _counts(str(one.outcome) for one in records if one.callback_of is None),
            "failed_offers": _counts(
                str(event.data.get("reason"))
                for one in calls
                for event in one.events
                if event.kind is EventKind.OFFER_FAILED
            ),
            "transfers": transfers(calls),
            "incidents": _counts(str(one.incident.incident_class) for one in kept.incidents),
            "overflows": sum(
                event.kind is EventKind.OVERFLOW for one in calls for event in one.events
            ),
            "seen_busy": len(played.seen),
            "phones": dict(played.phones),
            "frail_phones": dict(played.fates),
            "talks_lost": sum(
                leg.reason == "lost" for _, _, leg in lost_legs(played.troubles, calls)
            ),
            "citizens": _counts(one.kind.name for one in plan.citizens),
            "citizens_failed": {one.scenario: one.failed for one in played.citizens if one.failed},
            "codes_dialled": played.dialled.calls,
            "codes_failed": played.dialled.failed,
            "operators": _counts(_name(event) for event in events),
        },
        wrong=[
            *facts.missing(),
            *facts.callbacks,
            *facts.incidents,
            *facts.phones_wrong,
            *complaints,
            *late_answers,
            *(f"stuck: {one}" for one in left.operators if one["id"] in stuck_ones),
            *unended(events, played.outages),
            *(f"not free: {one}" for one in left.phones if one["device"] != "free"),
            *verdict.late(),
        ],
    )


def transfers(calls: Sequence[CallHistory]) -> dict[str, Any]:
    """Count how citizens were handed over; what failed, by its reason."""
    events = [event for one in calls for event in one.events]
    failed = [one for one in events if one.kind is EventKind.TRANSFER_FAILED]
    joined = [one for one in events if one.kind is EventKind.JOINED]
    return {
        "started": sum(one.kind is EventKind.TRANSFER_STARTED for one in events),
        "failed": len(failed),
        "transferred": sum(one.kind is EventKind.TRANSFERRED for one in events),
        "conference": sum(one.data.get("how") == "conference" for one in joined),
        "forms": _counts(
            str(one.data.get("form")) for one in events if one.kind is EventKind.TRANSFER_STARTED
        ),
        "kinds": _counts(
            str(one.data.get("kind")) for one in events if one.kind is EventKind.TRANSFER_STARTED
        ),
        "failures": _counts(str(one.data.get("reason")) for one in failed),
    }


def unended(events: Sequence[OperatorEvent], outages: Sequence[Outage]) -> list[str]:
    """Name whose wrap-ups lack a begin or an end, with all that is known of them."""
    _, operators = wrap_ups(events, outages)
    # a storm that cannot be repeated tells its cause
    return [
        f"a wrap-up of {one} lacks its begin or its end; all of it: "
        + msgspec.json.encode([event for event in events if event.operator == one]).decode()
        for one in sorted(operators)
    ]


def _name(event: OperatorEvent) -> str:
    return f"{event.kind}_{event.reason}" if event.kind == "wrap_up_end" else event.kind


def _counts(names: Any) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
