"""What the engine holds at one moment, counted: for the status and for the metrics.

Reads only, in the event loop's thread, so no number is half-way between two events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from acd.calls.call import Call
from acd.calls.record import CallRecord
from acd.calls.states import Stage
from acd.numbers.withheld import Withheld, seen
from acd.operators.operator import Device, Status
from acd.operators.states import State
from acd.queueing.calls_at_once import ADDRESS, NUMBER
from acd.rules.load_shedding import Level, Shed
from incidents.dispatch import DispatchState
from incidents.dispatches import Dispatches
from ngalam112.engine.engine import Engine
from ngalam112.engine.event_router import EventRouter

_WAITING = (Stage.QUEUED, Stage.RINGING)


class LoadState(msgspec.Struct, frozen=True, kw_only=True):
    """How busy the line is, and since the start of this engine: work shed, calls held back.

    `cps`: calls that came in the last second. `at_door`: citizens who hear the music and wait to be
    taken in, without those `behind` them (`acd.queueing.calls_at_once`). `held_back`: calls that
    came when there was no room. `beyond_limit`: calls by the limit that they were beyond.
    """

    level: Level
    cps: int
    channels: int
    shed: dict[str, int]
    at_door: int
    held_back: int
    behind: int
    beyond_limit: dict[str, int]


class LineState(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one moment. `longest_wait_s`: of the citizens who have no operator yet."""

    queue_length: int
    longest_wait_s: float
    calls: dict[str, int]
    operators_by_status: dict[str, int]
    operators_by_state: dict[str, int]
    phones: dict[str, int]
    load: LoadState


def line_state(engine: Engine) -> LineState:
    """Count what the engine holds now."""
    now = engine.clock.now()
    calls = list(engine.router.calls.values())
    operators = list(engine.roster.operators.values())
    waits = [now - (one.record.queued_at or now) for one in calls if one.stage in _WAITING]
    return LineState(
        queue_length=len(engine.dispatcher.queue),
        longest_wait_s=round(max(waits, default=0.0), 3),
        calls=_counted((one.stage for one in calls), set(Stage) - {Stage.ENDED}),
        operators_by_status=_counted((one.status for one in operators), Status),
        operators_by_state=_counted(
            (one.state for one in operators if one.status is not Status.LOGGED_OUT), State
        ),
        phones=_counted((one.device for one in engine.roster.phones.values()), Device),
        load=_load(engine.router, now),
    )


def _load(router: EventRouter, now: float) -> LoadState:
    watch = router.dispatcher.load
    load = watch.now(now)
    return LoadState(
        level=watch.level,
        cps=load.cps,
        channels=load.channels,
        shed={kind.value: watch.shed[kind] for kind in Shed},
        at_door=watch.at_door(),
        held_back=watch.held_back,
        behind=len(router.admission.order.behind),
        beyond_limit={by: router.claims.at_once.over[by] for by in (NUMBER, ADDRESS)},
    )


def living_calls(engine: Engine) -> list[dict[str, Any]]:
    """The calls that live, the oldest first, with the seconds since they arrived."""
    now = engine.clock.now()
    oldest_first = sorted(engine.router.calls.values(), key=lambda one: one.record.arrived_at)
    how = engine.dispatcher.rules.withheld
    return [_living(one, how, now) for one in oldest_first]


def dispatches_by_state(dispatches: Dispatches) -> dict[str, int]:
    """How many reports to agencies there are, from which something follows, in each state."""
    return _counted((one.state for one in dispatches.open.values()), DispatchState)


def trunk_state(engine: Engine) -> dict[str, Any]:
    """What is known of the trunk: hosts that do not answer, and whether calls should have come."""
    probe, came_at = engine.trunk_probe, engine.dispatcher.load.came_at
    most_min, now = engine.settings.alarm_no_call_min, engine.clock.now()
    return {"down": probe.down, "silent_min": probe.silent_min(came_at, most_min, now)}


def _living(call: Call, how: Withheld, now: float) -> dict[str, Any]:
    return {
        "call_id": call.id,
        "stage": call.stage.value,
        "category": call.record.category,
        "caller": seen(call.record.caller_number, call.record.withheld, how),
        "operator": call.operator,
        "phone": call.record.phone,
        "place": _place(call.record),
        "silent": call.silent,
        "nuisance": call.record.nuisance,
        "seconds": round(now - call.record.arrived_at, 1),
    }


def _place(record: CallRecord) -> dict[str, Any] | None:
    """Where the citizen is; None if that is not known."""
    if record.place_source is None:
        return None
    names = ("lat", "lon", "radius_m", "place", "kelurahan", "kecamatan")
    return {"source": record.place_source, **{name: getattr(record, name) for name in names}}


def _counted(found: Iterable[StrEnum], kinds: Iterable[StrEnum]) -> dict[str, int]:
    """Count, with a zero for each kind of which there is none."""
    counts = Counter(one.value for one in found)
    return {kind.value: counts[kind.value] for kind in sorted(kinds)}
