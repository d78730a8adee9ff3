"""Takes the line up again after a (re)connect: carries out what `reconcile` decided."""

from __future__ import annotations

import msgspec
import structlog

from acd.calls import Call, LegStage, Stage
from acd.desks import NORMAL
from acd.queue import service_key
from acd.records import CategorySource, EventKind
from acd.recovery import Fate, Verdict, reconcile
from ngalam112.line import Line
from ngalam112.recovery import Snapshot

log = structlog.get_logger("takeup")


class TakeUp(msgspec.Struct, frozen=True):
    """What Asterisk held after a (re)connect; `calls` and `legs` are those we knew before it."""

    live: Snapshot
    calls: frozenset[str]
    legs: frozenset[str]


def take_up(line: Line, event: TakeUp, now: float) -> None:
    """Bring every call that we knew and every leg that lives together again."""
    live, dispatcher = event.live, line.dispatcher
    # in the order of service, so that who has waited longest gets the first free operator
    knew = sorted((line.calls[one] for one in event.calls if one in line.calls), key=service_key)
    for call in knew:
        if call.stage is Stage.ENDED and call.channel in live.legs:
            line.switch.hang_up(call.channel)  # asked before, and lost with the connection
    for leg in event.legs - live.legs.keys():
        dispatcher.leg_gone(leg, NORMAL, now)
    for call in knew:
        if call.record.events == 0:
            # only claimed: Asterisk has passed it on, to us as a new call or to the fallback
            call.rearm(None)
            del line.calls[call.channel]
    # who is being handed over by this engine, and who talks among colleagues, is in good hands
    busy = [call for call in knew if call.transfer is not None and call.channel in live.legs]
    hands_off = line.internal.channels() | {call.channel for call in busy}
    hands_off = hands_off.union(*(call.legs for call in busy))
    stored = [
        call.record
        for call in knew
        if call.record.events and call.channel in line.calls and call not in busy
    ]
    legs = {one: leg for one, leg in live.legs.items() if one not in hands_off}
    verdicts = reconcile(stored, legs, live.bridges)
    for verdict in verdicts:
        _carry_out(line, verdict, event, now)
    talking = {one.bridge for one in verdicts if one.fate is Fate.TALK}
    kept = talking | dispatcher.bridges.keys()
    for bridge, members in live.bridges.items():
        if bridge not in kept and not hands_off.intersection(members):
            line.switch.disconnect(bridge)
    dispatcher.settle(now)


def _carry_out(line: Line, verdict: Verdict, event: TakeUp, now: float) -> None:
    call = line.calls.get(verdict.leg)
    log.info("taken_up", fate=verdict.fate, leg=verdict.leg, call_id=call.id if call else None)
    match verdict.fate:
        case Fate.DROP if (offered := line.dispatcher.desks.legs.get(verdict.leg)) is not None:
            # an operator who answered in the gap hears nothing until the two are connected
            if event.live.legs[verdict.leg].up and offered.stage is LegStage.RINGING:
                line.dispatcher.leg_answered(verdict.leg, now)
        case Fate.DROP:
            line.switch.hang_up(verdict.leg)
        case Fate.END if call is not None:
            call.hung_up_by = call.hung_up_by or "unknown"
            line.over(call, call.cause or 0, now)
        case Fate.TALK if call is not None and call.stage is not Stage.TALKING:
            line.dispatcher.resume_talk(call, list(verdict.partners), verdict.bridge, now)
        case Fate.WAIT if call is not None and call.stage in (Stage.CLAIMED, Stage.TALKING):
            _to_queue(line, call, now)
        case Fate.ARRIVE if call is None:
            leg = event.live.legs[verdict.leg]
            call = line.new_call(verdict.leg, now)
            line.note_arrival(call, leg.caller_number, leg.caller_name, leg.called_number)
            _to_queue(line, call, now)


def _to_queue(line: Line, call: Call, now: float) -> None:
    if call.record.category is None:
        call.note(
            EventKind.MENU_DONE,
            now,
            category=line.reception.default_category,
            category_source=CategorySource.NONE.value,
        )
    line.dispatcher.enqueue(call, now)
