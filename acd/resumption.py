"""Takes up calls that lived on in Asterisk while no engine watched: talks, rings, waits.

The counterpart of the dispatcher for what is under way already: it changes no record but for what
is new, and leaves alone whoever talks.
"""

from __future__ import annotations

from acd.calls import Call, Leg, LegStage, Stage
from acd.dispatcher import Dispatcher
from acd.kept import KeptLeg
from acd.operators import State


class Resumption:
    """What can be taken up. After any of it the dispatcher has to `settle`."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher, self._desks = dispatcher, dispatcher.desks

    def talk(self, call: Call, legs: list[str], bridge: str, now: float) -> None:
        """The citizen talks with these legs in this bridge: so it stays."""
        dispatcher = self._dispatcher
        self._out_of_the_queue(call)
        if set(call.legs) != set(legs):
            for leg in call.legs.values():
                if leg.stage is LegStage.RINGING:
                    # another phone rings for it by now
                    self._desks.note_failed(leg, "taken_up", now)
            dispatcher.release(call, now)
        call.bridge = bridge
        dispatcher.bridges[bridge] = call
        call.stage = Stage.TALKING
        for leg_id in legs:
            leg = call.legs.get(leg_id) or self._known_leg(call, leg_id)
            leg.rearm(None)
            if call.kept is not None and leg.held_since is None:
                leg.held_since = call.kept.held.get(leg_id)
            self._desks.talk(leg, now)
            if leg.held_since is not None:
                self._desks.set_state(leg, State.HOLDING)

    def join(self, call: Call, leg_id: str, now: float) -> None:
        """One who has answered, or who talked with the citizen, is alone: connect the two."""
        dispatcher = self._dispatcher
        leg = call.legs.get(leg_id)
        if leg is not None and leg.stage is LegStage.RINGING:
            dispatcher.leg_answered(leg_id, now)
            return
        self._out_of_the_queue(call)
        dispatcher.close_bridge(call)
        if leg is None:
            leg = self._known_leg(call, leg_id)
        leg.stage, call.stage = LegStage.RINGING, Stage.RINGING
        dispatcher.leg_answered(leg_id, now)

    def wait(self, call: Call, rings: list[str], now: float) -> None:
        """The citizen waits on, in the old place; phones that ring for the call ring on.

        `rings`: those of the legs that an earlier engine rang which still do.
        """
        offers = [one for one in call.kept.offers if one.leg in rings] if call.kept else []
        call.stage = Stage.QUEUED
        for one in offers:
            self._ring_on(call, one)
        if call.legs:
            call.stage = Stage.RINGING
        else:
            self._dispatcher.wait(call, now)
        self._dispatcher.switch.music(call.channel, call.turns)
        self._dispatcher.announcements.resume(call, now)

    def _out_of_the_queue(self, call: Call) -> None:
        call.rearm(None)
        call.unwatch()
        self._dispatcher.queue.remove(call)
        self._dispatcher.announcements.stop(call)

    def _ring_on(self, call: Call, kept: KeptLeg) -> None:
        leg = Leg(kept.leg, call, kept.phone, kept.operator, rings_since=kept.since)
        self._desks.ring_on(self._desks.add_leg(leg))

    def _known_leg(self, call: Call, leg_id: str) -> Leg:
        """The leg as the record, the facts or the desks know it, whichever does."""
        joined = next((one for one in call.record.legs if one.leg == leg_id), None)
        offers = call.kept.offers if call.kept is not None else []
        rang = next((one for one in offers if one.leg == leg_id), None)
        if joined is not None and joined.phone:
            phone, who = joined.phone, joined.operator
        elif rang is not None:
            phone, who = rang.phone, rang.operator
        else:
            phone = call.record.phone or self._desks.phone_of(leg_id)
            sits = self._dispatcher.roster.at_phone(phone)
            who = call.record.operator or (sits.id if sits is not None else None)
        return self._desks.add_leg(Leg(leg_id, call, phone, who))
