"""The dispatcher: the one writer of the queue, the offers and the talks.

Its methods are the things that can happen; each changes the state at once, tells the switch what
to do and never waits. After every one of them no ready, free operator is beside a waiting call
that this operator may have. Handing over is `acd.transfers`, which uses the parts here.
"""

from __future__ import annotations

import structlog

from acd.agencies import Directory
from acd.allocation import Offer, allocate
from acd.announcements import Announcements, on_duty
from acd.calls import Call, Stage
from acd.ids import new_id
from acd.legs import Leg, LegStage
from acd.operators import Device, Operator, Phone, State
from acd.overflow import Overflow
from acd.ports import Switch
from acd.queue import WaitingQueue, cap_at, head_start
from acd.records import EventKind
from acd.roster import Roster
from acd.rules import Rules
from acd.skills import next_widening
from acd.timers import Timers
from acd.transfers import Transfers
from acd.wrapup import WrapUps

log = structlog.get_logger("acd")

# Q.850 causes of an offer that failed; what follows from each is data (`Rules.failures`)
_REASONS = {17: "busy", 18: "no_answer", 19: "no_answer", 21: "rejected"}
NORMAL, NO_ANSWER, ANSWERED_ELSEWHERE = 16, 19, 26
CONNECT_RETRY_S = 0.5
GAVE_UP_S = 1.0  # a phone that is told of a failed REFER hangs up by itself, or it does not
AT_ONCE_S = 0.5  # nobody has helped a citizen in so short a talk


def dialable(number: str) -> str:
    """The part of a caller's number that is safe to show and to dial; hostile text is dropped."""
    return "".join(sign for sign in number[:32] if sign in "+*#0123456789")


class Dispatcher:
    """Queues calls, offers them to operators, connects them, ends them."""

    def __init__(
        self,
        switch: Switch,
        roster: Roster,
        timers: Timers,
        rules: Rules,
        directory: Directory | None = None,
    ) -> None:
        self.switch, self.roster, self.timers, self.rules = switch, roster, timers, rules
        self.wrap_ups = WrapUps(roster, timers, self.settle)
        self.queue = WaitingQueue()
        self.announcements = Announcements(
            switch, timers, rules.announce, position=self.queue.position, operators=self._on_duty
        )
        self.legs: dict[str, Leg] = {}  # operators' and agencies' legs that ring or talk
        self.bridges: dict[str, Call] = {}
        self.transfers = Transfers(self, directory or Directory())
        self.overflow = Overflow(self, rules.overflow, rules.overflow_again_s)
        self.last_calls: dict[str, Call] = {}  # operator -> the last citizen's
        self._phone_of_leg: dict[str, str] = {}
        self._spoke_with: dict[str, tuple[str, float]] = {}  # caller -> operator, time

    # --- what happens to the citizen ---------------------------------------------------------

    def enqueue(self, call: Call, now: float) -> None:
        """The category is known: wait for an operator, or be offered to one at once."""
        self._release(call, now)
        call.preferred = call.preferred or self._preferred(call, now)
        call.stage = Stage.QUEUED
        self.wait(call, now)
        self.settle(now)
        if call.stage is Stage.QUEUED or call.stage is Stage.RINGING:
            self.switch.music(call.channel)
            self.announcements.waiting(call, now)

    def wait(self, call: Call, now: float, *, alone: bool = True) -> None:
        """Put a call into the queue, where its arrival and its category want it.

        Not `alone`: an operator stays with the citizen meanwhile, so that is no waiting.
        """
        self.queue.remove(call)
        call.head_start_s = head_start(call, self.rules)
        position = self.queue.add(call)
        self._watch(call, now)
        if alone:
            call.note(EventKind.QUEUED, now, category=call.record.category, position=position)
            self.overflow.watch(call, now)

    def citizen_gone(self, call: Call, cause: int, now: float) -> None:
        """The citizen's leg is gone: whatever was done for the call is undone."""
        self.finish(call, call.hung_up_by or "caller", cause, now)
        self.settle(now)

    def finish(self, call: Call, ended_by: str, cause: int | None, now: float) -> None:
        """The call is over; its record is final. Safe to call twice."""
        if call.stage is Stage.ENDED:
            return
        waited = {}
        if call.stage in (Stage.QUEUED, Stage.RINGING):
            waited["position"] = self.queue.position(call) or 1
        self.queue.remove(call)
        call.rearm(None)
        call.unwatch()
        for leg in call.legs.values():
            self.resumed(leg, now)
        call.note(EventKind.ENDED, now, ended_by=ended_by, hangup_cause=cause, **waited)
        self._release(call, now)
        call.stage = Stage.ENDED
        self.announcements.forget(call)

    def resume_talk(self, call: Call, legs: list[str], bridge: str, now: float) -> None:
        """Take up a talk that went on in Asterisk while no engine watched."""
        call.rearm(None)
        call.unwatch()
        self.queue.remove(call)
        self.announcements.stop(call)
        if set(call.legs) != set(legs):
            for leg in call.legs.values():
                if leg.stage is LegStage.RINGING:
                    self._note_failed(leg, "taken_up", now)  # another phone rings for it by now
            self._release(call, now)
        call.bridge = bridge
        self.bridges[bridge] = call
        call.stage = Stage.TALKING
        for leg_id in legs:
            leg = call.legs.get(leg_id) or self._known_leg(call, leg_id)
            leg.rearm(None)
            self._talk(leg, now)

    def _known_leg(self, call: Call, leg_id: str) -> Leg:
        # an offer that was given up when the connection was lost has left only its leg's phone
        kept = next((one for one in call.record.legs if one.leg == leg_id), None)
        phone = (kept.phone if kept else None) or call.record.phone
        phone = phone or self._phone_of_leg.get(leg_id, "")
        who = kept.operator if kept else call.record.operator
        if who is None and kept is None and (sits := self.roster.at_phone(phone)) is not None:
            who = sits.id
        return self.add_leg(Leg(leg_id, call, phone, who))

    # --- what happens to a leg ----------------------------------------------------------------

    def leg_ringing(self, leg_id: str, now: float) -> None:
        """A phone rings."""
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is LegStage.RINGING:
            leg.call.note(EventKind.RINGING, now, **about(leg))

    def _sits_there(self, leg: Leg, now: float) -> None:
        """A phone that was rung whoever sits there has been answered by whoever sits there."""
        one = self.roster.at_phone(leg.phone) if leg.operator is None else None
        if one is not None and one.state is State.WRAP_UP:
            self.roster.wrapped_up(one, "early", now)
        if one is not None and one.state is State.IDLE:
            leg.operator, one.state, one.call = one.id, State.OFFERED, leg.call.id

    def leg_answered(self, leg_id: str, now: float) -> None:
        """Somebody has answered: connect, unless the offer is no longer wanted."""
        leg = self.legs.get(leg_id)
        if leg is None or leg.stage is not LegStage.RINGING:
            self.switch.hang_up(leg_id, NORMAL)
            return
        leg.rearm(None)
        leg.stage = LegStage.CONNECTING
        self._answered_elsewhere(leg, now)
        self._sits_there(leg, now)
        self.queue.remove(leg.call)
        leg.call.unwatch()
        if leg.transfer is not None:
            self.transfers.answered(leg, now)
            return
        call = leg.call
        call.rearm(None)
        call.bridge = new_id(now)
        self.bridges[call.bridge] = call
        self.announcements.stop(call)
        self.switch.connect(call.bridge, call.channel, leg.id)

    def connected(self, bridge: str, now: float) -> None:
        """The operator and the citizen can hear each other."""
        call = self.bridges.get(bridge)
        if call is None or call.stage is not Stage.RINGING:
            return
        leg = next(iter(call.legs.values()))
        call.stage = Stage.TALKING
        self._talk(leg, now)
        if self.rules.whisper and leg.operator is not None:
            self.switch.tell(leg.id, f"whisper_{call.record.category}")

    def connect_failed(self, bridge: str, why: str, now: float) -> None:
        """The two could not be connected; the citizen waits on, if there still is one."""
        call = self.bridges.get(bridge)
        if call is not None and call.stage is Stage.RINGING:
            log.warning("connect_failed", call_id=call.id, why=why)
            self.offer_failed(next(iter(call.legs.values())), "failed", now)
            self.settle(now)

    def ring_failed(self, leg_id: str, now: float) -> None:
        """The phone could not be rung at all; that is not the operator's miss."""
        self.free_phone(leg_id)
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is LegStage.RINGING:
            self.offer_failed(leg, "failed", now)
        self.settle(now)

    def leg_gone(self, leg_id: str, cause: int, now: float) -> None:
        """An operator's leg is gone: the offer failed, or the operator hung up."""
        self.free_phone(leg_id)
        self.transfers.forget(leg_id)
        leg = self.legs.pop(leg_id, None)
        if leg is None:
            pass
        elif leg.stage is LegStage.RINGING:
            self.offer_failed(leg, _REASONS.get(cause, "unreachable"), now)
        elif leg.call.transfer is not None and leg.call.transfer.has(leg):
            self.transfers.left(leg, now)
        elif leg.stage is LegStage.CONNECTING:
            self.offer_failed(leg, _REASONS.get(cause, "unreachable"), now)
        elif leg.call.talkers(but=leg) or leg.call.transfer is not None:
            self.leave(leg, "hung_up", now)
            if not leg.call.talkers():
                self.transfers.alone(leg.call, now)
        elif now - leg.talks_since < AT_ONCE_S:
            self.lost(leg, "hung_up", now)
        elif leg.refused_at is not None and now - leg.refused_at < GAVE_UP_S:
            # the phone did that, and not the operator, who is to have the citizen back
            leg.call.hung_up_by = leg.call.cause = None
            self.leave(leg, "hung_up", now)
            self._back_to(leg.operator, leg.call, now)
        else:
            call = leg.call
            self.finish(call, call.hung_up_by or "operator", cause, now)
            self.switch.hang_up(call.channel, NORMAL)
        self.settle(now)

    def held(self, leg_id: str, now: float) -> None:
        """An operator has put the citizen on hold, who now hears music."""
        leg = self.legs.get(leg_id)
        if leg is None or leg.stage is not LegStage.TALKING or leg.held_since is not None:
            return
        leg.held_since = now
        leg.call.note(EventKind.HELD, now, **about(leg))
        self._set_state(leg, State.HOLDING)

    def unheld(self, leg_id: str, now: float) -> None:
        """The operator talks with the citizen again."""
        leg = self.legs.get(leg_id)
        if leg is not None and self.resumed(leg, now):
            self._set_state(leg, State.TALKING)

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

    def _watch(self, call: Call, now: float) -> None:
        """Look at a waiting call again when more operators may have it, and at its cap."""
        if call.aged:
            return
        cap = cap_at(call, self.rules)
        if cap <= now:
            self.queue.age(call)
            return
        wider = next_widening(call, now, self.rules)
        when = cap if wider is None else min(cap, wider)

        def look(at: float) -> None:
            if call in self.queue:
                self._watch(call, at)
                self.settle(at)

        call.watch(self.timers.at(when, look))

    def _offer(self, offer: Offer, now: float) -> None:
        call = offer.call
        self.queue.remove(call)
        if call.stage is Stage.QUEUED:
            call.stage = Stage.RINGING
        for operator, phone in offer.desks:
            self.ring_desk(call, operator, phone, now)

    def ring_desk(self, call: Call, operator: Operator, phone: Phone, now: float) -> Leg:
        """Ring the phone where an operator sits."""
        operator.state, operator.call, operator.offered_at = State.OFFERED, call.id, now
        phone.device = Device.IN_USE
        return self.ring(call, phone.number, operator.id, now)

    def ring(self, call: Call, phone: str, operator: str | None, now: float) -> Leg:
        """Ring a phone or an address outside for a call."""
        leg = self.add_leg(Leg(new_id(now), call, phone, operator, transfer=call.transfer))
        self.rings(leg, now)
        number = dialable(call.record.caller_number)
        display = f"{self.rules.category(call.record.category).label} {number or 'anonim'}"
        self.switch.ring(leg.id, phone, (display, number or "anonim"), call.channel)
        return leg

    def rings(self, leg: Leg, now: float) -> None:
        """A leg rings from now on, and not for ever."""
        leg.call.note(EventKind.OFFERED, now, **about(leg))
        leg.rearm(
            self.timers.at(now + self.rules.ring_timeout_s, lambda at: self._rang_out(leg, at))
        )

    def add_leg(self, leg: Leg) -> Leg:
        """Know a leg, by its call and by the phone that it occupies."""
        self.legs[leg.id] = leg.call.legs[leg.id] = leg
        self.occupy(leg.phone, leg.id)
        return leg

    def occupy(self, number: str, leg_id: str) -> None:
        """Know that a phone is in use until this leg of it is really gone."""
        if number in self.roster.phones:
            self._phone_of_leg[leg_id] = number

    def vacate(self, leg_id: str) -> None:
        """Forget that a leg occupies its phone: Asterisk's word alone will free it."""
        self._phone_of_leg.pop(leg_id, None)

    def _rang_out(self, leg: Leg, now: float) -> None:
        if leg.stage is LegStage.RINGING and leg.id in self.legs:
            self.offer_failed(leg, "no_answer", now)
            self.settle(now)

    def offer_failed(self, leg: Leg, reason: str, now: float) -> None:
        """Nobody answered this leg: the operator rests, the call waits on or rings elsewhere."""
        call, connecting = leg.call, leg.stage is LegStage.CONNECTING
        call.legs.pop(leg.id, None)
        self._note_failed(leg, reason, now)
        self.drop(leg, NORMAL if connecting else NO_ANSWER)
        operator = self.roster.operators.get(leg.operator or "")
        if operator is not None and operator.call == call.id:
            self.roster.missed(operator, reason, self.rules.failure(reason), now)
            self.timers.at(operator.not_before, self.settle)
        if leg.transfer is not None:
            self.transfers.failed(leg, reason, now)
        elif all(one.operator is None for one in call.legs.values()):
            # phones that ring for a call that overflows do not take it out of the queue
            self._wait_on(call, connecting, now)

    def let_go(self, leg: Leg, reason: str, now: float) -> None:
        """The other side of a handing over is wanted no more; that is nobody's miss."""
        self._note_failed(leg, reason, now)
        self.drop(leg, NO_ANSWER if leg.stage is LegStage.RINGING else NORMAL)
        self._free_operator(leg, now)

    def _wait_on(self, call: Call, connecting: bool, now: float) -> None:
        self._close_bridge(call)
        if connecting:
            self.switch.music(call.channel)  # connecting had ended it
            self.announcements.again(call, now)
        if not call.legs:
            call.stage = Stage.QUEUED
        if call not in self.queue:
            self.queue.add(call)
            self._watch(call, now)
        if call.overflowing is None:
            self.overflow.watch(call, now)

    def _answered_elsewhere(self, winner: Leg, now: float) -> None:
        """The first answer wins: the other phones stop ringing, and it is nobody's miss."""
        for leg in [one for one in winner.call.legs.values() if one.stage is LegStage.RINGING]:
            self._note_failed(leg, "answered_elsewhere", now)
            self.drop(leg, ANSWERED_ELSEWHERE)
            self._free_operator(leg, now)

    def _note_failed(self, leg: Leg, reason: str, now: float) -> None:
        ringing = sum(
            one.stage is LegStage.RINGING for one in leg.call.legs.values() if one is not leg
        )
        leg.call.note(EventKind.OFFER_FAILED, now, **about(leg), reason=reason, ringing=ringing)
        log.info("offer_failed", call_id=leg.call.id, **about(leg), reason=reason)

    def _talk(self, leg: Leg, now: float) -> None:
        """The first one talks with the citizen, out of the queue."""
        call = leg.call
        leg.stage, leg.talks_since = LegStage.TALKING, now
        kept = [one for one in call.record.legs if one.leg == leg.id and one.left_at is None]
        if kept:
            leg.talks_since = kept[0].joined_at  # a talk that is taken up again
        else:
            call.note(EventKind.ANSWERED, now, **about(leg))
            self.took(leg)
        self._set_state(leg, State.TALKING)

    def took(self, leg: Leg) -> None:
        """An operator has taken a call: it counts."""
        if (operator := self.roster.operators.get(leg.operator or "")) is not None:
            operator.misses = 0
            operator.calls_taken += 1

    def _set_state(self, leg: Leg, state: State) -> None:
        if (operator := self.roster.operators.get(leg.operator or "")) is not None:
            operator.state, operator.call = state, leg.call.id

    # --- taking apart -------------------------------------------------------------------------

    def lost(self, leg: Leg, reason: str, now: float) -> None:
        """A leg has gone in the moment of its answer: that is a refusal, and no end of the call."""
        call, operator = leg.call, self.roster.operators.get(leg.operator or "")
        call.hung_up_by = call.cause = None
        leg.talks_since = 0.0
        self.leave(leg, reason, now)
        if operator is not None and operator.state is State.IDLE:
            self.roster.missed(operator, reason, self.rules.failure("rejected"), now)
            self.timers.at(operator.not_before, self.settle)
        if call.talkers():
            return
        handed_over = [one.operator for one in call.record.legs if one.reason == "transferred"]
        self._back_to(handed_over[-1] if handed_over else None, call, now)

    def _back_to(self, operator: str | None, call: Call, now: float) -> None:
        """The citizen waits again, and for this operator first, whose wrap-up is no more."""
        call.preferred = operator or call.preferred
        one = self.roster.operators.get(operator or "")
        if one is not None and one.state is State.WRAP_UP:
            self.roster.wrapped_up(one, "early", now)
        self.enqueue(call, now)

    def leave(self, leg: Leg, reason: str, now: float) -> None:
        """One who talked leaves; the citizen stays with the others."""
        self.resumed(leg, now)
        leg.call.note(EventKind.LEFT, now, **about(leg), reason=reason)
        self.drop(leg, NORMAL)
        self._free_operator(leg, now)

    def resumed(self, leg: Leg, now: float) -> bool:
        """The hold, if there is one, is over."""
        if leg.held_since is None:
            return False
        held_ms = round((now - leg.held_since) * 1000)
        leg.held_since = None
        leg.call.note(EventKind.RESUMED, now, **about(leg), held_ms=held_ms)
        return True

    def drop(self, leg: Leg, cause: int) -> None:
        """Hang a leg up and forget it; its phone stays in use until the leg is really gone."""
        leg.rearm(None)
        leg.call.legs.pop(leg.id, None)
        if self.legs.pop(leg.id, None) is not None:
            self.switch.hang_up(leg.id, cause)

    def _release(self, call: Call, now: float) -> None:
        self.transfers.call_over(call)
        for leg in list(call.legs.values()):
            connected = leg.stage is not LegStage.RINGING
            self.resumed(leg, now)
            self.drop(leg, NORMAL if connected else NO_ANSWER)
            self._free_operator(leg, now)
        self._close_bridge(call)

    def _close_bridge(self, call: Call) -> None:
        if call.bridge is not None:
            self.bridges.pop(call.bridge, None)
            self.switch.disconnect(call.bridge)
            call.bridge = None

    def _free_operator(self, leg: Leg, now: float) -> None:
        operator = self.roster.operators.get(leg.operator or "")
        if operator is None or operator.call != leg.call.id:
            return
        if leg.talks_since:
            self._note_talk(operator, leg, now)
            self.last_calls[operator.id] = leg.call
            wrap_up_s = self.rules.wrap_up(leg.call.record.category)
            self.announcements.handled(now - leg.talks_since + wrap_up_s)
            self.wrap_ups.begin(operator, wrap_up_s, now)
        else:
            self.roster.idle(operator, operator.idle_since)

    def free_phone(self, leg_id: str) -> None:
        """A leg is really gone: its phone can be rung again, unless it has another call."""
        number = self._phone_of_leg.pop(leg_id, "")
        if number in self._phone_of_leg.values():
            return
        phone = self.roster.phones.get(number)
        # one that has gone away meanwhile is unreachable until Asterisk says otherwise
        if phone is not None and phone.device is Device.IN_USE:
            phone.device = Device.FREE

    def _preferred(self, call: Call, now: float) -> str | None:
        operator, at = self._spoke_with.get(call.record.caller_number, ("", 0.0))
        return operator if operator and now - at <= self.rules.preferred_s else None

    def _on_duty(self, call: Call, now: float) -> int:
        roster = self.roster
        return on_duty(roster.operators.values(), roster.phones, call, now, self.rules)

    def _note_talk(self, operator: Operator, leg: Leg, now: float) -> None:
        operator.talk_s += now - leg.talks_since
        number, spoke_with = leg.call.record.caller_number, self._spoke_with
        if not number or self.rules.preferred_s <= 0:
            return
        spoke_with.pop(number, None)
        spoke_with[number] = (operator.id, now)
        oldest = next(iter(spoke_with))
        while now - spoke_with[oldest][1] > self.rules.preferred_s:
            del spoke_with[oldest]
            oldest = next(iter(spoke_with))


def about(leg: Leg) -> dict[str, str | None]:
    """What an event tells of a leg."""
    return {"operator": leg.operator, "phone": leg.phone, "leg": leg.id}
