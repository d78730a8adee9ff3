"""Finds operators for text conversations: a work item for each that waits, offered like a call.

The phone rings with "TEKS" and the citizen's number; who answers hears a word, the line hangs up,
and the messages come to that phone. Until then the conversation has its place among the calls.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.dispatcher import Dispatcher
from acd.legs import ANONYMOUS, dialable
from acd.operators.operator import Status
from acd.texts.conversation import Conversation
from acd.texts.ports import NO_TEXT, TEXT_TAKEN
from acd.texts.states import TextState
from acd.texts.texts import Texts
from acd.timers import Timer
from acd.work_items.item import Work, WorkItem
from acd.work_items.states import ItemOutcome
from acd.work_offers import WorkOffers

KIND = "text"
LOOK_AGAIN_S = 1.0

Say = Callable[[str, str, float], None]


class TextOffers:
    """The work items of all conversations that wait (`acd.texts.ports.Tickets`).

    An item's `call_id` is the conversation's id. `say(channel, prompt, now)`: say something to a
    phone and hang up. `texts`: set by who makes both.
    """

    again_s = 0.0  # who writes is not to wait because one operator has not answered

    texts: Texts

    def __init__(
        self, offers: WorkOffers, dispatcher: Dispatcher, journal: Journal, say: Say
    ) -> None:
        self._offers, self._dispatcher, self._journal, self._say = offers, dispatcher, journal, say
        self._works: dict[str, Work] = {}  # by the conversation
        self._remembered: dict[str, Work] = {}
        self._line: list[tuple[float, str]] = []  # since when each waits, and its id
        self._timer: Timer | None = None
        offers.servers[KIND] = self

    def queue(self, conversation: Conversation, now: float) -> None:
        """Offer it to operators as soon as it is its turn among the conversations."""
        record = conversation.record
        known = self._remembered.pop(record.id, None)
        if known is not None:
            self._works[record.id] = known
            self._offers.remember(known, now)
            return
        insort(self._line, (record.waits_since, record.id))
        self._let_in(now)

    def forget(self, conversation: Conversation, now: float) -> None:
        """Offer it no more; harmless if it is not offered."""
        record = conversation.record
        work = self._works.pop(record.id, None)
        place = (record.waits_since, record.id)
        at = bisect_left(self._line, place)
        if work is not None:
            outcome = ItemOutcome.REACHED if record.closed_at is None else ItemOutcome.BY_HAND
            self._offers.close(work, outcome, now, by=work.item.operator)
        elif self._line[at : at + 1] == [place]:
            del self._line[at]
        self._let_in(now)

    def _room(self) -> bool:
        """Whether one more operator may be asked to read, not to leave those alone who call.

        At most half of those who are ready read, and one at least. So whoever calls while thousands
        write waits for no more of them than that.
        """
        ready = sum(
            one.status is Status.READY for one in self._dispatcher.roster.operators.values()
        )
        return len(self._works) + self.texts.places.talking < max(1, (ready + 1) // 2)

    def _let_in(self, now: float) -> None:
        while self._line and self._room():
            conversation = self.texts.places.by_id.get(self._line.pop(0)[1])
            waits = conversation is not None and conversation.record.state is TextState.QUEUED
            if conversation is not None and waits and conversation.id not in self._works:
                self._offer(conversation, now)
        if self._line and self._timer is None:  # until more operators are ready
            self._timer = self._dispatcher.timers.at(now + LOOK_AGAIN_S, self._looks)

    def _looks(self, now: float) -> None:
        self._timer = None
        self._let_in(now)

    def _offer(self, conversation: Conversation, now: float) -> None:
        record = conversation.record
        item = WorkItem(
            id=new_id(now),
            kind=KIND,
            category=record.category,
            language=record.language,
            call_id=record.id,
            number=record.number,
            reason=KIND,
            created_at=record.opened_at,
            waits_since=record.waits_since,
        )
        work = self._works[record.id] = Work(item, self._journal, is_text=True)
        self._offers.add(work, now)
        self._offers.queue(work, None, now)

    def remember(self, items: Iterable[WorkItem]) -> None:
        """Know the items of an earlier engine; its conversations are remembered after them."""
        for item in items:
            if item.kind == KIND:
                self._remembered[item.call_id] = Work(item, self._journal, is_text=True)

    def all_remembered(self, now: float) -> None:
        """Close the items whose conversations wait no more."""
        for work in self._remembered.values():
            self._offers.close(work, ItemOutcome.BY_HAND, now)
        self._remembered.clear()

    # --- an item's way (`acd.work_offers.ItemServer`) -------------------------------------------

    def display(self, work: Work) -> tuple[str, str]:
        """What the operator's phone shows while it rings."""
        number = dialable(work.item.number)
        return f"TEKS {number or ANONYMOUS}", number or ANONYMOUS

    def due(self, work: Work, now: float) -> None:
        """Nobody has answered, or could: to the next operator."""
        self._offers.queue(work, None, now)

    def accepted(self, work: Work, now: float) -> None:
        """An operator has answered: the messages come to the phone, and so may calls."""
        item = work.item
        conversation = self.texts.places.by_id.get(item.call_id)
        operator = self._dispatcher.roster.operators.get(item.operator or "")
        channel, phone = item.channel or "", item.phone or ""
        self._offers.free_operator(work, now)
        # who has logged out or has taken another one meanwhile gets none
        takes = operator is not None and operator.phone == phone and operator.text is None
        if conversation is None or operator is None or not takes:
            self._say(channel, NO_TEXT, now)
            if conversation is None:
                self._offers.close(work, ItemOutcome.BY_HAND, now)
            else:
                self._offers.wait(work, now, now, "operator_gone")
            return
        self._say(channel, TEXT_TAKEN, now)
        self.texts.taken(conversation, operator, phone, now)
