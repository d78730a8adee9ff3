"""The legs of operators and agencies: rings phones, and keeps operators in step with their legs.

The lower half of the dispatcher. It knows nothing of the queue: what becomes of a call is decided
above it, what becomes of an operator and of a phone is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import structlog

from acd.calls.call import Call, Leg
from acd.calls.ids import new_id
from acd.calls.record import EventKind
from acd.calls.shown_place import shown_place
from acd.calls.states import LegStage
from acd.languages import OWN_LANGUAGE
from acd.numbers.caller import same_caller, without_separators
from acd.numbers.withheld import Withheld, seen
from acd.operators.operator import Device, Operator, Phone
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.operators.wrap_up import WrapUps
from acd.rules.rules import Rules
from acd.switch import Switch
from acd.timers import Timers

log = structlog.get_logger("acd")

ANONYMOUS = "anonim"
_DIALABLE = re.compile(r"\+?[0-9]{1,32}")

# Q.850 causes that we hang up with
NORMAL, NO_ANSWER, ANSWERED_ELSEWHERE = 16, 19, 26
FAILED = 38  # of a leg that could not be rung at all: out of order
# of a leg that was lost, and not hung up by a person: no answer to a request in the dialog (18),
# a dialog or a phone that is gone (127, 20, 27), no network (34, 38, 41, 102), no audio (44)
NO_AUDIO, BROKEN_DIALOG = 44, 127
LOST = frozenset({18, 20, 27, 34, 38, 41, NO_AUDIO, 102, BROKEN_DIALOG})


def dialable(number: str) -> str:
    """A telephone number as it can be shown and dialled; "" for what is none as a whole.

    What is left of `warga110` without its letters is the number of somebody else.
    """
    found = without_separators(number)
    return found if _DIALABLE.fullmatch(found) else ""


class OperatorLegs:
    """All operators' and agencies' legs that ring or talk.

    `rang_out(leg, now)`: nobody has answered in time. `handled(seconds)`: an operator has been kept
    so long by a call, wrap-up included.
    """

    def __init__(
        self,
        switch: Switch,
        roster: Roster,
        timers: Timers,
        rules: Rules,
        wrap_ups: WrapUps,
        *,
        rang_out: Callable[[Leg, float], None],
        handled: Callable[[float], None],
    ) -> None:
        self.switch, self.roster, self.timers, self.rules = switch, roster, timers, rules
        self._wrap_ups, self._rang_out, self._handled = wrap_ups, rang_out, handled
        self.legs: dict[str, Leg] = {}
        self.last_calls: dict[str, Call] = {}  # operator -> the last citizen's
        self._phone_of_leg: dict[str, str] = {}
        self._spoke_with: dict[str, tuple[str, float]] = {}  # caller -> operator, time

    def call_of(self, operator: str) -> Call | None:
        """The citizen's call that an operator talks in, or else was the last one's."""
        talks = (one for one in self.legs.values() if one.operator == operator)
        now = next((one.call for one in talks if one.talks_since), None)
        return now or self.last_calls.get(operator)

    # --- ringing and talking ------------------------------------------------------------------

    def ring_desk(self, call: Call, operator: Operator, phone: Phone, now: float) -> Leg:
        """Ring the phone where an operator sits."""
        self.roster.changes.move(operator, State.OFFERED, call.id, now)
        operator.offered_at = now
        phone.device = Device.IN_USE
        return self.ring(call, phone.number, operator.id, now)

    def ring(self, call: Call, phone: str, operator: str | None, now: float) -> Leg:
        """Ring a phone or an address outside for a call."""
        leg = self.add_leg(Leg(new_id(now), call, phone, operator, transfer=call.transfer))
        self.rings(leg, now)
        record = call.record
        number = shown = dialable(record.caller_number)
        if record.withheld and self.rules.withheld is not Withheld.SHOWN:
            number, shown = "", seen(number, True, self.rules.withheld)
        label = self.rules.category(record.category).label
        if call.silent:
            label = f"{label} {self.rules.labels['silent']}"
        if record.nuisance is not None:
            label = f"{label} {self.rules.labels.get(record.nuisance, record.nuisance)}"
        if record.language != OWN_LANGUAGE:
            label = f"{label} {record.language.upper()}"
        display = f"{label} {shown or ANONYMOUS}"
        if record.place_source is not None and (place := shown_place(record)):
            display += f", {place}"
        shows = (display, number or ANONYMOUS)
        # whoever is outside learns no address of the city's
        address = self.rules.desk_address(call.id) if phone in self.roster.phones else ""
        self.switch.ring(leg.id, phone, shows, call.channel, address)
        return leg

    def rings(self, leg: Leg, now: float) -> None:
        """A leg rings from now on, and not for ever."""
        leg.rings_since = now
        leg.call.note(EventKind.OFFERED, now, **leg.about())
        self._ring_until(leg)

    def ring_on(self, leg: Leg, now: float) -> None:
        """A leg has rung while no engine watched, and does so on until its time is up."""
        operator = self.roster.operators.get(leg.operator or "")
        if operator is not None:
            self.roster.changes.move(operator, State.OFFERED, leg.call.id, now)
        if (phone := self.roster.phones.get(leg.phone)) is not None:
            phone.device = Device.IN_USE
        self._ring_until(leg)

    def _ring_until(self, leg: Leg) -> None:
        rules, ours = self.rules, leg.phone in self.roster.phones
        leg.rings_until = leg.rings_since + (rules.ring_timeout_s if ours else rules.agency_ring_s)
        leg.rearm(self.timers.at(leg.rings_until, lambda at: self._rang_out(leg, at)))

    def add_leg(self, leg: Leg) -> Leg:
        """Know a leg, by its call and by the phone that it occupies."""
        self.legs[leg.id] = leg.call.legs[leg.id] = leg
        self.occupy(leg.phone, leg.id)
        return leg

    def occupy(self, number: str, leg_id: str) -> None:
        """Know that a phone is in use until this leg of it is really gone."""
        if number in self.roster.phones:
            self._phone_of_leg[leg_id] = number

    def phone_of(self, leg_id: str) -> str:
        """The phone that a leg occupies; "" if it is not known, or of no phone of ours."""
        return self._phone_of_leg.get(leg_id, "")

    def occupying(self) -> set[str]:
        """The legs that phones of ours are in use by, whatever has become of their calls."""
        return set(self._phone_of_leg)

    def free_phone(self, leg_id: str) -> None:
        """A leg is really gone: its phone can be rung again, unless it has another call."""
        number = self._phone_of_leg.pop(leg_id, "")
        if number in self._phone_of_leg.values():
            return
        phone = self.roster.phones.get(number)
        # one that has gone away meanwhile is unreachable until Asterisk says otherwise
        if phone is not None and phone.device is Device.IN_USE:
            phone.device = Device.FREE

    def leg_ringing(self, leg_id: str, now: float) -> None:
        """A phone rings."""
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is LegStage.RINGING:
            leg.call.note(EventKind.RINGING, now, **leg.about())

    def sits_there(self, leg: Leg, now: float) -> None:
        """A phone that was rung whoever sits there has been answered by whoever sits there."""
        one = self.roster.at_phone(leg.phone) if leg.operator is None else None
        if one is not None and one.state is State.WRAP_UP:
            self.roster.wrapped_up(one, "early", now)
        if one is not None and one.state is State.IDLE:
            leg.operator = one.id
            self.roster.changes.move(one, State.OFFERED, leg.call.id, now)

    def answered_elsewhere(self, winner: Leg, now: float) -> None:
        """The first answer wins: the other phones stop ringing, and it is nobody's miss."""
        for leg in [one for one in winner.call.legs.values() if one.stage is LegStage.RINGING]:
            self.note_failed(leg, "answered_elsewhere", now)
            self.drop(leg, ANSWERED_ELSEWHERE)
            self.free_operator(leg, now)

    def note_failed(self, leg: Leg, reason: str, now: float) -> None:
        """Keep that nobody has answered a leg, and why."""
        others = [one for one in leg.call.legs.values() if one is not leg and one.stage.is_offer]
        only = others[0] if len(others) == 1 else None
        rings: dict[str, Any] = {"ringing": len(others)}
        if only is not None:
            rings["still"] = {"operator": only.operator, "phone": only.phone}
        leg.call.note(EventKind.OFFER_FAILED, now, **leg.about(), reason=reason, **rings)
        log.info("offer_failed", call_id=leg.call.id, **leg.about(), reason=reason)

    def talk(self, leg: Leg, now: float) -> None:
        """The first one talks with the citizen, out of the queue."""
        call = leg.call
        call.interrupted = False
        leg.move(LegStage.TALKING)
        leg.talks_since = now
        kept = [one for one in call.record.legs if one.leg == leg.id and one.left_at is None]
        if kept:
            leg.talks_since = kept[0].joined_at  # a talk that is taken up again
        else:
            call.note(EventKind.ANSWERED, now, **leg.about())
            self.took(leg)
        self.set_state(leg, State.TALKING if leg.held_since is None else State.HOLDING, now)

    def took(self, leg: Leg) -> None:
        """An operator has taken a call: it counts."""
        if (operator := self.roster.operators.get(leg.operator or "")) is not None:
            operator.calls_taken += 1

    def set_state(self, leg: Leg, state: State, now: float) -> None:
        """What the leg's operator is doing."""
        if (operator := self.roster.operators.get(leg.operator or "")) is not None:
            self.roster.changes.move(operator, state, leg.call.id, now)

    def held(self, leg_id: str, now: float) -> None:
        """An operator has put the citizen on hold, who now hears music."""
        leg = self.legs.get(leg_id)
        if leg is None or leg.stage is not LegStage.TALKING or leg.held_since is not None:
            return
        leg.held_since = now
        leg.call.note(EventKind.HELD, now, **leg.about())
        self.set_state(leg, State.HOLDING, now)

    def unheld(self, leg_id: str, now: float) -> None:
        """The operator talks with the citizen again."""
        leg = self.legs.get(leg_id)
        if leg is not None and self.resumed(leg, now):
            self.set_state(leg, State.TALKING, now)

    def resumed(self, leg: Leg, now: float) -> bool:
        """The hold, if there is one, is over."""
        if leg.held_since is None:
            return False
        held_ms = max(0, round((now - leg.held_since) * 1000))
        leg.held_since = None
        leg.call.note(EventKind.RESUMED, now, **leg.about(), held_ms=held_ms)
        return True

    # --- taking apart -------------------------------------------------------------------------

    def let_go(self, leg: Leg, reason: str, now: float) -> None:
        """The other side of a handing over is wanted no more; that is nobody's miss."""
        self.note_failed(leg, reason, now)
        self.drop(leg, NO_ANSWER if leg.stage is LegStage.RINGING else NORMAL)
        self.free_operator(leg, now)

    def leave(self, leg: Leg, reason: str, now: float) -> None:
        """One who talked leaves; the citizen stays with the others."""
        self.resumed(leg, now)
        leg.call.note(EventKind.LEFT, now, **leg.about(), reason=reason)
        self.drop(leg, NORMAL)
        self.free_operator(leg, now)

    def drop(self, leg: Leg, cause: int) -> None:
        """Hang a leg up and forget it; its phone stays in use until the leg is really gone."""
        leg.rearm(None)
        leg.call.legs.pop(leg.id, None)
        if self.legs.pop(leg.id, None) is not None:
            self.switch.hang_up(leg.id, cause)

    def free_operator(self, leg: Leg, now: float) -> None:
        """The leg's operator has nothing to do with the call any more: wrap-up, or idle."""
        operator = self.roster.operators.get(leg.operator or "")
        if operator is None or operator.call != leg.call.id:
            return
        if leg.talks_since:
            self._wrap_ups.begin(operator, self._served(operator, leg, now), now)
        else:
            self.roster.idle(operator, now, since=operator.idle_since)

    def _served(self, operator: Operator, leg: Leg, now: float) -> float:
        """An operator has talked with a citizen; returns the seconds of wrap-up that follow."""
        operator.misses = 0  # not at the answer: a phone that drops at once has missed the call
        self._note_talk(operator, leg, now)
        self.last_calls[operator.id] = leg.call
        wrap_up_s = self.rules.wrap_up(leg.call.record.category)
        self._handled(now - leg.talks_since + wrap_up_s)
        return wrap_up_s

    def talks_on(self, leg: Leg, channel: str, now: float) -> float:
        """A leg goes on without its citizen, in the call of the phone's channel `channel`.

        It is no leg of a citizen's any more. Returns the seconds of wrap-up that its operator has
        after that; 0 for an agency.
        """
        leg.rearm(None)
        del leg.call.legs[leg.id], self.legs[leg.id]
        operator = self.roster.operators.get(leg.operator or "")
        if operator is None or operator.call != leg.call.id:
            return 0.0
        wrap_up_s = self._served(operator, leg, now)
        self.roster.changes.move(operator, State.CALLING, channel, now)
        return wrap_up_s

    def preferred(self, call: Call, now: float) -> str | None:
        """Who spoke with this caller lately."""
        if not self._spoke_with:
            return None
        caller = same_caller(call.record.caller_number, self.rules.country)
        operator, at = self._spoke_with.get(caller or "", ("", 0.0))
        return operator if operator and now - at <= self.rules.preferred_s else None

    def _note_talk(self, operator: Operator, leg: Leg, now: float) -> None:
        operator.talk_s += now - leg.talks_since
        if self.rules.preferred_s <= 0:
            return
        caller = same_caller(leg.call.record.caller_number, self.rules.country)
        if caller is None:
            return
        spoke_with = self._spoke_with
        spoke_with.pop(caller, None)
        spoke_with[caller] = (operator.id, now)
        oldest = next(iter(spoke_with))
        while now - spoke_with[oldest][1] > self.rules.preferred_s:
            del spoke_with[oldest]
            oldest = next(iter(spoke_with))
