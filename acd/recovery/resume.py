"""Takes up calls that lived on in Asterisk while no engine watched: talks, rings, waits.

The counterpart of the dispatcher for what is under way already: it changes no record but for what
is new, and leaves alone whoever talks.
"""

from __future__ import annotations

from collections.abc import Collection

from acd.calls.call import Call, Leg
from acd.calls.checkpoint import CallCheckpoint
from acd.calls.states import LegStage, Stage
from acd.dispatcher import Dispatcher
from acd.operators.states import State


class Resumption:
    """What can be taken up. The writer settles after it, as after any event."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher, self._operator_legs = dispatcher, dispatcher.operator_legs

    def talk(self, call: Call, legs: list[str], bridge: str, now: float) -> None:
        """The citizen talks with these legs in this bridge: so it stays."""
        dispatcher = self._dispatcher
        partners = [self._leg_of(call, one) for one in legs]
        self._out_of_the_queue(call)
        self._left_meanwhile(call, legs, now)
        if set(call.legs) != set(legs):
            for leg in call.legs.values():
                if leg.stage is LegStage.RINGING:
                    # another phone rings for it by now
                    self._operator_legs.note_failed(leg, "taken_up", now)
            dispatcher.release(call, now)
        call.bridge = bridge
        dispatcher.bridges[bridge] = call
        dispatcher.switch.belongs(bridge, call.channel)
        call.move(Stage.TALKING)
        for leg in partners:
            self._add(leg)
            leg.rearm(None)
            self._operator_legs.talk(leg, now)
            if leg.declines:
                dispatcher.transfers.refuse(leg, now)  # what it began is not known any more
        if all(leg.held_since is None for leg in partners):
            # music for a consultation that came to nothing: an engine may die when only that is on
            dispatcher.switch.unhold(call.channel)

    def join(self, call: Call, leg_id: str, now: float) -> None:
        """One who has answered, or who talked with the citizen, is alone: connect the two."""
        dispatcher = self._dispatcher
        leg = self._leg_of(call, leg_id)
        if leg_id in call.legs and leg.stage is LegStage.RINGING:
            dispatcher.leg_answered(leg_id, now)
            return
        self._out_of_the_queue(call)
        self._left_meanwhile(call, [leg_id], now)
        dispatcher.close_bridge(call)
        self._add(leg)
        self._operator_legs.set_state(leg, State.OFFERED, now)  # and free for nobody else
        leg.move(LegStage.RINGING)
        call.move(Stage.RINGING)
        dispatcher.leg_answered(leg_id, now)

    def wait(self, call: Call, rings: list[str], now: float, *, told: bool = True) -> None:
        """The citizen waits on, in the old place; phones that ring for the call ring on.

        `rings`: those of the legs that an earlier engine rang which still do. Not `told`: who has
        to hear at once to be in line.
        """
        kept = call.checkpoint.offers if call.checkpoint else []
        rung = [self._leg_of(call, one.leg) for one in kept if one.leg in rings]
        self._left_meanwhile(call, (), now)
        call.move(Stage.QUEUED)
        for leg in rung:
            self._operator_legs.ring_on(self._add(leg), now)
        if call.legs:
            call.move(Stage.RINGING)
        else:
            self._dispatcher.wait(call, now)
        self._dispatcher.announcements.resume(call, now, told=told)

    def over(self, call: Call, at: float) -> None:
        """The citizen is with nobody of ours any more since `at`.

        So nobody holds them, and nothing comes of what phones asked an earlier engine for by REFER.
        """
        kept = call.checkpoint or CallCheckpoint()
        for leg_id in kept.refers:
            if leg_id not in call.legs:
                self._dispatcher.transfers.decline(leg_id)
        for leg in [self._leg_of(call, one) for one in kept.held if one not in call.legs]:
            self._operator_legs.resumed(leg, at)

    def _add(self, leg: Leg) -> Leg:
        self._dispatcher.switch.belongs(leg.id, leg.call.channel)
        return self._operator_legs.add_leg(leg)

    def _left_meanwhile(self, call: Call, stay: Collection[str], now: float) -> None:
        """Who has talked with the citizen under an earlier engine, and is not to `stay`, leaves."""
        gone = [
            self._leg_of(call, one.leg)
            for one in call.record.legs
            if one.left_at is None and one.leg not in stay and one.leg not in call.legs
        ]
        for leg in gone:
            operator = self._dispatcher.roster.operators.get(leg.operator or "")
            if operator is not None and operator.call is None:  # else with somebody else by now
                self._operator_legs.set_state(leg, State.TALKING, now)
            # its channel, if it lives, belongs to nobody now, and such are hung up
            self._operator_legs.leave(leg, "taken_up", now)

    def _out_of_the_queue(self, call: Call) -> None:
        call.rearm(None)
        call.unwatch()
        self._dispatcher.queue.remove(call)
        self._dispatcher.announcements.stop(call)

    def _leg_of(self, call: Call, leg_id: str) -> Leg:
        """The leg as the call, its record, its facts or the desks know it, whichever does first."""
        if leg_id in call.legs:
            return call.legs[leg_id]
        kept = call.checkpoint or CallCheckpoint()
        joined = next((one for one in call.record.legs if one.leg == leg_id), None)
        rang = next((one for one in kept.offers if one.leg == leg_id), None)
        if joined is not None and joined.phone:
            phone, who = joined.phone, joined.operator
        elif rang is not None:
            phone, who = rang.phone, rang.operator
        else:
            phone = self._operator_legs.phone_of(leg_id) or call.record.phone or ""
            sits = self._dispatcher.roster.at_phone(phone)
            who = call.record.operator if phone == call.record.phone else None
            who = who or (sits.id if sits is not None else None)
        leg = Leg(leg_id, call, phone, who, declines=leg_id in kept.refers)
        leg.held_since = kept.held.get(leg_id)
        if rang is not None:
            leg.rings_since = rang.since
        if joined is not None and joined.left_at is None:
            leg.talks_since = joined.joined_at
        return leg
