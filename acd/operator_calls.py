"""Calls that an operator makes from a phone: to a colleague, or to an agency about a citizen.

They have no record. An agency is called only by an operator who has a citizen on the line; the
two may talk on when the citizen has hung up, and that is a call of this kind from then on. A
citizen is only called back (`acd.callbacks.jobs`), and only the ringing is here: who answers is a
call. When the phone asks by REFER with Replaces, whom it talks with comes into the citizen's call.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import structlog

from acd.calls.call import Call, Leg
from acd.calls.checkpoint import (
    IN_VAIN,
    OPERATOR_CALL,
    OperatorCallCheckpoint,
    operator_call_checkpoints,
)
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.owners import Owner, Owners
from acd.calls.states import LegStage
from acd.calls.target import Kind, Target
from acd.dispatcher import Dispatcher
from acd.legs import FAILED, NO_ANSWER, NORMAL
from acd.numbers.called_back import CalledBack
from acd.operators.operator import Device, Operator
from acd.operators.states import State
from acd.timers import Timer
from acd.transfers.directory import Directory, Refusal
from acd.transfers.talking_on import CITIZEN_LEFT, NOT_ANSWERED, TalkingOn, who_talks_on
from acd.transfers.transfers import Consulted

log = structlog.get_logger("acd")

Say = Callable[[str, str, float], None]
Told = Callable[[bool, float], None]
"""Called once with whether the two talk, and the time."""


class Callbacks(Protocol):
    """What follows when a citizen is rung for an operator (`acd.callbacks.jobs`)."""

    def citizen_answered(self, call: OperatorCall, now: float) -> bool:
        """The citizen has answered; both channels are that part's from now on.

        False if nobody wants that any more, and both are hung up.
        """

    def citizen_not_reached(self, call: OperatorCall, cause: int, now: float) -> None:
        """The citizen has not answered, or could not be rung. `cause`: Q.850."""

    def operator_left(self, call: OperatorCall, now: float) -> None:
        """The operator has hung up while the citizen was rung."""


@dataclass(slots=True, eq=False)
class OperatorCall:
    """`channel`: the phone that dialled, or was rung first; `leg`: the one that it called.

    `item`: the callback for which a citizen is called. `in_vain`: what the channel hears if nobody
    answers. `told`: who wants to know whether the two talk; nobody of an earlier engine's.
    `wrap_up_s`: what the operator has after it, as the citizen whose talk goes on here has hung up.
    """

    channel: str
    phone: str
    operator: str | None
    leg: str
    address: str
    target: Target
    timer: Timer
    rings_until: float = 0.0
    bridge: str | None = None
    item: str | None = None
    in_vain: str = IN_VAIN
    told: Told | None = None
    wrap_up_s: float = 0.0

    def tell(self, talks: bool, now: float) -> None:
        """Tell who wants to know whether the two talk, once."""
        told, self.told = self.told, None
        if told is not None:
            told(talks, now)

    def checkpoint(self) -> OperatorCallCheckpoint:
        """What the next engine has to know of it."""
        return OperatorCallCheckpoint(
            phone=self.phone,
            operator=self.operator,
            leg=self.leg,
            address=self.address,
            target=self.target,
            rings_until=self.rings_until,
            bridge=self.bridge,
            item=self.item,
            in_vain=self.in_vain,
            wrap_up_s=self.wrap_up_s,
        )


class OperatorCalls(Owner):
    """All of them. `say(channel, prompt, now)` answers a channel in words and hangs it up."""

    def __init__(self, dispatcher: Dispatcher, owners: Owners, journal: Journal, say: Say) -> None:
        self._dispatcher, self._owners, self.say = dispatcher, owners, say
        self._journal = journal
        self.called_back = CalledBack(dispatcher.rules.outbound, dispatcher.rules.country)
        self.callbacks: Callbacks
        dispatcher.talk_on = self.talk_on
        # two talk on without the citizen; set by who keeps the incidents
        self.on_talks_on: Callable[[TalkingOn, float], None] = lambda both, now: None
        self.by_channel: dict[str, OperatorCall] = {}
        self.by_leg: dict[str, OperatorCall] = {}

    @property
    def directory(self) -> Directory:
        """The numbers that may be dialled."""
        return self._dispatcher.transfers.directory

    def channels(self) -> set[str]:
        """The channels of both sides of all of them."""
        return self.by_channel.keys() | self.by_leg.keys()

    def bridges(self) -> set[str]:
        """The bridges in which the two sides of them talk."""
        return {one.bridge for one in self.by_channel.values() if one.bridge is not None}

    def dialled(self, channel: str, phone: str, number: str, now: float) -> None:
        """A phone dialled a number: ring who has it, or say why not."""
        dispatcher = self._dispatcher
        one = dispatcher.roster.at_phone(phone)
        who = one.id if one is not None else None
        has_citizen = any(leg.phone == phone for leg in dispatcher.operator_legs.legs.values())
        found = self.directory.find(number, who, dispatcher.roster, now)
        if isinstance(found, Target) and found.kind is Kind.CATEGORY:
            found = Refusal.NOWHERE  # a queue can be handed to, not called
        elif isinstance(found, Target) and found.kind is Kind.AGENCY and not has_citizen:
            found = Refusal.FORBIDDEN
        if isinstance(found, Refusal):
            log.info("internal_call_refused", phone=phone, number=number[:32], why=found)
            self.say(channel, f"transfer_{found}", now)
            return
        call = self._place(channel, phone, one, found, now)
        called = dispatcher.roster.operators.get(found.operator or "")
        if called is not None:
            dispatcher.roster.changes.move(called, State.OFFERED, channel, now)
            dispatcher.roster.phones[call.address].device = Device.IN_USE
            dispatcher.operator_legs.occupy(call.address, call.leg)
        name = one.name if one is not None else phone
        self._keep(call)
        dispatcher.switch.ring(call.leg, call.address, (name, phone), channel)

    def ring_citizen(
        self,
        channel: str,
        phone: str,
        operator: Operator | None,
        number: str,
        item: str,
        now: float,
    ) -> None:
        """Ring a citizen for an operator, whose phone has dialled or has been rung for that.

        `number`: what is dialled. `item`: the callback, which is told what comes of it.
        """
        target = Target(Kind.CITIZEN, number, number, (f"tel:{number}",))
        call = self._place(channel, phone, operator, target, now, item)
        who = operator.id if operator is not None else ""
        for key in self.called_back.expired():
            self._journal.keep(key, None)
        self._journal.keep(*self.called_back.dialled(who, number, now))
        self._keep(call)
        ours = self._dispatcher.rules.number
        self._dispatcher.switch.ring(call.leg, call.address, (ours, ours), channel)

    def ring_operator(
        self,
        channel: str,
        address: str,
        operator: Operator,
        display: tuple[str, str],
        now: float,
        *,
        in_vain: str,
        told: Told,
    ) -> None:
        """Ring an operator for an agency that the line has called, and that wants to talk.

        `channel`: the agency's, which is up and belongs here from now on, rung at `address`. The
        operator must be available.
        """
        phone = operator.phone or ""
        target = Target(Kind.OPERATOR, operator.id, operator.name, (phone,), operator.id)
        call = self._place(channel, address, None, target, now)
        call.in_vain, call.told = in_vain, told
        self._dispatcher.roster.changes.move(operator, State.OFFERED, channel, now)
        self._dispatcher.roster.phones[phone].device = Device.IN_USE
        self._dispatcher.operator_legs.occupy(phone, call.leg)
        self._keep(call)
        self._dispatcher.switch.ring(call.leg, phone, display, channel)

    def talk_on(self, call: Call, now: float) -> None:
        """A citizen has hung up: an operator and an agency that is in the call may talk on.

        Both are out of the citizen's call then; whoever else is there is left in it.
        """
        found = who_talks_on(call)
        if found is None:
            return
        dispatcher, by, agency = self._dispatcher, found.by, found.agency
        if found.bridge is not None and found.bridge == call.bridge:
            dispatcher.bridges.pop(found.bridge)
            call.bridge = None
        elif call.transfer is not None:
            call.transfer.bridge = None
        for leg in (by, agency):
            dispatcher.transfers.forget(leg.id)
        dispatcher.operator_legs.talks_on(agency, by.id, now)
        until = agency.rings_until
        one = OperatorCall(
            by.id,
            by.phone,
            by.operator,
            agency.id,
            agency.phone,
            found.target,
            dispatcher.timers.at(until, lambda at: self._rang_out(by.id, at)),
            until,
            found.bridge,
            in_vain=NOT_ANSWERED,
            wrap_up_s=dispatcher.operator_legs.talks_on(by, by.id, now),
        )
        self._know(one)
        self._keep(one)
        if found.bridge is None:
            dispatcher.switch.ringing(by.id)
        else:
            dispatcher.switch.tell(by.id, CITIZEN_LEFT)
        self.on_talks_on(found, now)

    def stop(self, item: str, now: float) -> None:
        """Ring a citizen no more, and tell the operator so in words."""
        for call in [one for one in self.by_channel.values() if one.item == item]:
            self._dispatcher.switch.hang_up(call.leg, NO_ANSWER)
            self._forget(call)
            self._free_both(call, now)
            self.say(call.channel, "transfer_failed", now)

    def all_lost(self, now: float, spared: Container[str] = ()) -> None:
        """Asterisk has died with all of them. `spared`: legs of the one that runs now."""
        for call in [one for one in self.by_leg.values() if one.leg not in spared]:
            self._forget(call)
            call.tell(False, now)
            self._free_both(call, now)

    def rings_for(self, item: str) -> bool:
        """Whether a citizen is rung for this callback."""
        return any(one.item == item for one in self.by_channel.values())

    def _place(
        self,
        channel: str,
        phone: str,
        one: Operator | None,
        target: Target,
        now: float,
        item: str | None = None,
    ) -> OperatorCall:
        dispatcher = self._dispatcher
        leg, address = new_id(now), target.addresses[0]
        until = now + dispatcher.rules.ring_s(target.kind)
        timer = dispatcher.timers.at(until, lambda at: self._rang_out(channel, at))
        who = one.id if one is not None else None
        call = OperatorCall(channel, phone, who, leg, address, target, timer, until, item=item)
        self._know(call)
        offered = one is not None and one.state is State.OFFERED and one.call == item
        if one is not None and (one.state is State.IDLE or offered):
            dispatcher.roster.changes.move(one, State.CALLING, channel, now)
        dispatcher.switch.ringing(channel)
        return call

    def _know(self, call: OperatorCall) -> None:
        self.by_channel[call.channel] = self.by_leg[call.leg] = call
        self._owners.add(call.channel, self)
        self._owners.add(call.leg, self)
        self._dispatcher.operator_legs.occupy(call.phone, call.channel)

    def _keep(self, call: OperatorCall) -> None:
        self._journal.keep(OPERATOR_CALL + call.channel, call.checkpoint())

    def remember(self, facts: dict[str, Any], now: float) -> None:
        """Know the calls that an earlier engine's phones had made, until Asterisk has been asked.

        `facts`: what that engine has kept. Whoever of the two is gone by then ends the call.
        """
        dispatcher = self._dispatcher
        for channel, kept in operator_call_checkpoints(facts).items():
            timer = dispatcher.timers.at(kept.rings_until, partial(self._rang_out, channel))
            call = OperatorCall(
                channel,
                kept.phone,
                kept.operator,
                kept.leg,
                kept.address,
                kept.target,
                timer,
                kept.rings_until,
                kept.bridge,
                kept.item,
                kept.in_vain,
                wrap_up_s=kept.wrap_up_s,
            )
            self._know(call)
            dispatcher.switch.belongs(call.leg, channel)
            if call.bridge is not None:
                dispatcher.switch.belongs(call.bridge, channel)
            called = State.OFFERED if kept.bridge is None else State.CALLING
            both = ((kept.operator, State.CALLING), (kept.target.operator, called))
            for number, state in both:
                one = dispatcher.roster.operators.get(number or "")
                if one is not None and one.state is State.IDLE:
                    dispatcher.roster.changes.move(one, state, channel, now)
            if kept.target.operator is not None:
                dispatcher.operator_legs.occupy(kept.address, kept.leg)

    def restored(
        self, up: Container[str], bridges: Mapping[str, Collection[str]], now: float
    ) -> None:
        """Connect who has answered while no engine lived, or whom one died before connecting.

        `up`: the legs that Asterisk has up. `bridges`: those that it has, with who is in them.
        """
        for call in list(self.by_leg.values()):
            if call.leg not in up:
                continue
            if call.bridge is None:
                self.answered(call.leg, now)
            elif not {call.channel, call.leg} <= set(bridges.get(call.bridge, ())):
                self._dispatcher.switch.pair(call.bridge, call.channel, call.leg)

    def answered(self, channel: str, now: float) -> None:
        """The one who was called has answered."""
        call = self.by_leg.get(channel)
        if call is None:
            return
        call.timer.cancel()
        if call.item is not None:
            self._forget(call)
            self._dispatcher.switch.answer(call.channel)
            self._dispatcher.switch.stop_ringing(call.channel)
            if not self.callbacks.citizen_answered(call, now):
                self._free_both(call, now)
            return
        call.bridge = new_id(now)
        if call.in_vain != IN_VAIN:
            # who is up hears the tone in the place of audio
            self._dispatcher.switch.stop_ringing(call.channel)
        self._dispatcher.switch.pair(call.bridge, call.channel, call.leg)
        call.tell(True, now)
        called = self._dispatcher.roster.operators.get(call.target.operator or "")
        if called is not None and called.call == call.channel:
            self._dispatcher.roster.changes.move(called, State.CALLING, call.channel, now)
        self._keep(call)

    def ring_failed(self, channel: str, now: float) -> None:
        """The one who is called cannot be rung: who called hears so."""
        self.gone(channel, FAILED, now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """One of the two has hung up: so does the other."""
        call = self.by_channel.get(channel) or self.by_leg[channel]
        if channel == call.leg and call.bridge is None:
            self._in_vain(call, cause, now)
        else:
            self._end(call, now, but=channel)
        self._dispatcher.operator_legs.free_phone(channel)

    def hand_over(self, channel: str, by: Leg, now: float) -> Consulted | None:
        """Take the called one out of a call of the same phone's, to be joined to its citizen."""
        call = self.by_channel.get(channel)
        if call is None or call.phone != by.phone:
            return None
        self._forget(call)
        self._dispatcher.roster.free(call.operator, call.channel, now)
        stage = LegStage.RINGING if call.bridge is None else LegStage.CONSULTING
        leg = Leg(call.leg, by.call, call.address, call.target.operator, stage)
        return Consulted(channel, leg, call.target, call.bridge)

    def _rang_out(self, channel: str, now: float) -> None:
        call = self.by_channel.get(channel)
        if call is not None and call.bridge is None:
            self._dispatcher.switch.hang_up(call.leg, NO_ANSWER)
            self._in_vain(call, NO_ANSWER, now)

    def _in_vain(self, call: OperatorCall, cause: int, now: float) -> None:
        """The one who was called does not answer: who called hears it in words.

        An agency has a second address, which is rung before that.
        """
        if call.target.kind is Kind.AGENCY and self._ring_next(call, now):
            return
        self._forget(call)
        self._free_both(call, now)
        self.say(call.channel, call.in_vain, now)
        call.tell(False, now)
        if call.item is not None:
            self.callbacks.citizen_not_reached(call, cause, now)

    def _ring_next(self, call: OperatorCall, now: float) -> bool:
        """Ring the address behind the one that did not answer; False if there is none."""
        addresses = call.target.addresses
        behind = addresses[addresses.index(call.address) + 1 :] if call.address in addresses else ()
        if not behind:
            return False
        call.timer.cancel()
        self.by_leg.pop(call.leg)
        self._owners.remove(call.leg, self)
        call.leg, call.address = new_id(now), behind[0]
        call.rings_until = now + self._dispatcher.rules.ring_s(Kind.AGENCY)
        call.timer = self._dispatcher.timers.at(
            call.rings_until, partial(self._rang_out, call.channel)
        )
        self._know(call)
        self._keep(call)
        one = self._dispatcher.roster.operators.get(call.operator or "")
        name = call.phone if one is None else one.name
        self._dispatcher.switch.ring(call.leg, call.address, (name, call.phone), call.channel)
        return True

    def _end(self, call: OperatorCall, now: float, but: str) -> None:
        self._forget(call)
        for one in (call.channel, call.leg):
            if one != but:
                self._dispatcher.switch.hang_up(one, NORMAL)
        if call.bridge is not None:
            self._dispatcher.switch.disconnect(call.bridge)
        self._free_both(call, now)
        call.tell(False, now)
        if call.item is not None:
            self.callbacks.operator_left(call, now)

    def _forget(self, call: OperatorCall) -> None:
        call.timer.cancel()
        self.by_channel.pop(call.channel, None)
        self.by_leg.pop(call.leg, None)
        self._owners.remove(call.channel, self)
        self._owners.remove(call.leg, self)
        self._journal.keep(OPERATOR_CALL + call.channel, None)

    def _free_both(self, call: OperatorCall, now: float) -> None:
        roster = self._dispatcher.roster
        one = roster.operators.get(call.operator or "")
        if one is not None and one.call == call.channel and call.wrap_up_s > 0:
            self._dispatcher.wrap_ups.begin(one, call.wrap_up_s, now)
        roster.free(call.operator, call.channel, now)
        roster.free(call.target.operator, call.channel, now)
