"""The types of what `/api/live` pushes; `ngalam112.api.live_state` makes it."""

from __future__ import annotations

import msgspec

from acd.operators.operator import Device, Status
from acd.operators.states import State
from incidents.dispatch import DispatchState
from ngalam112.alarms.alarm import Alarm
from ngalam112.api.answers import (
    EngineState,
    OperatorsState,
    QueueState,
    TrunkState,
    WarningsState,
)
from ngalam112.api.shown import Moment, many, shown
from ngalam112.api.state import LoadState


class LiveCategory(msgspec.Struct):
    """The citizens who wait for an operator in a category, "" if none is known yet."""

    category: str
    waiting: int
    longest_wait_s: float


class LiveWaiting(msgspec.Struct):
    """One of the queue. `kind`: call, callback, verification or text. `caller`: if it is shown."""

    id: str
    kind: str
    category: str
    caller: str
    wait_s: float


class LivePerson(msgspec.Struct):
    """An operator. `for_s`: so long in this state or status; None if that is not known.

    `device`: what Asterisk says of the phone where the operator is.
    """

    id: str
    name: str
    status: Status
    state: State
    for_s: float | None
    pause_reason: str | None
    phone: str | None
    device: Device | None
    call: str | None
    text: str | None
    calls_taken: int


class LiveCallbacks(msgspec.Struct):
    """How many citizens are owed a call, and how long the first of them has been."""

    open: int
    oldest_s: float


class LiveUntold(msgspec.Struct):
    """A report that has reached no agency yet, or that was not accepted in time."""

    incident_id: str
    agency: str
    state: DispatchState
    for_s: float


LiveAlarm = shown(
    Alarm, "LiveAlarm", "An alarm that is on. `alarm`: its kind, and what it is about.", alarm=str
)


class LiveSnapshot(msgspec.Struct):
    """The line at one moment. `seq`: counts the snapshots of one engine.

    `last_call_s`: so long ago the last call came; None if none has since this engine's start.
    `alarms`: the first 50 that are on. `trunk_refused`: calls from trunks that Asterisk has refused
    by itself within a day.
    `categories`: all who wait, ringing or not. `waiting`: the first 50 of the queue, in the order
    of service. `people`: 300 at most, who is on duty first. `untold`: the oldest 20. The others are
    as in the status.
    """

    seq: int
    at: Moment
    engine: EngineState
    queue: QueueState
    calls: dict[str, int]
    operators: OperatorsState
    load: LoadState
    trunk: TrunkState
    alarms: many(LiveAlarm)  # type: ignore[valid-type]
    last_call_s: float | None
    trunk_refused: int
    dispatches: dict[DispatchState, int]
    warnings: WarningsState
    categories: list[LiveCategory]
    waiting: list[LiveWaiting]
    people: list[LivePerson]
    callbacks: LiveCallbacks
    untold: list[LiveUntold]
