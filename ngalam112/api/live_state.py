"""What a board shows of the line at one moment; bounded, however many wait.

Reads only, in the event loop's thread. All who wait are counted; the first are told one by one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from acd.calls.call import Call
from acd.calls.states import Stage
from acd.numbers.withheld import Withheld, seen
from acd.operators.operator import Operator, Status
from acd.operators.states import State
from acd.queueing.waiting import Waiting
from acd.work_items.item import WorkItem
from incidents.dispatch import Dispatch, DispatchState
from ngalam112.api import time_ranges
from ngalam112.api.alarms import shown_alarms
from ngalam112.api.queries import Answer
from ngalam112.api.state import dispatches_by_state, line_state, trunk_state
from ngalam112.api.warnings import warning_summary
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

MOST_WAITING = 50
MOST_OPERATORS = 300
MOST_DISPATCHES = 20

_WAITING = (Stage.QUEUED, Stage.RINGING)
_TALKS = (State.TALKING, State.HOLDING)
_UNTOLD = (DispatchState.SENDING, DispatchState.OVERDUE)


def live_state(engine: Engine, settings: Settings, health: object, seq: int) -> Answer:
    """Return the snapshot of this number. `health`: what the status tells of the engine."""
    now, state = engine.clock.now(), line_state(engine)
    came = engine.dispatcher.load.came_at
    refused = (one.calls for one in engine.refusals.lately() if one.trunk)
    jobs = engine.router.callbacks.open()
    return {
        "seq": seq,
        "at": time_ranges.local(now, ZoneInfo(settings.timezone)).isoformat(timespec="seconds"),
        "engine": health,
        "queue": {"length": state.queue_length, "longest_wait_s": state.longest_wait_s},
        "calls": state.calls,
        "operators": {"status": state.operators_by_status, "state": state.operators_by_state},
        "load": state.load,
        "trunk": trunk_state(engine),
        "alarms": shown_alarms(engine, settings),
        "last_call_s": None if came is None else round(now - came, 1),
        "trunk_refused": sum(refused),
        "dispatches": dispatches_by_state(engine.dispatches),
        "warnings": warning_summary(engine, settings),
        "categories": _categories(engine.router.calls.values(), now),
        "waiting": _first(engine, now),
        "people": _people(engine, now),
        "callbacks": {
            "open": len(jobs),
            "oldest_s": round(now - jobs[0].item.created_at, 1) if jobs else 0.0,
        },
        "untold": _untold(engine.dispatches.open.values(), now),
    }


def _categories(calls: Iterable[Call], now: float) -> list[dict[str, Any]]:
    """How many citizens wait for what, ringing or not, and how long the first of them has."""
    waits: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    for one in calls:
        if one.stage in _WAITING:
            of = waits[one.record.category or ""]
            of[0] += 1
            of[1] = max(of[1], now - (one.record.queued_at or now))
    return [
        {"category": name, "waiting": int(count), "longest_wait_s": round(longest, 1)}
        for name, (count, longest) in sorted(waits.items())
    ]


def _first(engine: Engine, now: float) -> list[dict[str, Any]]:
    """The first of the queue, in the order of service; whose phone rings is not in it."""
    how = engine.dispatcher.rules.withheld
    return [_one(one, how, now) for one in islice(engine.dispatcher.queue, MOST_WAITING)]


def _one(one: Waiting, how: Withheld, now: float) -> dict[str, Any]:
    kind, number, withheld = "text" if one.is_text else "call", "", False
    if isinstance(one, Call):
        number, withheld = one.record.caller_number, one.record.withheld
    elif isinstance(item := getattr(one, "item", None), WorkItem):
        kind, number, withheld = item.kind, item.number, item.withheld
    return {
        "id": one.id,
        "kind": kind,
        "category": one.category or "",
        "caller": seen(number, withheld, how),
        "wait_s": round(now - one.waits_from, 1),
    }


def _people(engine: Engine, now: float) -> list[dict[str, Any]]:
    """Who is on duty, then who is not, each in the order of their ids."""
    out = Status.LOGGED_OUT
    everybody = sorted(
        engine.roster.operators.values(), key=lambda one: (one.status is out, one.id)
    )
    return [_person(engine, one, now) for one in everybody[:MOST_OPERATORS]]


def _person(engine: Engine, one: Operator, now: float) -> dict[str, Any]:
    phone, since = engine.roster.phones.get(one.phone or ""), _since(engine, one)
    return {
        "id": one.id,
        "name": one.name,
        "status": one.status.value,
        "state": one.state.value,
        "for_s": round(now - since, 1) if since else None,
        "pause_reason": one.pause_reason,
        "phone": one.phone,
        "device": phone.device.value if phone else None,
        "call": one.call,
        "text": one.text,
        "calls_taken": one.calls_taken,
    }


def _since(engine: Engine, one: Operator) -> float:
    """Since when the operator does what the board shows; 0 if that is not known."""
    if one.state in _TALKS and (call := engine.router.calls.get(one.call or "")) is not None:
        # a talk that an earlier engine began is as old as it is
        return max(
            (leg.talks_since for leg in call.legs.values() if leg.operator == one.id), default=0.0
        )
    return (
        one.state_since if one.state is not State.IDLE else max(one.state_since, one.status_since)
    )


def _untold(dispatches: Iterable[Dispatch], now: float) -> list[dict[str, Any]]:
    """The oldest reports that have reached no agency, or that none has accepted in time."""
    found = [one for one in dispatches if one.state in _UNTOLD]
    return [
        {
            "incident_id": one.incident_id,
            "agency": one.agency,
            "state": one.state.value,
            "for_s": round(now - one.created_at, 1),
        }
        for one in sorted(found, key=lambda one: one.created_at)[:MOST_DISPATCHES]
    ]
