"""Rings a citizen for an operator who has a work item, and makes a call of what is said then."""

from __future__ import annotations

import structlog

from acd.calls.call import Leg
from acd.calls.live_calls import LiveCalls
from acd.calls.record import CategorySource, EventKind
from acd.dispatcher import Dispatcher
from acd.legs import ANONYMOUS, dialable
from acd.numbers.outbound import Barred
from acd.numbers.withheld import seen
from acd.operator_calls import OperatorCall, OperatorCalls
from acd.operators.operator import Operator
from acd.work_items.item import Work, WorkItem
from acd.work_items.states import ItemState
from acd.work_offers import WorkOffers

log = structlog.get_logger("acd")


class Ringing:
    """What all kinds of items have in common of which a citizen is rung."""

    def __init__(
        self,
        offers: WorkOffers,
        operator_calls: OperatorCalls,
        dispatcher: Dispatcher,
        live: LiveCalls,
    ) -> None:
        self._offers, self._operator_calls = offers, operator_calls
        self._dispatcher, self._live = dispatcher, live

    def shown(self, item: WorkItem, what: str) -> tuple[str, str]:
        """What an operator's phone shows of an item: what it is, and as much as may be seen."""
        rules = self._dispatcher.rules
        number = dialable(item.number) or ANONYMOUS
        number_seen = seen(number, item.withheld, rules.withheld) or ANONYMOUS
        label = rules.category(item.category).label
        return f"{what} {label} {number_seen}", number if number_seen == number else ANONYMOUS

    def barred(self, item: WorkItem, who: str, now: float) -> Barred | None:
        """Why an item's citizen is not rung for this operator now; None if nothing speaks so."""
        found = self._dispatcher.rules.dial_string(item.number)
        if isinstance(found, Barred):
            return found
        return self._operator_calls.called_back.over(who, found, now)

    def ring(
        self, work: Work, channel: str, phone: str, operator: Operator | None, now: float
    ) -> Barred | None:
        """Ring the citizen for an operator at a phone, or return why not."""
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

    def rung(self, call: OperatorCall) -> Work | None:
        """The open item for which a citizen is rung by this; None if nobody wants that any more."""
        work = self._offers.open.get(call.item or "")
        rings = work is not None and work.item.state is ItemState.RINGING
        return work if rings else None

    def drop(self, call: OperatorCall) -> None:
        """Hang up both, as nobody wants it any more."""
        self._dispatcher.switch.hang_up(call.leg)
        self._dispatcher.switch.hang_up(call.channel)

    def talk(self, work: Work, call: OperatorCall, now: float) -> None:
        """The citizen has answered: from now on that is a call, and the operator talks in it."""
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
            **({"withheld": True} if item.withheld else {}),
        )
        if item.category is not None:
            source = CategorySource.CALLBACK.value
            live.note(EventKind.MENU_DONE, now, category=item.category, category_source=source)
        item.talk = live.id
        self._offers.works(work, ItemState.TALKING, now)
        self._dispatcher.talk_with(live, Leg(call.channel, live, call.phone, call.operator), now)
