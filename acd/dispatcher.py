"""The dispatcher: the one writer of the queue, the offers and the talks.

Its methods are the things that can happen; each changes the state at once, tells the switch what
to do and never waits. After each event the one writer calls `settle`; from then on no ready, free
operator is beside a waiting call that this operator may have. Ringing, and what follows for
operators and phones, is `acd.legs`; handing over is `acd.transfers.transfers`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import structlog

from acd.calls.call import Call, Leg
from acd.calls.ids import new_id
from acd.calls.owners import Playbacks
from acd.calls.record import REFUSED, EventKind
from acd.calls.states import LegStage, Stage
from acd.languages import OWN_LANGUAGE
from acd.legs import BROKEN_DIALOG, LOST, NO_ANSWER, NO_AUDIO, NORMAL, OperatorLegs
from acd.operators.operator import Status
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.operators.wrap_up import WrapUps
from acd.overflow import Overflow
from acd.queueing.allocation import Desk, Offer, allocate
from acd.queueing.announcements import Announcements
from acd.queueing.citizen_keys import CitizenKeys
from acd.queueing.eligibility import next_widening, on_duty, speaks
from acd.queueing.notices import is_informed
from acd.queueing.queue import WaitingQueue, cap_at, head_start
from acd.queueing.waiting import Waiting
from acd.rules.load_shedding import LoadWatch, Shed
from acd.rules.rules import Rules
from acd.switch import Switch
from acd.timers import Timers
from acd.transfers.directory import Directory
from acd.transfers.transfers import Transfers

log = structlog.get_logger("acd")

# Q.850 causes of an offer that failed; what follows from each is data (`Rules.failures`)
_REASONS = {16: "hung_up", 17: "busy", 18: "no_answer", 19: "no_answer", 21: "rejected"}
GAVE_UP_S = 1.0  # a phone that is told of a failed REFER hangs up by itself, or it does not
LOOK_AGAIN_S = 0.5
DIED_S = 300.0  # the longest that a phone takes to register anew, as a rule
_NOTICED_LATE_S = 2.0  # Asterisk counts the silence of a phone in whole seconds, and looks as often
AT_ONCE_S = 0.5  # nobody has helped a citizen in so short a talk


OfferItem = Callable[[Waiting, Desk, float], None]


class Dispatcher:
    """Queues calls, offers them to operators, connects them, ends them.

    `offer_item(item, desk, now)`: offers a work item whose turn has come; set by who serves them.
    `talk_on(call, now)`: the citizen has hung up while several legs are up; takes out of the call
    those that talk on. Set by who serves calls without a citizen.
    """

    def __init__(
        self,
        switch: Switch,
        roster: Roster,
        timers: Timers,
        rules: Rules,
        directory: Directory | None = None,
    ) -> None:
        self.switch, self.roster, self.timers, self.rules = switch, roster, timers, rules
        self.wrap_ups = WrapUps(roster, timers)
        self.queue = WaitingQueue()
        self.keys = CitizenKeys(self.queue, rules.answers)
        self.away = False  # Asterisk is not there: whoever is offered now is offered to nobody
        self.load = LoadWatch(timers, rules.limits)
        self.playbacks = Playbacks()
        self.announcements = Announcements(
            switch,
            timers,
            rules.announce,
            playbacks=self.playbacks,
            position=self.queue.position,
            operators=self._on_duty,
            sheds=self.load.sheds,
            late=self.load.is_late,
            most_music=rules.limits.most_music,
            journal=roster.journal,
            calls=self._waiting_calls,
        )
        self.operator_legs = OperatorLegs(
            switch,
            roster,
            timers,
            rules,
            self.wrap_ups,
            rang_out=self._rang_out,
            handled=self.announcements.handled,
        )
        self.bridges: dict[str, Call] = {}
        self.transfers = Transfers(self, self.operator_legs, directory or Directory())
        self.overflow = Overflow(self.queue, self.operator_legs, self.transfers.directory)
        self.offer_item: OfferItem = lambda one, desk, now: None
        self.talk_on: Callable[[Call, float], None] = lambda call, now: None
        self._newcomers: list[Call] = []  # who has begun to wait since the last `settle`

    # --- what happens to the citizen ---------------------------------------------------------

    def enqueue(self, call: Call, now: float) -> None:
        """The category is known: wait for an operator; words and music begin with `settle`."""
        self.release(call, now)
        call.preferred = call.preferred or self.operator_legs.preferred(call, now)
        call.move(Stage.QUEUED)
        self.wait(call, now)
        self._newcomers.append(call)

    def wait(self, call: Call, now: float, *, alone: bool = True) -> None:
        """Put a call into the queue, where its arrival and its category want it.

        Not `alone`: an operator stays with the citizen meanwhile, so that is no waiting.
        """
        self.queue.remove(call)
        call.head_start_s = head_start(call, self.rules)
        if call.record.language != OWN_LANGUAGE:
            self._look_for_speakers(call)
        position = self.queue.add(call)
        self._watch(call, now)
        if call.aged:
            position = self.queue.add(call)  # it may have got another place
        if alone:
            call.note(EventKind.QUEUED, now, category=call.record.category, position=position)
            self.overflow.watch(call, now)

    def queue_item(self, one: Waiting, now: float) -> None:
        """Put a work item into the queue, among the calls."""
        self.queue.add(one)
        self._watch(one, now)

    def talk_with(self, call: Call, leg: Leg, now: float) -> None:
        """A citizen whom the line has rung has answered: connect the operator who wanted that."""
        operator = self.roster.operators.get(leg.operator or "")
        if operator is not None:
            self.roster.changes.move(operator, State.OFFERED, call.id, now)
        self.operator_legs.add_leg(leg)
        call.move(Stage.RINGING)
        leg.move(LegStage.CONNECTING)
        call.bridge = new_id(now)
        self.bridges[call.bridge] = call
        call.keep()
        self.switch.connect(call.bridge, call.channel, leg.id)

    def _look_for_speakers(self, call: Call) -> None:
        """Know whether a call has to wait for who speaks its language, because somebody does."""
        language, operators = call.record.language, self.roster.operators.values()
        call.any_language = not any(
            one.status is Status.READY and speaks(one, language) for one in operators
        )

    def citizen_gone(
        self, call: Call, cause: int, now: float, *, ended_at: float | None = None
    ) -> None:
        """The citizen's leg is gone: whatever was done for the call is undone.

        `ended_at`: when that was, if it was before now; no end is before what was seen last.
        """
        at = now if ended_at is None else min(now, max(ended_at, call.record.latest))
        self.finish(call, call.hung_up_by or "caller", cause, at)

    def finish(self, call: Call, ended_by: str, cause: int | None, now: float) -> None:
        """The call is over; its record is final. Safe to call twice."""
        if call.stage is Stage.ENDED:
            return
        waited: dict[str, int] = {}
        if call.stage in (Stage.QUEUED, Stage.RINGING):
            waited["position"] = self.queue.position(call) or 1
        self.queue.remove(call)
        call.rearm(None)
        call.unwatch()
        for leg in call.legs.values():
            self.operator_legs.resumed(leg, now)
        if call.notice is not None:
            self.announcements.notices.ended(call, now)
        if call.notice_heard_at is not None and is_informed(call, ended_by, now):
            waited["informed"] = True
        call.note(EventKind.ENDED, now, ended_by=ended_by, hangup_cause=cause, **waited)
        if ended_by == "caller" and len(call.legs) > 1:
            self.talk_on(call, now)
        self.release(call, now)
        call.move(Stage.ENDED)
        self.announcements.forget(call)

    def fell_back(self, call: Call, now: float) -> None:
        """The fallback has the citizen: nobody rings or waits for the call here any more."""
        if call.notice is not None:
            self.announcements.notices.ended(call, now)
        self.queue.remove(call)
        call.rearm(None)
        call.unwatch()
        self.release(call, now)
        call.move(Stage.CLAIMED)
        self.announcements.forget(call)

    # --- what happens to a leg ----------------------------------------------------------------

    def leg_answered(self, leg_id: str, now: float) -> None:
        """Somebody has answered: connect, unless the offer is no longer wanted."""
        leg = self.operator_legs.legs.get(leg_id)
        if leg is None or leg.stage is not LegStage.RINGING:
            self.switch.hang_up(leg_id, NORMAL)
            return
        leg.rearm(None)
        leg.move(LegStage.CONNECTING)
        if leg.declines:
            self.transfers.refuse(leg, now)
        self.operator_legs.answered_elsewhere(leg, now)
        self.operator_legs.sits_there(leg, now)
        self.queue.remove(leg.call)
        leg.call.unwatch()
        if leg.transfer is not None:
            self.transfers.answered(leg, now)
            return
        call = leg.call
        call.rearm(None)
        call.bridge = new_id(now)
        self.bridges[call.bridge] = call
        if call.notice is not None:
            self.announcements.notices.ended(call, now)
        self.announcements.stop(call)
        self.switch.connect(call.bridge, call.channel, leg.id)

    def connected(self, bridge: str, now: float) -> None:
        """The operator and the citizen can hear each other."""
        call = self.bridges.get(bridge)
        if call is None or call.stage is not Stage.RINGING:
            return
        leg = next(iter(call.legs.values()))
        call.move(Stage.TALKING)
        self.operator_legs.talk(leg, now)
        if self.rules.whisper and leg.operator is not None and not self.load.sheds(Shed.WHISPERS):
            self.switch.tell(leg.id, f"whisper_{call.record.category}")

    def connect_failed(self, bridge: str, why: str, now: float) -> None:
        """The two could not be connected; the citizen waits on, if there still is one."""
        call = self.bridges.get(bridge)
        if call is not None and call.stage is Stage.RINGING:
            log.warning("connect_failed", call_id=call.id, why=why)
            self._not_connected(next(iter(call.legs.values())), "failed", now)

    def ring_failed(self, leg_id: str, now: float) -> None:
        """The phone could not be rung at all; that is not the operator's miss."""
        self.operator_legs.free_phone(leg_id)
        leg = self.operator_legs.legs.get(leg_id)
        if leg is not None and leg.stage is LegStage.RINGING:
            self.offer_failed(leg, "failed", now)

    def leg_gone(self, leg_id: str, cause: int, now: float) -> None:
        """An operator's leg is gone: the offer failed, or the operator hung up."""
        self.operator_legs.free_phone(leg_id)
        self.transfers.forget(leg_id)
        leg = self.operator_legs.legs.pop(leg_id, None)
        reason = "lost" if cause in LOST else "hung_up"
        if leg is not None and cause in LOST:
            self._phone_died(leg, cause, now)
        if leg is None:
            pass
        elif leg.stage is LegStage.RINGING:
            self.offer_failed(leg, _REASONS.get(cause, "unreachable"), now)
        elif leg.call.transfer is not None and leg.call.transfer.has(leg):
            self.transfers.left(leg, reason, now)
        elif leg.stage is LegStage.CONNECTING:
            # it was reachable, for it has answered
            self._not_connected(leg, reason, now)
        elif cause in LOST:
            self._lost_in_talk(leg, cause, now)
        elif leg.call.talkers(but=leg) or leg.call.transfer is not None:
            self.operator_legs.leave(leg, "hung_up", now)
            if not leg.call.talkers():
                self.transfers.alone(leg.call, now)
        elif now - leg.talks_since < AT_ONCE_S:
            self.lost(leg, "hung_up", now)
        elif leg.refused_at is not None and now - leg.refused_at < GAVE_UP_S:
            # the phone did that, and not the operator, who is to have the citizen back
            leg.call.hung_up_by = leg.call.cause = None
            self.operator_legs.leave(leg, "hung_up", now)
            self._back_to(leg.operator, leg.call, now)
        else:
            call = leg.call
            call.hanging_up = True
            self.finish(call, call.hung_up_by or "operator", cause, now)
            self.switch.hang_up(call.channel, NORMAL)

    def _phone_died(self, leg: Leg, cause: int, now: float) -> None:
        """Ring a phone no more that was lost in a talk, until it is seen, or for `DIED_S`."""
        if leg.talks_since or leg.stage is LegStage.CONSULTING:
            self.phone_lost(leg.phone, cause, now, leg.talks_since)

    def phone_lost(self, phone: str, cause: int, now: float, began: float = 0.0) -> None:
        """A phone that talked since `began` is gone; by the Q.850 `cause` it may have died."""
        # whose phone answers that it knows of no such call is there; any other is not
        died = cause in LOST and cause != BROKEN_DIALOG
        silent_s = self.rules.phone_silence_s + _NOTICED_LATE_S
        since = max(began, now - silent_s) if cause == NO_AUDIO else now
        if died and self.roster.phone_died(phone, now, since):
            self.timers.at(now + DIED_S, lambda _: self.roster.phone_died_long_ago(phone, now))

    def _lost_in_talk(self, leg: Leg, cause: int, now: float) -> None:
        """A leg was lost in a talk: its person did not hang up, so the citizen is not let go.

        Without anybody else in the talk the citizen is told so, and is served before all others.
        """
        call = leg.call
        log.warning("leg_lost", call_id=call.id, phone=leg.phone, cause=cause)
        self.operator_legs.leave(leg, "lost", now)
        if call.talkers():
            return
        if call.transfer is not None:
            self.transfers.alone(call, now)
            return
        call.hung_up_by = call.cause = None
        call.aged = call.interrupted = True
        self.enqueue(call, now)

    # --- what the dispatcher does of itself ---------------------------------------------------

    def settle(self, now: float) -> None:
        """Offer waiting calls to free operators until one of the two runs out.

        The one writer calls this after each event and each time deadlines have come, and nobody
        else does. Who has just begun to wait hears so after the offers, for a phone rings first.
        """
        if not self.away and self.queue.places:
            roster = self.roster
            for offer in allocate(
                self.queue, roster.operators.values(), roster.phones, now, self.rules
            ):
                self._offer(offer, now)
        while self._newcomers:  # one by one: should one fail, the others are told the next time
            call = self._newcomers[0]
            del self._newcomers[0]
            if call.stage is Stage.QUEUED or call.stage is Stage.RINGING:
                self.announcements.waiting(call, now)

    def _watch(self, one: Waiting, now: float) -> None:
        """Look at what waits again when more operators may have it, and at its cap."""
        if one.aged:
            return
        cap = cap_at(one, self.rules)
        if cap <= now:
            self.queue.age(one)
            return
        wider = next_widening(one, now, self.rules)
        when = cap if wider is None else min(cap, wider)
        if when == math.inf:
            return

        def look(at: float) -> None:
            if one in self.queue:
                self._watch(one, at)

        one.watch(self.timers.at(when, look))

    def _offer(self, offer: Offer, now: float) -> None:
        call = offer.one
        self.queue.remove(call)
        if not isinstance(call, Call):
            self.offer_item(call, offer.desks[0], now)
            return
        if call.stage is Stage.QUEUED:
            call.move(Stage.RINGING)
        for operator, phone in offer.desks:
            self.operator_legs.ring_desk(call, operator, phone, now)

    def _rang_out(self, leg: Leg, now: float) -> None:
        if leg.stage is not LegStage.RINGING or leg.id not in self.operator_legs.legs:
            return
        if self.load.may_be_answered(leg.rings_until, now):
            # the operator may have answered, and the line not have seen it: that is no miss
            leg.rearm(self.timers.at(now + LOOK_AGAIN_S, lambda at: self._rang_out(leg, at)))
            return
        self.offer_failed(leg, "no_answer", now)

    def offer_failed(self, leg: Leg, reason: str, now: float) -> None:
        """Nobody answered this leg: the operator rests, the call waits on or rings elsewhere."""
        call, connecting = leg.call, leg.stage is LegStage.CONNECTING
        call.legs.pop(leg.id, None)
        self.operator_legs.note_failed(leg, reason, now)
        self.operator_legs.drop(leg, NORMAL if connecting else NO_ANSWER)
        operator = self.roster.operators.get(leg.operator or "")
        if operator is not None and operator.call == call.id:
            # who was consulted and hung up has answered: that is no miss
            fault = "" if leg.stage is LegStage.CONSULTING else reason
            self.roster.missed(operator, reason, self.rules.failure(fault), now)
            self.timers.wake(operator.not_before)
        if leg.transfer is not None:
            self.transfers.failed(leg, reason, now)
        elif all(one.operator is None for one in call.legs.values()):
            # phones that ring for a call that overflows do not take it out of the queue
            self._wait_on(call, connecting, now)

    def _wait_on(self, call: Call, connecting: bool, now: float) -> None:
        self.close_bridge(call)
        if connecting:
            self.announcements.again(call, now)  # connecting had ended the music
        if not call.legs:
            call.move(Stage.QUEUED)
        if call not in self.queue:
            call.head_start_s = head_start(call, self.rules)  # unknown of one that was restored
            if call.record.language != OWN_LANGUAGE:
                self._look_for_speakers(call)
            self.queue.add(call)
            self._watch(call, now)
        if call.overflowing is None:
            self.overflow.watch(call, now)

    def _not_connected(self, leg: Leg, reason: str, now: float) -> None:
        """Who has answered could not be put together with the citizen, who waits on."""
        if leg.talks_since:  # and has talked with the citizen under an earlier engine
            self.operator_legs.leave(leg, reason, now)
            self.enqueue(leg.call, now)
        else:
            self.offer_failed(leg, reason, now)

    # --- taking apart -------------------------------------------------------------------------

    def lost(self, leg: Leg, reason: str, now: float) -> None:
        """A leg has gone in the moment of its answer: that is a refusal, and no end of the call."""
        call, operator = leg.call, self.roster.operators.get(leg.operator or "")
        call.hung_up_by = call.cause = None
        refused = 0 < leg.talks_since > now - AT_ONCE_S
        leg.talks_since = 0.0
        if operator is not None and refused:
            operator.calls_taken = max(0, operator.calls_taken - 1)  # a new engine may not know it
        self.operator_legs.leave(leg, REFUSED if refused else reason, now)
        if operator is not None and operator.state is State.IDLE:
            self.roster.missed(operator, reason, self.rules.failure(reason), now)
            self.timers.wake(operator.not_before)
        if call.talkers():
            return
        if (
            call.transfer is not None
        ):  # one who consults comes back to the citizen, or sends another
            self.transfers.alone(call, now)
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

    def release(self, call: Call, now: float) -> None:
        """Whoever rings or talks for the call does so no more."""
        self.transfers.call_over(call, now)
        for leg in list(call.legs.values()):
            connected = leg.stage is not LegStage.RINGING
            self.operator_legs.resumed(leg, now)
            self.operator_legs.drop(leg, NORMAL if connected else NO_ANSWER)
            self.operator_legs.free_operator(leg, now)
        self.close_bridge(call)

    def close_bridge(self, call: Call) -> None:
        """Nobody talks there any more."""
        if call.bridge is not None:
            self.bridges.pop(call.bridge, None)
            self.switch.disconnect(call.bridge)
            call.bridge = None

    def _waiting_calls(self) -> list[Call]:
        rings = (leg.call for leg in self.operator_legs.legs.values())
        known = {one.id: one for one in (*self.queue, *rings) if isinstance(one, Call)}
        return [one for one in known.values() if one.stage in (Stage.QUEUED, Stage.RINGING)]

    def _on_duty(self, call: Call, now: float) -> int:
        roster = self.roster
        return on_duty(roster.operators.values(), roster.phones, call, now, self.rules)
