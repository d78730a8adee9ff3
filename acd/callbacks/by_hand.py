"""Callbacks that people want now: an operator by *16, a supervisor by command or API."""

from __future__ import annotations

from acd.callbacks.jobs import CallbackJobs, refusal
from acd.callbacks.open_callbacks import WITH_OPERATOR
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.numbers.outbound import Barred
from acd.operator_calls import OperatorCalls
from acd.operators.operator import Operator, available
from acd.operators.states import State
from acd.queueing.allocation import Desk
from acd.work_items.callbacks import BY_OPERATOR, KIND
from acd.work_items.item import Work, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from acd.work_offers import WorkOffers


class CallbackRefused(ValueError):
    """A callback cannot be taken or closed; the message says why."""


class NoOpenCallback(CallbackRefused):
    """There is no open callback with that id."""


class CallbacksByHand:
    """Picks callbacks, and has them rung or closed."""

    def __init__(
        self,
        jobs: CallbackJobs,
        offers: WorkOffers,
        operator_calls: OperatorCalls,
        dispatcher: Dispatcher,
    ) -> None:
        self._jobs, self._offers, self._dispatcher = jobs, offers, dispatcher
        self._operator_calls, self._say = operator_calls, operator_calls.say

    def from_phone(self, channel: str, phone: str, now: float) -> None:
        """A phone dialled *16: ring the next citizen who is owed a call, or say why nobody is.

        First the one whom the operator has talked with last, if owed; with nobody owed a call, that
        one is called all the same.
        """
        dispatcher = self._dispatcher
        operator = dispatcher.roster.at_phone(phone)
        if operator is None:
            self._say(channel, "operator_not_logged_in", now)
            return
        if operator.state not in (State.IDLE, State.WRAP_UP):
            self._say(channel, "transfer_underway", now)
            return
        if not self._operator_calls.directory.carrier:
            self._say(channel, "callback_no_carrier", now)
            return
        work = self._next_for(operator, now)
        if work is None:
            self._say(channel, "callback_nobody", now)
            return
        if operator.state is State.WRAP_UP:
            dispatcher.roster.wrapped_up(operator, "early", now)
        barred = self._jobs.ring(work, channel, phone, operator, now)
        if barred is not None:
            self._say(channel, refusal(barred), now)
            if work.item.reason == BY_OPERATOR:
                self._jobs.close(
                    work, ItemOutcome.UNREACHABLE, now, by=operator.id, note=barred.words
                )

    def _next_for(self, operator: Operator, now: float) -> Work | None:
        last = self._dispatcher.operator_legs.last_calls.get(operator.id)
        over = last is not None and last.stage is Stage.ENDED
        mine = self._jobs.known.by_call.get(last.id) if last is not None and over else None
        if mine is not None and self._may_be_rung(mine, operator, now):
            return mine
        # who waits for an operator before who waits for the first try; not for a further one
        waiting = [
            one
            for one in self._offers.open.values()
            if one.item.kind == KIND
            and (
                one.item.state is ItemState.QUEUED
                or (one.item.state is ItemState.WAITING and not one.item.attempts)
            )
        ]
        waiting.sort(key=lambda one: (one.item.state is ItemState.WAITING, one.id))
        for work in waiting:
            if not work.item.misdial and self._may_be_rung(work, operator, now):
                return work
        if last is None or not over or mine is not None:
            return None
        give_up_at = now + self._dispatcher.rules.callbacks.give_up_s
        return self._jobs.new(last.record, BY_OPERATOR, last.record.arrived_at, give_up_at, now)

    def _may_be_rung(self, work: Work, operator: Operator, now: float) -> bool:
        if work.item.state in WITH_OPERATOR or self._jobs.known.is_on_the_line(work):
            return False
        number = self._dispatcher.rules.dial_string(work.item.number)
        if isinstance(number, Barred):
            return False
        return self._operator_calls.called_back.over(operator.id, number, now) is None

    def take(self, item_id: str, operator_id: str, now: float) -> WorkItem:
        """Ring an operator for a callback at once; raises CallbackRefused or NoSuchOperator."""
        work, roster = self._open(item_id), self._dispatcher.roster
        operator = roster.operator(operator_id)
        if not available(operator, roster.phones, now):
            raise CallbackRefused(f"Operator {operator_id} is not free at a phone now.")
        if isinstance(found := self._dispatcher.rules.dial_string(work.item.number), Barred):
            raise CallbackRefused(f"Callback {item_id} cannot be dialled: {found.words}.")
        if self._jobs.known.is_on_the_line(work):
            raise CallbackRefused(
                f"The citizen of callback {item_id} is on the line at the moment."
            )
        if not self._operator_calls.directory.carrier:
            raise CallbackRefused("No carrier is set (NGALAM112_CARRIER), so nobody can be called.")
        work.item.misdial = False
        self._offers.offer(work, Desk(operator, roster.phones[operator.phone or ""]), now)
        return work.item

    def close(self, item_id: str, by: str, reason: str, now: float) -> WorkItem:
        """Close a callback by hand; raises CallbackRefused."""
        work = self._open(item_id)
        self._jobs.close(work, ItemOutcome.BY_HAND, now, by=by, note=reason)
        return work.item

    def _open(self, item_id: str) -> Work:
        found = [
            one
            for one in self._offers.open.values()
            if one.item.kind == KIND
            and (one.id.startswith(item_id) or one.item.call_id.startswith(item_id))
        ]
        if not found:
            raise NoOpenCallback(f"There is no open callback {item_id}.")
        if len(found) > 1:
            raise CallbackRefused(
                f"{len(found)} callbacks begin with {item_id}; give more of the id."
            )
        if found[0].item.state in WITH_OPERATOR:
            raise CallbackRefused(
                f"Callback {item_id} is with operator {found[0].item.operator} at the moment."
            )
        return found[0]
