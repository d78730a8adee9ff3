"""Calls that an operator makes from a phone: to a colleague, or to an agency about a citizen.

They are no calls of citizens: they have no record of their own. What goes out belongs to a call
record: an agency is called only by an operator who has a citizen on the line, and a citizen only
is called back, as a further leg of the operator's last call. When the phone asks by REFER with
Replaces, whom it talks with comes into the citizen's call.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from acd.calls.call import Call, Leg
from acd.calls.checkpoint import (
    OPERATOR_CALL,
    OperatorCallCheckpoint,
    operator_call_checkpoints,
)
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.owners import Owner, Owners
from acd.calls.record import EventKind
from acd.calls.states import LegStage, Stage
from acd.calls.target import Kind, Target
from acd.dispatcher import Dispatcher
from acd.legs import NO_ANSWER, NORMAL
from acd.numbers.called_back import CALLED_BACK, CalledBack
from acd.numbers.outbound import Barred
from acd.operators.operator import Device, Operator
from acd.operators.states import State
from acd.timers import Timer
from acd.transfers.directory import Directory, Refusal
from acd.transfers.transfers import Consulted

log = structlog.get_logger("acd")

Say = Callable[[str, str, float], None]


def _refusal(barred: Barred | None) -> str:
    """The prompt by which an operator hears why nobody is called back."""
    if barred is None or barred is Barred.NO_NUMBER:
        return "callback_nobody"
    return "callback_limit" if barred.is_limit else "callback_forbidden"


@dataclass(slots=True, eq=False)
class OperatorCall:
    """`channel`: the phone that dialled; `leg`: the one that it called.

    `back`: the call whose citizen is called back.
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
    back: Call | None = None

    def about(self) -> dict[str, str | None]:
        """What an event tells of it."""
        return {"operator": self.operator, "phone": self.phone, "leg": self.leg}

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
            back=self.back.record if self.back is not None else None,
        )


class OperatorCalls(Owner):
    """All of them. `say(channel, prompt, now)` answers a channel in words and hangs it up."""

    def __init__(self, dispatcher: Dispatcher, owners: Owners, journal: Journal, say: Say) -> None:
        self._dispatcher, self._owners, self._say = dispatcher, owners, say
        self._journal = journal
        self.called_back = CalledBack(dispatcher.rules.outbound, dispatcher.rules.country)
        self.by_channel: dict[str, OperatorCall] = {}
        self.by_leg: dict[str, OperatorCall] = {}

    @property
    def directory(self) -> Directory:
        """The numbers that may be dialled."""
        return self._dispatcher.transfers.directory

    def channels(self) -> set[str]:
        """The channels of both sides of all of them."""
        return self.by_channel.keys() | self.by_leg.keys()

    def caller_of(self, channel: str) -> str:
        """The channel of the phone that has called this one, or the channel itself."""
        call = self.by_leg.get(channel)
        return channel if call is None else call.channel

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
            self._say(channel, f"transfer_{found}", now)
            return
        call = self._place(channel, phone, one, found, now)
        called = dispatcher.roster.operators.get(found.operator or "")
        if called is not None:
            called.move(State.OFFERED, channel)
            dispatcher.roster.phones[call.address].device = Device.IN_USE
            dispatcher.operator_legs.occupy(call.address, call.leg)
        name = one.name if one is not None else phone
        self._keep(call)
        dispatcher.switch.ring(call.leg, call.address, (name, phone), channel)

    def call_back(self, channel: str, phone: str, now: float) -> None:
        """A phone dialled *16: ring the citizen of its operator's last call, or say why not."""
        dispatcher = self._dispatcher
        one = dispatcher.roster.at_phone(phone)
        last = dispatcher.operator_legs.last_calls.get(one.id) if one is not None else None
        if one is None or last is None or last.stage is not Stage.ENDED:
            prompt = "operator_not_logged_in" if one is None else "callback_nobody"
            self._say(channel, prompt, now)
            return
        found = dispatcher.rules.dial_string(last.record.caller_number)
        barred = found if isinstance(found, Barred) else self.called_back.over(one.id, found, now)
        if isinstance(found, Barred) or barred is not None:
            log.warning("callback_refused", operator=one.id, call_id=last.id, why=barred)
            self._say(channel, _refusal(barred), now)
            return
        if not self.directory.carrier:
            self._say(channel, "callback_no_carrier", now)
            return
        number = found
        if one.state is State.WRAP_UP:
            dispatcher.roster.wrapped_up(one, "early", now)
        target = Target(Kind.CITIZEN, number, number, (f"tel:{number}",))
        call = self._place(channel, phone, one, target, now)
        call.back = last
        last.note(EventKind.CALLED_BACK, now, **call.about(), to=number)
        self._journal.keep(CALLED_BACK, self.called_back.dialled(one.id, number, now))
        self._keep(call)
        ours = last.record.called_number
        dispatcher.switch.ring(call.leg, call.address, (ours, ours), channel)

    def _place(
        self, channel: str, phone: str, one: Operator | None, target: Target, now: float
    ) -> OperatorCall:
        dispatcher = self._dispatcher
        leg, address = new_id(now), target.addresses[0]
        until = now + dispatcher.rules.ring_s(target.kind)
        timer = dispatcher.timers.at(until, lambda at: self._rang_out(channel, at))
        who = one.id if one is not None else None
        call = OperatorCall(channel, phone, who, leg, address, target, timer, until)
        self._know(call)
        if one is not None and one.state is State.IDLE:
            one.move(State.CALLING, channel)
        dispatcher.switch.ringing(channel)
        return call

    def _know(self, call: OperatorCall) -> None:
        self.by_channel[call.channel] = self.by_leg[call.leg] = call
        self._owners.add(call.channel, self)
        self._owners.add(call.leg, self)
        self._dispatcher.operator_legs.occupy(call.phone, call.channel)

    def _keep(self, call: OperatorCall) -> None:
        self._journal.keep(OPERATOR_CALL + call.channel, call.checkpoint())

    def remember(self, facts: dict[str, Any]) -> None:
        """Know the calls that an earlier engine's phones had made, until Asterisk has been asked.

        `facts`: what that engine has kept. Whoever of the two is gone by then ends the call.
        """
        dispatcher = self._dispatcher
        for channel, kept in operator_call_checkpoints(facts).items():
            timer = dispatcher.timers.at(kept.rings_until, partial(self._rang_out, channel))
            back = None
            if kept.back is not None:
                back = Call(kept.back.asterisk_id, kept.back, self._journal)
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
                back,
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
                    one.move(state, channel)
            if kept.target.operator is not None:
                dispatcher.operator_legs.occupy(kept.address, kept.leg)

    def restored(self, up: Container[str], now: float) -> None:
        """Connect who has answered while no engine lived. `up`: the legs that Asterisk has up."""
        for call in list(self.by_leg.values()):
            if call.bridge is None and call.leg in up:
                self.answered(call.leg, now)

    def answered(self, channel: str, now: float) -> None:
        """The one who was called has answered."""
        call = self.by_leg.get(channel)
        if call is None:
            return
        call.timer.cancel()
        call.bridge = new_id(now)
        self._dispatcher.switch.pair(call.bridge, call.channel, call.leg)
        called = self._dispatcher.roster.operators.get(call.target.operator or "")
        if called is not None and called.call == call.channel:
            called.move(State.CALLING, call.channel)
        if call.back is not None:
            call.back.note(EventKind.JOINED, now, **call.about(), how="callback")
        self._keep(call)

    def ring_failed(self, channel: str, now: float) -> None:
        """The one who is called cannot be rung: who called hears so."""
        self.gone(channel, NORMAL, now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """One of the two has hung up: so does the other."""
        call = self.by_channel.get(channel) or self.by_leg[channel]
        if channel == call.leg and call.bridge is None:
            self._in_vain(call, now)
        else:
            self._end(call, now, but=channel)
        self._dispatcher.operator_legs.free_phone(channel)

    def hand_over(self, channel: str, by: Leg, now: float) -> Consulted | None:
        """Take the called one out of a call of the same phone's, to be joined to its citizen."""
        call = self.by_channel.get(channel)
        if call is None or call.phone != by.phone:
            return None
        self._forget(call)
        self._free(call.operator, call.channel, now)
        stage = LegStage.RINGING if call.bridge is None else LegStage.CONSULTING
        leg = Leg(call.leg, by.call, call.address, call.target.operator, stage)
        return Consulted(channel, leg, call.target, call.bridge)

    def _rang_out(self, channel: str, now: float) -> None:
        call = self.by_channel.get(channel)
        if call is not None and call.bridge is None:
            self._dispatcher.switch.hang_up(call.leg, NO_ANSWER)
            self._in_vain(call, now)

    def _in_vain(self, call: OperatorCall, now: float) -> None:
        """The one who was called does not answer: who called hears it in words."""
        self._forget(call)
        self._free_both(call, now)
        self._say(call.channel, "transfer_failed", now)

    def _end(self, call: OperatorCall, now: float, but: str) -> None:
        self._forget(call)
        if call.back is not None and call.bridge is not None:
            who = "caller" if but == call.leg else "operator"
            call.back.note(EventKind.LEFT, now, **call.about(), reason=who)
        for one in (call.channel, call.leg):
            if one != but:
                self._dispatcher.switch.hang_up(one, NORMAL)
        if call.bridge is not None:
            self._dispatcher.switch.disconnect(call.bridge)
        self._free_both(call, now)

    def _forget(self, call: OperatorCall) -> None:
        call.timer.cancel()
        self.by_channel.pop(call.channel, None)
        self.by_leg.pop(call.leg, None)
        self._owners.remove(call.channel, self)
        self._owners.remove(call.leg, self)
        self._journal.keep(OPERATOR_CALL + call.channel, None)

    def _free_both(self, call: OperatorCall, now: float) -> None:
        self._free(call.operator, call.channel, now)
        self._free(call.target.operator, call.channel, now)

    def _free(self, operator: str | None, channel: str, now: float) -> None:
        one = self._dispatcher.roster.operators.get(operator or "")
        if one is not None and one.call == channel:
            self._dispatcher.roster.idle(one, one.idle_since)
