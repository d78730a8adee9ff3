"""Verifications: an operator wants to hear from an incident's caller whether it is so.

A verification is a work item (`acd.work_offers`): offered to who has asked for it, then to anybody;
who takes it has the citizen rung. Talking confirms it; whatever else comes of it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from acd.callbacks.jobs import ON_THE_LINE_S, CallbackJobs, refusal
from acd.callbacks.open_callbacks import WITH_OPERATOR
from acd.callbacks.ringing import Ringing
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.record import CallRecord
from acd.dispatcher import Dispatcher
from acd.legs import FAILED
from acd.numbers.caller import same_caller
from acd.operator_calls import Callbacks, OperatorCall, OperatorCalls
from acd.operators.operator import Device, Status, available
from acd.operators.states import State
from acd.queueing.allocation import Desk
from acd.work_items.callbacks import owed
from acd.work_items.item import Work, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from acd.work_items.verifications import (
    AFTER_A_CALL_S,
    AGAIN_S,
    FIRST_S,
    GIVE_UP_S,
    HEAD_START_S,
    KIND,
    LOOK_AGAIN_S,
    TRIES,
)
from acd.work_offers import WorkOffers

_BUSY, _REJECTED = 17, 21
_ON_THE_LINE = "on_the_line"

OnDone = Callable[[WorkItem, bool, str, float], None]


class VerificationRefused(ValueError):
    """A verification cannot be begun; `prompt` says so to who has dialled."""

    def __init__(self, message: str, prompt: str) -> None:
        super().__init__(message)
        self.prompt = prompt


class Verifications:
    """All that are open. `on_done(item, is_verified, why, now)`: one is over; `why`: a word."""

    again_s = 5.0

    def __init__(
        self,
        offers: WorkOffers,
        operator_calls: OperatorCalls,
        dispatcher: Dispatcher,
        live: LiveCalls,
        journal: Journal,
        callbacks: CallbackJobs,
    ) -> None:
        self._offers, self._operator_calls, self._say = offers, operator_calls, operator_calls.say
        self._dispatcher, self._live, self._journal = dispatcher, live, journal
        self._callbacks = callbacks
        self._ringing = Ringing(offers, operator_calls, dispatcher, live)
        self.by_caller: dict[str, list[Work]] = {}
        # those for whom their own operator has dialled; a next engine waits for the end of the work
        # after the call
        self._dialled: set[str] = set()
        self.on_done: OnDone = lambda item, is_verified, why, now: None
        # whom a verification rings is on the line for callbacks
        callbacks.known.rung_otherwise = self._is_rung
        offers.servers[KIND] = self
        # what a citizen's telephone has answered goes to whose item it was
        self._others: Callbacks = operator_calls.callbacks
        operator_calls.callbacks = self

    def is_open(self, item_id: str) -> bool:
        """Whether this verification is not over."""
        return item_id in self._offers.open

    def ask(
        self,
        record: CallRecord,
        about: str,
        operator: str | None,
        now: float,
        *,
        has_dialled: bool = False,
    ) -> WorkItem:
        """Begin one: the caller of a call is to be rung. Raises VerificationRefused.

        `about`: the incident's number. `operator`: who is offered it first, as soon as the phone is
        free. `has_dialled`: that one has asked for it, which ends the work after the last call.
        """
        item = WorkItem(
            id=new_id(now),
            kind=KIND,
            category=record.category,
            language=record.language,
            call_id=record.call_id,
            number=record.caller_number,
            withheld=record.withheld,
            reason=about,
            created_at=now,
            waits_since=now,
            due_at=now + LOOK_AGAIN_S,
            operator=operator,
        )
        self._check(item, now)
        if has_dialled:
            self._dialled.add(item.id)
        self._offers.add(self._work(item), now)
        return item

    def _check(self, item: WorkItem, now: float) -> None:
        if not self._operator_calls.directory.carrier:
            raise VerificationRefused(
                "No carrier is set (NGALAM112_CARRIER), so nobody can be called.",
                "callback_no_carrier",
            )
        barred = self._ringing.barred(item, item.operator or "", now)
        if barred is not None:
            raise VerificationRefused(
                f"The caller cannot be rung: {barred.words}.", refusal(barred)
            )

    def _work(self, item: WorkItem) -> Work:
        work = Work(item, self._journal, HEAD_START_S)
        work.preferred = _who_asked(item)
        caller = self._caller(item.number)
        if caller is not None:
            self.by_caller.setdefault(caller, []).append(work)
        return work

    def _caller(self, number: str) -> str | None:
        return same_caller(number, self._dispatcher.rules.country)

    def _is_rung(self, caller: str | None, but: Work) -> bool:
        same = self.by_caller.get(caller or "", ())
        return any(one is not but and one.item.state in WITH_OPERATOR for one in same)

    def _close(
        self, work: Work, outcome: ItemOutcome, why: str, now: float, by: str | None = None
    ) -> None:
        """It is over, and so is the wait of whoever wanted to know: kept by one write."""
        self._dialled.discard(work.id)
        caller = self._caller(work.item.number) or ""
        self.by_caller[caller] = [one for one in self.by_caller.get(caller, ()) if one is not work]
        if not self.by_caller[caller]:
            del self.by_caller[caller]
        with self._journal.together():
            self._offers.close(work, outcome, now, by=by, note=why)
            self.on_done(work.item, outcome is ItemOutcome.REACHED, why, now)

    # --- an item's way (`ItemServer`) ---------------------------------------------------------

    def display(self, work: Work) -> tuple[str, str]:
        """What the operator's phone shows."""
        return self._ringing.shown(work.item, f"VERIFIKASI {work.item.reason}")

    def due(self, work: Work, now: float) -> None:
        """Its time has come: to be offered, or to be given up."""
        item = work.item
        last = item.created_at + GIVE_UP_S
        barred = self._ringing.barred(item, "", now)
        if now >= last:
            self._close(work, ItemOutcome.GIVEN_UP, "nobody_took_it", now)
        elif barred is not None:
            self._close(work, ItemOutcome.UNREACHABLE, barred.value, now)
        elif self._callbacks.known.is_on_the_line(work):
            self._offers.wait(work, min(now + ON_THE_LINE_S, last), now, _ON_THE_LINE)
        elif (desk := self._desk_of_who_asked(work, now)) is not None:
            self._offers.offer(work, desk, now)
        elif work.preferred is not None and now < item.created_at + FIRST_S:
            self._offers.wait(work, now + LOOK_AGAIN_S, now, "busy_operator")
        else:
            self._offers.queue(work, last, now)

    def _desk_of_who_asked(self, work: Work, now: float) -> Desk | None:
        """Where the operator sits who is to be asked first and is free; who has dialled for it ends
        the work after a call by that.
        """
        roster = self._dispatcher.roster
        one = roster.operators.get(work.preferred or "")
        if one is None or work.offers or one.phone not in roster.phones:
            return None
        phone = roster.phones[one.phone]
        rings = phone.device in (Device.FREE, Device.UNKNOWN) and one.not_before <= now
        is_wanted = work.id in self._dialled and one.status is Status.READY
        if one.state is State.WRAP_UP and is_wanted and rings:
            roster.wrapped_up(one, "early", now)
        return Desk(one, phone) if available(one, roster.phones, now) else None

    def accepted(self, work: Work, now: float) -> None:
        """An operator has answered: ring the citizen."""
        item = work.item
        operator = self._dispatcher.roster.operators.get(item.operator or "")
        if item.channel is None or item.phone is None:
            return
        if self._callbacks.known.is_on_the_line(work):
            self._offers.free_operator(work, now)
            self._say(item.channel, "verification_on_the_line", now)
            self._offers.wait(work, now + ON_THE_LINE_S, now, _ON_THE_LINE)
            return
        channel = item.channel
        barred = self._ringing.ring(work, channel, item.phone, operator, now)
        if barred is not None:
            self._offers.free_operator(work, now)
            self._say(channel, refusal(barred), now)
            self._close(work, ItemOutcome.UNREACHABLE, barred.value, now)

    # --- what comes of it (`acd.operator_calls.Callbacks`) ------------------------------------

    def citizen_answered(self, call: OperatorCall, now: float) -> bool:
        """The citizen has answered: the two talk."""
        work = self._mine(call)
        if work is None:
            return self._others.citizen_answered(call, now)
        self._ringing.talk(work, call, now)
        return True

    def citizen_not_reached(self, call: OperatorCall, cause: int, now: float) -> None:
        """The citizen did not answer. `cause`: Q.850."""
        work = self._mine(call)
        if work is None:
            self._others.citizen_not_reached(call, cause, now)
        elif cause == FAILED:
            work.item.attempts -= 1
            self._try_again(work, "not_rung", now)
        elif cause == _REJECTED:
            self._close(work, ItemOutcome.GIVEN_UP, "rejected", now, by=work.item.operator)
        else:
            self._try_again(work, "busy" if cause == _BUSY else "no_answer", now)

    def operator_left(self, call: OperatorCall, now: float) -> None:
        """The operator has hung up while the citizen was rung: that was no try."""
        work = self._mine(call)
        if work is None:
            self._others.operator_left(call, now)
        else:
            work.item.attempts -= 1
            self._try_again(work, "operator_left", now)

    def _mine(self, call: OperatorCall) -> Work | None:
        work = self._ringing.rung(call)
        return work if work is not None and work.item.kind == KIND else None

    def _try_again(self, work: Work, why: str, now: float) -> None:
        if work.item.attempts >= TRIES:
            self._close(work, ItemOutcome.GIVEN_UP, why, now, by=work.item.operator)
        else:
            self._offers.wait(work, now + AGAIN_S, now, why)

    def call_ended(self, record: CallRecord, at: float) -> None:
        """A call has ended: the talk of one, or the call of a citizen who is to be rung."""
        for work in list(self.by_caller.get(self._caller(record.caller_number) or "", ())):
            item = work.item
            if item.state is ItemState.TALKING and item.talk == record.call_id:
                self._talked(work, record, at)
            elif item.state is ItemState.WAITING and item.history[-1].reason == _ON_THE_LINE:
                self._offers.wait(work, at + AFTER_A_CALL_S, at, "hung_up")

    def _talked(self, work: Work, record: CallRecord, at: float) -> None:
        if owed(record) is None and record.operator_answered_at is not None:
            self._close(work, ItemOutcome.REACHED, "talked", at, by=record.operator)
            self._callbacks.discharge(record, at)
        else:
            self._try_again(work, "cut_off", at)

    def asterisk_lost(self, now: float) -> None:
        """Asterisk has died, and who was rung in it is rung no more: nobody has tried."""
        for work in [one for one in self._offers.open.values() if one.item.kind == KIND]:
            rung = work.item.state is ItemState.RINGING
            if rung and not self._operator_calls.rings_for(work.id):
                work.item.attempts -= 1
                self._offers.wait(work, now + AFTER_A_CALL_S, now, "lost")

    # --- after a change of engines ------------------------------------------------------------

    def remember(self, items: Iterable[WorkItem], now: float) -> None:
        """Know the open verifications of an earlier engine."""
        talks = {call.id for call in self._live.calls.values()}
        for item in items:
            if item.kind != KIND or item.id in self._offers.open:
                continue
            work = self._work(item)
            self._offers.remember(work, now)
            is_lost = (
                item.state is ItemState.RINGING and not self._operator_calls.rings_for(item.id)
            ) or (item.state is ItemState.TALKING and item.talk not in talks)
            if is_lost:
                self._offers.wait(work, now + AFTER_A_CALL_S, now, "lost")


def _who_asked(item: WorkItem) -> str | None:
    """Who has asked for it: that is in the first step, as long as that is kept."""
    if not item.history:
        return item.operator
    first = item.history[0]
    return first.operator if first.state == ItemState.WAITING and not first.reason else None
