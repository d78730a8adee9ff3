"""Callbacks: each lost call makes one, an operator takes it, the line rings the citizen.

A callback is a work item (`acd.work_offers`). What its talk is, is a call like any other, with a
record of its own, so it is handed over, held, taken up and counted by the same code.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Collection, Container, Iterable

from acd.callbacks.open_callbacks import WITH_OPERATOR, OpenCallbacks
from acd.callbacks.ringing import Ringing
from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.calls.live_calls import LiveCalls
from acd.calls.record import CallRecord, Outcome
from acd.dispatcher import Dispatcher
from acd.legs import FAILED
from acd.numbers.outbound import Barred
from acd.operator_calls import OperatorCall, OperatorCalls
from acd.operators.operator import Operator
from acd.rules.callbacks import CallbackRules
from acd.work_items.callbacks import BY_OPERATOR, KIND, NO_ACK, is_misdial, next_try_s, owed
from acd.work_items.item import Work, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from acd.work_offers import AGAIN_S, WorkOffers

ON_THE_LINE_S = 300.0
"""While the citizen is on the line the callback waits for the end of that call; it is looked at
again after so long in any case."""
_ON_THE_LINE, _NOT_RUNG = "on_the_line", "not_rung"
"""Reasons of steps that were no try: the citizen called us; nobody could be rung, or the operator
had gone already."""
LIMIT_AGAIN_S = 900.0
"""When a callback is tried again that a limit of the day has kept back."""
UNHEARD = "nobody has acknowledged the call's answer"
_BUSY = 17
_MOST_OF_ONE, _MOST_MISDIALLED = 20, 1000
"""Open callbacks of calls that nobody acknowledged: of a number, and in all. What comes beyond is
in the records alone: numbers may be forged, and each open one is work for whoever looks."""


class CallbackJobs:
    """All callbacks that are open."""

    again_s = AGAIN_S

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
        self.known = OpenCallbacks(dispatcher.rules.country)
        self._unheard: deque[float] = deque()  # when calls were lost that were not acknowledged
        self._misdialled: deque[float] = deque()  # ... that are to be called by nobody
        self._ringing = Ringing(offers, operator_calls, dispatcher, live)
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
        if record.callback_of is not None:
            return
        self.known.arrived(record)
        self._hold(record.caller_number, at)

    def fallback_has(self, numbers: Collection[str], at: float) -> None:
        """The fallback has the citizens of these numbers, and of no others, or has had them.

        Who has been served there is owed nothing any more: nobody is rung before it is known.
        """
        before, now = self.known.with_fallback, frozenset(numbers)
        self.known.fallback_has(now)
        for number in now - before:
            self._hold(number, at)
        for number in before - now:
            self._release(number, at)

    def _hold(self, number: str, at: float) -> None:
        """Offer no callback for this number: whoever it is is on the line."""
        for work in list(self.known.of(number)):
            if work.item.state in (ItemState.QUEUED, ItemState.OFFERED):
                self._offers.hold(work, at + ON_THE_LINE_S, at, _ON_THE_LINE)

    def _release(self, number: str, at: float) -> None:
        """A call of this number has ended: what waited for that, and is open still, goes on."""
        for work in list(self.known.of(number)):
            if _is_held(work.item) and not self.known.is_on_the_line(work):
                self._offers.wait(work, at + self._rules.first_after_s, at, "hung_up")

    def call_ended(self, record: CallRecord, at: float, again: bool) -> None:
        """A call has ended: it is owed, or it counts in the place of one that was.

        `again`: it had an end before, and the fallback has told more of it since.
        """
        self.known.left(record)
        if record.callback_of is not None:
            self._talked(record, at)
        else:
            self._count(record, at, again)
        self._release(record.caller_number, at)

    def _count(self, record: CallRecord, at: float, again: bool) -> None:
        reason, known = owed(record), self.known.by_call.get(record.call_id)
        if known is not None and reason is None and known.item.state not in WITH_OPERATOR:
            self.close(known, ItemOutcome.DISCHARGED, at, note="the fallback has served the call")
        if again or not _counts(record):
            return
        if record.ended_by == NO_ACK:  # who forged a number takes nobody's callback away
            if reason is not None and known is None:
                self._owe_unheard(record, reason, at)
            return
        waits_since = self.discharge(record, at)
        if reason is not None and known is None:
            self._owe(record, reason, waits_since, at)

    def count_later_calls(self, records: Iterable[CallRecord], at: float) -> None:
        """Calls of a citizen that have ended before an earlier loss of theirs became known."""
        for record in records:
            is_over = record.ended_at is not None and record.callback_of is None
            if is_over and _counts(record):
                self.discharge(record, at)

    def discharge(self, record: CallRecord, at: float) -> float:
        """A later call of the same citizen counts, served or lost, in the place of those before.

        Returns since when the citizen has waited, in this call or in the one before it.
        """
        waits_since = record.arrived_at
        for work in list(self.known.of(record.caller_number)):
            item = work.item
            # one that began before the loss, as of a colleague at the same number, is another's
            if item.call_id == record.call_id or item.created_at > record.arrived_at:
                continue
            if item.call_id == record.redial_of:
                waits_since = item.waits_since
            if item.state is ItemState.TALKING:
                continue  # that talk tells what comes of it
            if item.state is ItemState.RINGING:
                work.move(ItemState.WAITING, at, reason=_ON_THE_LINE)
                self._operator_calls.stop(item.id, at)
            self.close(work, ItemOutcome.DISCHARGED, at, note=f"call {record.call_id}")
        return waits_since

    def _owe(self, record: CallRecord, reason: str, waits_since: float, at: float) -> None:
        rules, ended_at = self._rules, record.ended_at or at
        found = self._dispatcher.rules.dial_string(record.caller_number)
        due_at, misdial, note = ended_at + rules.first_after_s, False, ""
        if isinstance(found, Barred):
            due_at, note = ended_at + rules.give_up_s, found.words
        elif is_misdial(record, rules) and waits_since == record.arrived_at:
            # two that overlap are a number that has dialled again
            misdial = not self.known.of(record.caller_number)
            due_at = ended_at + rules.misdial_again_s if misdial else due_at
        self.new(record, reason, waits_since, due_at, at, misdial=misdial, note=note)

    def _owe_unheard(self, record: CallRecord, reason: str, at: float) -> None:
        """A call has ended of which nothing was heard but its INVITE, in which all may be forged.

        A citizen whose network fails is called back; a flood of forged numbers is not.
        """
        rules, ended_at, last = self._rules, record.ended_at or at, self._unheard
        for times in (last, self._misdialled):
            while times and times[0] <= at - rules.misdial_again_s:
                times.popleft()
        barred = isinstance(self._dispatcher.rules.dial_string(record.caller_number), Barred)
        open_ones = self.known.of(record.caller_number)
        if barred or len(last) >= rules.no_ack_most or open_ones:
            if len(open_ones) >= _MOST_OF_ONE or len(self._misdialled) >= _MOST_MISDIALLED:
                return  # the list has the number, or is full of what nobody has said
            self._misdialled.append(at)
            due_at = ended_at + rules.misdial_again_s
            self.new(record, reason, record.arrived_at, due_at, at, misdial=True, note=UNHEARD)
            return
        last.append(at)
        self.new(record, reason, record.arrived_at, ended_at + rules.first_after_s, at)

    def new(
        self,
        record: CallRecord,
        reason: str,
        waits_since: float,
        due_at: float,
        at: float,
        *,
        misdial: bool = False,
        note: str = "",
    ) -> Work:
        """Begin a callback of a call that has ended. `due_at`: when its time comes first."""
        item = WorkItem(
            id=new_id(at),
            kind=KIND,
            category=record.category,
            language=record.language,
            call_id=record.call_id,
            number=record.caller_number,
            withheld=record.withheld,
            reason=reason,
            created_at=record.ended_at or at,
            waits_since=waits_since,
            due_at=due_at,
            misdial=misdial,
            note=note,
        )
        work = self._work(item)
        self._offers.add(work, at)
        return work

    def _work(self, item: WorkItem) -> Work:
        work = Work(item, self._journal, self._dispatcher.rules.callback_head_start_s)
        self.known.add(work)
        return work

    def close(
        self,
        work: Work,
        outcome: ItemOutcome,
        at: float,
        *,
        by: str | None = None,
        note: str = "",
    ) -> None:
        """A callback is done."""
        self._offers.close(work, outcome, at, by=by, note=note or work.item.note)
        self.known.forget(work)

    # --- an item's way (`ItemServer`) ---------------------------------------------------------

    def display(self, work: Work) -> tuple[str, str]:
        """What the operator's phone shows."""
        return self._ringing.shown(work.item, "CALLBACK")

    def due(self, work: Work, now: float) -> None:
        """The time of a callback has come: for the next try, or for its end."""
        item, rules = work.item, self._rules
        barred = self._dispatcher.rules.dial_string(item.number)
        last = item.created_at + rules.give_up_s
        if item.misdial:
            self.close(work, ItemOutcome.MISDIAL, now)
        elif now >= last and isinstance(barred, Barred):
            self.close(work, ItemOutcome.UNREACHABLE, now, note=barred.words)
        elif now >= last:
            self.close(work, ItemOutcome.GIVEN_UP, now, note=item.note or "nobody took it in time")
        elif isinstance(barred, Barred):
            item.note = barred.words
            self._offers.wait(work, last, now, barred.value)
        elif not self._operator_calls.directory.carrier:
            item.note = "no carrier is set"
            self._offers.wait(work, last, now, "no_carrier")
        elif self.known.is_on_the_line(work):
            self._offers.hold(work, now + ON_THE_LINE_S, now, _ON_THE_LINE)
        elif (over := self._operator_calls.called_back.over("", item.number, now)) is not None:
            self._offers.wait(work, now + self._limit_again_s(work), now, over.value)
        else:
            # the first try keeps the citizen's place in line; a later one begins at its time
            item.waits_since = item.waits_since if item.attempts == 0 else now
            item.note = ""
            self._offers.queue(work, last, now)

    @staticmethod
    def _limit_again_s(work: Work) -> float:
        """When to look again at what a limit of the day keeps back: not at all of it at once."""
        return LIMIT_AGAIN_S * (0.5 + zlib.crc32(work.id.encode()) / 0xFFFFFFFF)

    def accepted(self, work: Work, now: float) -> None:
        """An operator has answered: ring the citizen."""
        item = work.item
        operator = self._dispatcher.roster.operators.get(item.operator or "")
        if item.channel is None or item.phone is None:
            return
        if self.known.is_on_the_line(work):
            # has dialled while no engine watched, and the phone rang on
            self._offers.free_operator(work, now)
            self._say(item.channel, "callback_nobody", now)
            self._offers.wait(work, now + ON_THE_LINE_S, now, _ON_THE_LINE)
            return
        barred = self.ring(work, item.channel, item.phone, operator, now)
        if barred is not None:
            self._offers.free_operator(work, now)
            self._say(item.channel, refusal(barred), now)
            self._offers.wait(work, now + self._limit_again_s(work), now, barred.value)

    def ring(
        self, work: Work, channel: str, phone: str, operator: Operator | None, now: float
    ) -> Barred | None:
        """Ring the citizen for an operator at a phone, or return why not."""
        return self._ringing.ring(work, channel, phone, operator, now)

    # --- what comes of it (`acd.operator_calls`) ----------------------------------------------

    def citizen_answered(self, call: OperatorCall, now: float) -> bool:
        """The citizen has answered: from now on that is a call, and the operator talks in it."""
        work = self._ringing.rung(call)
        if work is None:
            self._ringing.drop(call)
            return False
        self._ringing.talk(work, call, now)
        return True

    def citizen_not_reached(self, call: OperatorCall, cause: int, now: float) -> None:
        """The citizen did not answer. `cause`: Q.850."""
        work = self._offers.open.get(call.item or "")
        if work is None or work.item.state is not ItemState.RINGING:
            return
        if self.known.is_on_the_line(work):
            work.item.attempts -= 1  # busy with dialling us
            self._offers.wait(work, now + ON_THE_LINE_S, now, _ON_THE_LINE)
        elif cause == FAILED:
            work.item.attempts -= 1
            self._try_again(work, self._rules.busy_after_s, _NOT_RUNG, now)
        else:
            busy = cause == _BUSY
            after = next_try_s(work.item.attempts, busy, self._rules)
            self._try_again(work, after, "busy" if busy else "no_answer", now)
        self._release(work.item.number, now)

    def _try_again(self, work: Work, after_s: float | None, reason: str, now: float) -> None:
        if after_s is None or work.item.reason == BY_OPERATOR:
            self.close(work, ItemOutcome.GIVEN_UP, now, note=reason)
        else:
            self._offers.wait(work, now + after_s, now, reason)

    def operator_left(self, call: OperatorCall, now: float) -> None:
        """The operator has hung up while the citizen was rung: that was no try."""
        work = self._offers.open.get(call.item or "")
        if work is not None and work.item.state is ItemState.RINGING:
            work.item.attempts -= 1
            self._try_again(work, self._rules.first_after_s, "operator_left", now)
            self._release(work.item.number, now)

    def asterisk_lost(self, now: float, spared: Container[str] = ()) -> None:
        """Asterisk has died with all channels: whoever rang, or was rung, has not tried.

        `spared`: channels of the one that runs now.
        """
        self._offers.all_lost(now, spared)
        self._operator_calls.all_lost(now, spared)
        for work in self.open():
            rung = work.item.state is ItemState.RINGING
            if rung and not self._operator_calls.rings_for(work.id):
                work.item.attempts -= 1
                self._offers.wait(work, now + self._rules.first_after_s, now, "lost")

    def _talked(self, record: CallRecord, at: float) -> None:
        """The talk of a callback has ended."""
        work = self.known.by_call.get(record.callback_of or "")
        if work is None or work.item.state is not ItemState.TALKING:
            return
        if owed(record) is None and record.operator_answered_at is not None:
            self.close(work, ItemOutcome.REACHED, at, by=record.operator)
            self.discharge(record, at)  # of other losses before this talk
            return
        # cut off, or nobody has talked: a try, after which the citizen waits no longer than needed
        after = next_try_s(work.item.attempts, False, self._rules)
        self._try_again(work, after and self._rules.first_after_s, "cut_off", at)

    # --- after a change of engines ------------------------------------------------------------

    def remember(self, items: Iterable[WorkItem], now: float) -> None:
        """Know the open callbacks of an earlier engine; what else it knew is known already."""
        talks = {call.id for call in self._live.calls.values()}
        for item in items:
            if item.kind != KIND:
                continue
            if item.id in self._offers.open:
                continue
            if item.state is ItemState.WAITING and item.note:
                item.due_at = now  # what kept it back then may not do so now
            elif _is_held(item):
                # who was on the line may have hung up with no engine there: it is looked at again
                due_at = now + self._rules.first_after_s
                item.due_at = due_at if item.due_at is None else min(item.due_at, due_at)
            work = self._work(item)
            self._offers.remember(work, now)
            lost = (
                item.state is ItemState.RINGING and not self._operator_calls.rings_for(item.id)
            ) or (item.state is ItemState.TALKING and item.talk not in talks)
            if lost:  # by an engine of another version, or a journal that could not be read
                self._offers.wait(work, now + self._rules.first_after_s, now, "lost")
        for call in list(self._live.calls.values()):
            if call.record.events:
                self.call_arrived(call.record, now)


def _is_held(item: WorkItem) -> bool:
    """Whether a callback waits because its citizen was on the line."""
    waits = item.state is ItemState.WAITING and bool(item.history)
    return waits and item.history[-1].reason == _ON_THE_LINE


def _counts(record: CallRecord) -> bool:
    """Whether a call, served or lost, counts in the place of losses before it."""
    served = record.outcome in (Outcome.ANSWERED, Outcome.FALLBACK)
    return served or owed(record) is not None


def refusal(barred: Barred | None) -> str:
    """The prompt by which an operator hears why nobody is called back."""
    if barred is None or barred is Barred.NO_NUMBER:
        return "callback_nobody"
    return "callback_limit" if barred.is_limit else "callback_forbidden"
