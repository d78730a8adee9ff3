"""The dispatcher: the one writer of the queue, the offers and the talks.

Its methods are the things that can happen; each changes the state at once, tells the switch what
to do and never waits. After every one of them no ready, free operator is beside a waiting call.
"""

from __future__ import annotations

import structlog

from acd.allocation import Offer, allocate
from acd.calls import Call, Stage
from acd.ids import new_id
from acd.operators import Device, Operator, State
from acd.ports import Switch
from acd.queue import WaitingQueue
from acd.records import EventKind
from acd.roster import Roster
from acd.rules import Rules
from acd.timers import Timers

log = structlog.get_logger("acd")

# Q.850 causes of an offer that failed: reason, and the seconds before the same operator is
# offered another call (ringing in vain may be tried again at once, a phone that refuses may not)
_NO_ANSWER = ("no_answer", 0.5)
_FAILED_OFFERS = {17: ("busy", 3.0), 19: _NO_ANSWER, 18: _NO_ANSWER, 21: ("rejected", 5.0)}
_UNREACHABLE = ("unreachable", 5.0)
NORMAL, NO_ANSWER = 16, 19


def dialable(number: str) -> str:
    """The part of a caller's number that is safe to show and to dial; hostile text is dropped."""
    return "".join(sign for sign in number[:32] if sign in "+*#0123456789")


class Dispatcher:
    """Queues calls, offers them to operators, connects them, ends them."""

    def __init__(self, switch: Switch, roster: Roster, timers: Timers, rules: Rules) -> None:
        self.switch, self.roster, self.timers, self.rules = switch, roster, timers, rules
        self.queue = WaitingQueue()
        self.legs: dict[str, Call] = {}  # operators' legs that ring or talk
        self.bridges: dict[str, Call] = {}
        self._phone_of_leg: dict[str, str] = {}
        self._spoke_with: dict[str, tuple[str, float]] = {}  # caller -> operator, time

    # --- what happens to the citizen ---------------------------------------------------------

    def enqueue(self, call: Call, now: float) -> None:
        """The category is known: wait for an operator, or be offered to one at once."""
        self._release(call, now)
        self.queue.remove(call)
        call.head_start_s = self.rules.category(call.record.category).head_start_s
        call.preferred = self._preferred(call, now)
        position = self.queue.add(call)
        call.stage = Stage.QUEUED
        call.rearm(None)
        call.note(EventKind.QUEUED, now, category=call.record.category, position=position)
        self.settle(now)
        if call.stage is Stage.QUEUED or call.stage is Stage.RINGING:
            self.switch.music(call.channel)

    def citizen_gone(self, call: Call, cause: int, now: float) -> None:
        """The citizen's leg is gone: whatever was done for the call is undone."""
        self.finish(call, call.hung_up_by or "caller", cause, now)
        self.settle(now)

    def finish(self, call: Call, ended_by: str, cause: int | None, now: float) -> None:
        """The call is over; its record is final. Safe to call twice."""
        if call.stage is Stage.ENDED:
            return
        self.queue.remove(call)
        call.rearm(None)
        call.note(EventKind.ENDED, now, ended_by=ended_by, hangup_cause=cause)
        self._release(call, now)
        call.stage = Stage.ENDED

    def resume_talk(self, call: Call, leg: str, bridge: str, now: float) -> None:
        """Take up a talk that went on in Asterisk while no engine watched."""
        call.rearm(None)
        self.queue.remove(call)
        if call.leg != leg:
            if call.stage is Stage.RINGING:
                self._note_failed(call, "taken_up", now)  # another phone rings for it by now
            self._release(call, now)
        call.leg, call.bridge = leg, bridge
        self.legs[leg] = self.bridges[bridge] = call
        # an offer that was given up when the connection was lost has left only its leg's phone
        phone = call.record.phone or self._phone_of_leg.get(leg, "")
        operator = self.roster.operators.get(
            call.operator or call.record.operator or ""
        ) or self.roster.at_phone(phone)
        who = operator.id if operator is not None else call.record.operator or ""
        if call.record.operator_answered_at is None:
            call.note(EventKind.ANSWERED, now, operator=who, phone=phone)
        call.stage = Stage.TALKING
        if operator is not None:
            call.operator = operator.id
            operator.state, operator.call = State.TALKING, call.id
        if phone:
            self._phone_of_leg[leg] = phone

    # --- what happens to an offer -------------------------------------------------------------

    def leg_ringing(self, leg: str, now: float) -> None:
        """The operator's phone rings."""
        call = self.legs.get(leg)
        if call is not None and call.stage is Stage.RINGING:
            call.note(
                EventKind.RINGING, now, operator=call.record.operator, phone=call.record.phone
            )

    def leg_answered(self, leg: str, now: float) -> None:
        """The operator has answered: connect, unless the offer is no longer wanted."""
        call = self.legs.get(leg)
        if call is None or call.stage is not Stage.RINGING:
            self.switch.hang_up(leg, NORMAL)
            return
        call.rearm(None)
        call.bridge = new_id(now)
        self.bridges[call.bridge] = call
        self.switch.connect(call.bridge, call.channel, leg)

    def connected(self, bridge: str, now: float) -> None:
        """The operator and the citizen can hear each other."""
        call = self.bridges.get(bridge)
        if call is None or call.stage is not Stage.RINGING:
            return
        call.stage = Stage.TALKING
        operator = self.roster.operators[call.operator or ""]
        operator.state, operator.misses = State.TALKING, 0
        operator.calls_taken += 1
        call.note(EventKind.ANSWERED, now, operator=operator.id, phone=call.record.phone)

    def connect_failed(self, bridge: str, why: str, now: float) -> None:
        """The two could not be connected; the citizen waits on, if there still is one."""
        call = self.bridges.get(bridge)
        if call is not None and call.stage is Stage.RINGING:
            self._offer_failed(call, why, 0.5, now)
            self.settle(now)

    def ring_failed(self, leg: str, now: float) -> None:
        """The phone could not be rung at all; that is not the operator's miss."""
        self._free_phone(leg)
        call = self.legs.get(leg)
        if call is not None and call.stage is Stage.RINGING:
            self._offer_failed(call, "failed", 0.5, now)
        self.settle(now)

    def leg_gone(self, leg: str, cause: int, now: float) -> None:
        """An operator's leg is gone: the offer failed, or the operator hung up."""
        self._free_phone(leg)
        call = self.legs.pop(leg, None)
        if call is not None and call.stage is Stage.RINGING:
            reason, rest = _FAILED_OFFERS.get(cause, _UNREACHABLE)
            self._offer_failed(call, reason, rest, now)
        elif call is not None and call.stage is Stage.TALKING:
            self.finish(call, call.hung_up_by or "operator", cause, now)
            self.switch.hang_up(call.channel, NORMAL)
        self.settle(now)

    # --- what the dispatcher does of itself ---------------------------------------------------

    def settle(self, now: float) -> None:
        """Offer waiting calls to free operators until one of the two runs out."""
        if not len(self.queue):
            return
        roster = self.roster
        for offer in allocate(
            self.queue, roster.operators.values(), roster.phones, now, self.rules
        ):
            self._offer(offer, now)

    def _offer(self, offer: Offer, now: float) -> None:
        call, operator, phone = offer
        self.queue.remove(call)
        leg = new_id(now)
        call.leg, call.operator, call.stage = leg, operator.id, Stage.RINGING
        operator.state, operator.call, operator.offered_at = State.OFFERED, call.id, now
        phone.device = Device.IN_USE
        self.legs[leg] = call
        self._phone_of_leg[leg] = phone.number
        call.note(EventKind.OFFERED, now, operator=operator.id, phone=phone.number)
        call.rearm(
            self.timers.at(now + self.rules.ring_timeout_s, lambda at: self._rang_out(leg, at))
        )
        number = dialable(call.record.caller_number)
        display = f"{self.rules.category(call.record.category).label} {number or 'anonim'}"
        self.switch.ring(leg, phone.number, (display, number or "anonim"), call.channel)

    def _rang_out(self, leg: str, now: float) -> None:
        call = self.legs.get(leg)
        if call is not None and call.stage is Stage.RINGING:
            self._offer_failed(call, *_NO_ANSWER, now)
            self.settle(now)

    def _offer_failed(self, call: Call, reason: str, rest_s: float, now: float) -> None:
        operator = self.roster.operators[call.operator or ""]
        self._note_failed(call, reason, now)
        connecting = call.bridge is not None
        self._drop_leg(call)
        if connecting:
            self.switch.music(call.channel)  # connecting had ended it
        call.rearm(None)
        call.operator, call.stage = None, Stage.QUEUED
        self.queue.add(call)
        self.roster.missed(operator, reason, rest_s, now)
        self.timers.at(operator.not_before, self.settle)

    def _note_failed(self, call: Call, reason: str, now: float) -> None:
        who, phone = call.operator, call.record.phone
        call.note(EventKind.OFFER_FAILED, now, operator=who, phone=phone, reason=reason)
        log.info("offer_failed", call_id=call.id, operator=who, reason=reason)

    def _release(self, call: Call, now: float) -> None:
        operator = self.roster.operators.get(call.operator or "")
        self._drop_leg(call)
        call.operator = None
        if operator is None or operator.call != call.id:
            return
        if call.stage is Stage.TALKING:
            self._note_talk(operator, call, now)
            self._wrap_up(operator, self.rules.wrap_up(call.record.category), now)
        else:
            self.roster.idle(operator, operator.idle_since)

    def _free_phone(self, leg: str) -> None:
        phone = self.roster.phones.get(self._phone_of_leg.pop(leg, ""))
        # one that has gone away meanwhile is unreachable until Asterisk says otherwise
        if phone is not None and phone.device is Device.IN_USE:
            phone.device = Device.FREE

    def _drop_leg(self, call: Call) -> None:
        # the phone stays in use until its leg is really gone; leg_gone frees it
        if call.leg is not None:
            if self.legs.pop(call.leg, None) is not None:
                self.switch.hang_up(call.leg, NO_ANSWER if call.bridge is None else NORMAL)
            call.leg = None
        if call.bridge is not None:
            self.bridges.pop(call.bridge, None)
            self.switch.disconnect(call.bridge)
            call.bridge = None

    def _preferred(self, call: Call, now: float) -> str | None:
        operator, at = self._spoke_with.get(call.record.caller_number, ("", 0.0))
        return operator if operator and now - at <= self.rules.preferred_s else None

    def _note_talk(self, operator: Operator, call: Call, now: float) -> None:
        operator.talk_s += now - (call.record.operator_answered_at or now)
        number, spoke_with = call.record.caller_number, self._spoke_with
        if not number or self.rules.preferred_s <= 0:
            return
        spoke_with.pop(number, None)
        spoke_with[number] = (operator.id, now)
        oldest = next(iter(spoke_with))
        while now - spoke_with[oldest][1] > self.rules.preferred_s:
            del spoke_with[oldest]
            oldest = next(iter(spoke_with))

    def _wrap_up(self, operator: Operator, seconds: float, now: float) -> None:
        if seconds <= 0:
            self.roster.idle(operator, now)
            return
        until = self.roster.wrap_up(operator, seconds, now)
        self.timers.at(until, lambda at: self._wrapped_up(operator, until, at))

    def _wrapped_up(self, operator: Operator, until: float, now: float) -> None:
        # one that was ended early, or has begun anew since, is none of this deadline's
        if operator.state is State.WRAP_UP and operator.wrap_up_until == until:
            self.roster.idle(operator, now)
            self.settle(now)
