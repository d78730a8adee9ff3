"""Callbacks: each lost call makes one, an operator takes it, the line rings the citizen.

A callback is a work item (`acd.work_offers`). What its talk is, is a call like any other, with a
record of its own, so it is handed over, held, taken up and counted by the same code.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from acd.calls.call import Leg
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.record import CallRecord, CategorySource, EventKind, Outcome
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.legs import dialable
from acd.numbers.caller import same_caller
from acd.numbers.outbound import Barred
from acd.operator_calls import OperatorCall, OperatorCalls
from acd.operators.operator import Operator, available
from acd.operators.states import State
from acd.queueing.allocation import Desk
from acd.rules.callbacks import CallbackRules
from acd.work.callbacks import BY_OPERATOR, KIND, is_misdial, next_try_s, owed
from acd.work.item import Work, WorkItem
from acd.work.states import ItemOutcome, ItemState
from acd.work_offers import WorkOffers

log = structlog.get_logger("acd")

ON_THE_LINE_S = 300.0
"""While the citizen is on the line the callback waits, and is looked at again after so long."""
LIMIT_AGAIN_S = 900.0
"""When a callback is tried again that a limit of the day has kept back."""
_BUSY, _TALKING_STATES = 17, (ItemState.RINGING, ItemState.TALKING)


_SERVED = (Outcome.ANSWERED, Outcome.FALLBACK, Outcome.CALLBACK)


class CallbackRefused(ValueError):
    """A callback cannot be taken or closed; the message says why."""


class CallbackJobs:
    """All callbacks that are open."""

    def __init__(
        self,
        offers: WorkOffers,
        operator_calls: OperatorCalls,
        dispatcher: Dispatcher,
        live: LiveCalls,
        journal: Journal,
    ) -> None:
        self._offers, self._operator_calls, self._say = offers, operator_calls, operator_calls.say
        self._dispatcher, self._live, self._journal = dispatcher, live, journal
        self._by_caller: dict[str, list[Work]] = {}
        self._by_call: dict[str, Work] = {}
        self._on_the_line: dict[str, CallRecord] = {}  # item -> the citizen's call meanwhile
        offers.servers[KIND] = self
        operator_calls.callbacks = self

    @property
    def _rules(self) -> CallbackRules:
        return self._dispatcher.rules.callbacks

    def open(self) -> list[Work]:
        """All open callbacks, the oldest first."""
        found = [one for one in self._offers.open.values() if one.item.kind == KIND]
        return sorted(found, key=lambda one: (one.item.created_at, one.id))

    # --- what happens to calls ----------------------------------------------------------------

    def call_arrived(self, record: CallRecord, at: float) -> None:
        """Somebody calls: who is owed a call is on the line, and is not rung meanwhile."""
        if not self._by_caller or record.callback_of is not None:
            return  # as on a quiet day
        for work in self._of(record.caller_number):
            self._on_the_line[work.id] = record
            if work.item.state in (ItemState.QUEUED, ItemState.OFFERED):
                self._offers.hold(work, at + ON_THE_LINE_S, at, "on_the_line")

    def call_ended(self, record: CallRecord, at: float) -> None:
        """A call has ended: it is owed, or it counts in the place of one that was."""
        if record.callback_of is not None:
            self._talked(record, at)
        reason = owed(record)
        served = reason is None and record.outcome in _SERVED
        known = self._by_call.get(record.call_id)
        if known is not None and reason is None:
            self._close(known, ItemOutcome.DISCHARGED, at, note="the fallback has served the call")
        if reason is not None and record.callback_of is not None:
            return  # that callback goes on
        again = self._discharge(record, at) if served or reason is not None else False
        if reason is not None and known is None:
            self._owe(record, reason, again, at)

    def _discharge(self, record: CallRecord, at: float) -> bool:
        """A later call of the same citizen counts, served or lost; True if there was an earlier."""
        found = False
        for work in list(self._of(record.caller_number)):
            item = work.item
            if item.call_id == record.call_id or item.created_at > record.latest:
                continue
            found = True
            if item.state not in _TALKING_STATES:  # else it is closed by what comes of that
                self._close(work, ItemOutcome.DISCHARGED, at, note=f"call {record.call_id}")
        return found

    def _owe(self, record: CallRecord, reason: str, again: bool, at: float) -> None:
        rules, ended_at = self._rules, record.ended_at or at
        found = self._dispatcher.rules.dial_string(record.caller_number)
        due_at, note = ended_at + rules.first_after_s, ""
        if isinstance(found, Barred):
            due_at, note = ended_at + rules.give_up_s, found.words
        elif not again and is_misdial(record, rules):
            due_at, note = ended_at + rules.misdial_again_s, ItemOutcome.MISDIAL.value
        self._new(record, reason, due_at, at, note)

    def _new(
        self, record: CallRecord, reason: str, due_at: float, at: float, note: str = ""
    ) -> Work:
        item = WorkItem(
            id=new_id(at),
            kind=KIND,
            category=record.category,
            language=record.language,
            call_id=record.call_id,
            number=record.caller_number,
            reason=reason,
            created_at=record.ended_at or at,
            waits_since=record.arrived_at,
            due_at=due_at,
            note=note,
        )
        work = self._known(item)
        self._offers.add(work, at)
        return work

    def _known(self, item: WorkItem) -> Work:
        work = Work(
            item,
            self._journal,
            head_start_s=self._dispatcher.rules.callback_head_start_s,
            cap_s=self._rules.cap_s,
        )
        self._by_call[item.call_id] = work
        caller = self._caller(item.number)
        if caller is not None:
            self._by_caller.setdefault(caller, []).append(work)
        return work

    def _of(self, number: str) -> Iterable[Work]:
        caller = self._caller(number)
        return () if caller is None else self._by_caller.get(caller, ())

    def _caller(self, number: str) -> str | None:
        return same_caller(number, self._dispatcher.rules.country)

    def _close(
        self,
        work: Work,
        outcome: ItemOutcome,
        at: float,
        *,
        by: str | None = None,
        note: str = "",
    ) -> None:
        self._offers.close(work, outcome, at, by=by, note=note or work.item.note)
        self._by_call.pop(work.item.call_id, None)
        self._on_the_line.pop(work.id, None)
        caller = self._caller(work.item.number)
        if caller is not None and work in (same := self._by_caller.get(caller, [])):
            same.remove(work)
            if not same:
                del self._by_caller[caller]

    # --- an item's way (`ItemServer`) ---------------------------------------------------------

    def display(self, work: Work) -> tuple[str, str]:
        """What the operator's phone shows."""
        number = dialable(work.item.number) or "anonim"
        label = self._dispatcher.rules.category(work.item.category).label
        return f"CALLBACK {label} {number}", number

    def due(self, work: Work, now: float) -> None:
        """The time of a callback has come: for the next try, or for its end."""
        item, rules = work.item, self._rules
        if item.note == ItemOutcome.MISDIAL:
            self._close(work, ItemOutcome.MISDIAL, now)
        elif now >= item.created_at + rules.give_up_s:
            barred = isinstance(self._dispatcher.rules.dial_string(item.number), Barred)
            outcome = ItemOutcome.UNREACHABLE if barred else ItemOutcome.GIVEN_UP
            self._close(work, outcome, now, note=item.note or "nobody took it in time")
        elif self._is_on_the_line(work):
            self._offers.hold(work, now + ON_THE_LINE_S, now, "on_the_line")
        elif not self._operator_calls.directory.carrier:
            self._offers.wait(work, item.created_at + rules.give_up_s, now, "no_carrier")
        elif self._operator_calls.called_back.over("", item.number, now) is not None:
            self._offers.wait(work, now + LIMIT_AGAIN_S, now, "limit")
        else:
            # the first try keeps the citizen's place in line; a later one begins at its time
            item.waits_since = item.waits_since if item.attempts == 0 else now
            work.aged = False
            self._offers.queue(work, item.created_at + rules.give_up_s, now)

    def _is_on_the_line(self, work: Work) -> bool:
        call = self._on_the_line.get(work.id)
        return call is not None and call.ended_at is None

    def accepted(self, work: Work, now: float) -> None:
        """An operator has answered: ring the citizen."""
        item = work.item
        operator = self._dispatcher.roster.operators.get(item.operator or "")
        if item.channel is None or item.phone is None:
            return
        barred = self._ring(work, item.channel, item.phone, operator, now)
        if barred is not None:
            self._say(item.channel, refusal(barred), now)
            self._offers.wait(work, now + LIMIT_AGAIN_S, now, barred.value)

    def _ring(
        self, work: Work, channel: str, phone: str, operator: Operator | None, now: float
    ) -> Barred | None:
        """Ring the citizen for an operator, or return why not."""
        who = operator.id if operator is not None else ""
        found = self._dispatcher.rules.dial_string(work.item.number)
        if not isinstance(found, Barred):
            over = self._operator_calls.called_back.over(who, found, now)
            if over is None:
                work.item.attempts += 1
                work.item.operator, work.item.phone, work.item.channel = who or None, phone, channel
                self._offers.works(work, ItemState.RINGING, now)
                self._operator_calls.ring_citizen(channel, phone, operator, found, work.id, now)
                return None
            found = over
        log.warning("callback_refused", operator=who, item=work.id, why=found)
        return found

    # --- what comes of it (`acd.operator_calls`) ----------------------------------------------

    def citizen_answered(self, call: OperatorCall, now: float) -> None:
        """The citizen has answered: from now on that is a call, and the operator talks in it."""
        work = self._offers.open.get(call.item or "")
        if work is None:
            self._dispatcher.switch.hang_up(call.leg)
            self._dispatcher.switch.hang_up(call.channel)
            return
        item = work.item
        live = self._live.new(call.leg, now)
        live.note(
            EventKind.ARRIVED,
            now,
            asterisk_id=call.leg,
            caller_number=item.number,
            called_number=self._dispatcher.rules.number,
            language=item.language,
            callback_of=item.call_id,
        )
        if item.category is not None:
            source = CategorySource.CALLBACK.value
            live.note(EventKind.MENU_DONE, now, category=item.category, category_source=source)
        item.talk = live.id
        self._offers.works(work, ItemState.TALKING, now)
        self._dispatcher.talk_with(live, Leg(call.channel, live, call.phone, call.operator), now)

    def citizen_not_reached(self, call: OperatorCall, cause: int, now: float) -> None:
        """The citizen did not answer. `cause`: Q.850; None counts as no answer."""
        work = self._offers.open.get(call.item or "")
        if work is None or work.item.state is not ItemState.RINGING:
            return
        if self._is_on_the_line(work):
            self._offers.wait(work, now + ON_THE_LINE_S, now, "dials")
            return
        after = next_try_s(work.item.attempts, cause == _BUSY, self._rules)
        reason = "busy" if cause == _BUSY else "no_answer"
        if after is None:
            self._close(work, ItemOutcome.GIVEN_UP, now, note=reason)
        else:
            self._offers.wait(work, now + after, now, reason)

    def operator_left(self, call: OperatorCall, now: float) -> None:
        """The operator has hung up while the citizen was rung: that was no try."""
        work = self._offers.open.get(call.item or "")
        if work is not None and work.item.state is ItemState.RINGING:
            work.item.attempts -= 1
            self._offers.wait(work, now + self._rules.first_after_s, now, "operator_left")

    def _talked(self, record: CallRecord, at: float) -> None:
        """The talk of a callback has ended."""
        work = self._by_call.get(record.callback_of or "")
        if work is None or work.item.state is not ItemState.TALKING:
            return
        if owed(record) is not None or record.operator_answered_at is None:
            self._offers.wait(work, at + self._rules.first_after_s, at, "cut_off")
        else:
            self._close(work, ItemOutcome.REACHED, at, by=record.operator)

    # --- what people want ---------------------------------------------------------------------

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
        barred = self._ring(work, channel, phone, operator, now)
        if barred is not None:
            self._say(channel, refusal(barred), now)
            if work.item.reason == BY_OPERATOR:
                self._close(work, ItemOutcome.UNREACHABLE, now, by=operator.id, note=barred.words)

    def _next_for(self, operator: Operator, now: float) -> Work | None:
        last = self._dispatcher.operator_legs.last_calls.get(operator.id)
        over = last is not None and last.stage is Stage.ENDED
        if last is not None and over and (mine := self._by_call.get(last.id)) is not None:
            return mine if mine.item.state in (ItemState.WAITING, ItemState.QUEUED) else None
        rules = self._dispatcher.rules
        ready = [
            one
            for one in self.open()
            if one.item.state in (ItemState.QUEUED, ItemState.WAITING)
            and not isinstance(rules.dial_string(one.item.number), Barred)
            and one.item.note != ItemOutcome.MISDIAL
            and not self._is_on_the_line(one)
        ]
        if ready:
            # who waits for an operator before who waits for the next try
            return min(ready, key=lambda one: (one.item.state is ItemState.WAITING, one.id))
        if last is None or not over:
            return None
        return self._new(last.record, BY_OPERATOR, now + self._rules.give_up_s, now)

    def take(self, item_id: str, operator_id: str, now: float) -> WorkItem:
        """Ring an operator for a callback at once; raises CallbackRefused or NoSuchOperator."""
        work, roster = self._open(item_id), self._dispatcher.roster
        operator = roster.operator(operator_id)
        if not available(operator, roster.phones, now):
            raise CallbackRefused(f"Operator {operator_id} is not free at a phone now.")
        if isinstance(found := self._dispatcher.rules.dial_string(work.item.number), Barred):
            raise CallbackRefused(f"Callback {item_id} cannot be dialled: {found.words}.")
        if not self._operator_calls.directory.carrier:
            raise CallbackRefused("No carrier is set (NGALAM112_CARRIER), so nobody can be called.")
        self._offers.offer(work, Desk(operator, roster.phones[operator.phone or ""]), now)
        return work.item

    def close(self, item_id: str, by: str, reason: str, now: float) -> WorkItem:
        """Close a callback by hand; raises CallbackRefused."""
        work = self._open(item_id)
        self._close(work, ItemOutcome.BY_HAND, now, by=by, note=reason)
        return work.item

    def _open(self, item_id: str) -> Work:
        found = [one for id, one in self._offers.open.items() if id.startswith(item_id)]
        found = [one for one in found if one.item.kind == KIND]
        if len(found) != 1:
            raise CallbackRefused(
                f"There is no open callback {item_id}."
                if not found
                else f"{len(found)} callbacks begin with {item_id}; give more of the id."
            )
        if found[0].item.state in (ItemState.OFFERED, *_TALKING_STATES):
            raise CallbackRefused(
                f"Callback {item_id} is with operator {found[0].item.operator} at the moment."
            )
        return found[0]

    # --- after a change of engines ------------------------------------------------------------

    def remember(self, items: Iterable[WorkItem], now: float) -> None:
        """Know the open callbacks of an earlier engine; what else it knew is known already."""
        talks = {call.id for call in self._live.calls.values()}
        for item in items:
            work = self._known(item)
            self._offers.remember(work, now)
            lost = (
                item.state is ItemState.RINGING and not self._operator_calls.rings_for(item.id)
            ) or (item.state is ItemState.TALKING and item.talk not in talks)
            if lost:  # by an engine of another version, or a journal that could not be read
                self._offers.wait(work, now + self._rules.first_after_s, now, "lost")
        for call in list(self._live.calls.values()):
            if call.record.events:
                self.call_arrived(call.record, now)


def refusal(barred: Barred | None) -> str:
    """The prompt by which an operator hears why nobody is called back."""
    if barred is None or barred is Barred.NO_NUMBER:
        return "callback_nobody"
    return "callback_limit" if barred.is_limit else "callback_forbidden"
