"""Offers work items to operators: rings the phone of who is free, and hands over what is accepted.

What an item is about, and what follows once an operator has it, is the part of each kind
(`ItemServer`); what happens before that is the same for all of them, and is here.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

import structlog

from acd.calls.ids import new_id
from acd.calls.owners import Owner, Owners
from acd.dispatcher import LOOK_AGAIN_S, Dispatcher
from acd.legs import LOST, NO_ANSWER, NORMAL
from acd.operators.operator import Device
from acd.operators.states import State
from acd.queueing.allocation import Desk
from acd.queueing.waiting import Waiting
from acd.work_items.item import Work
from acd.work_items.states import ItemState

log = structlog.get_logger("acd")

AGAIN_S = 10.0
"""So long after an offer that failed a callback is offered again, perhaps to the same operator."""

_REASONS = {17: "busy", 18: "no_answer", 19: "no_answer", 21: "rejected"}


class ItemServer(Protocol):
    """What a kind of work item decides.

    `again_s`: so long after an offer that failed an item is offered again.
    """

    again_s: float

    def display(self, work: Work) -> tuple[str, str]:
        """What the operator's phone shows while it rings: a name and a number."""

    def accepted(self, work: Work, now: float) -> None:
        """An operator has answered: `work.item` tells who, at which phone, on which channel.

        The channel belongs to the server of the kind from now on.
        """

    def due(self, work: Work, now: float) -> None:
        """The item's time has come (`due_at`); called once for each time that was set."""


class WorkOffers(Owner):
    """The open items of all kinds (`open`, by id), and whose phones ring for them."""

    def __init__(self, dispatcher: Dispatcher, owners: Owners) -> None:
        self._dispatcher, self._owners = dispatcher, owners
        self.servers: dict[str, ItemServer] = {}
        self.open: dict[str, Work] = {}
        self._rings: dict[str, Work] = {}  # by the channel of the operator's phone
        dispatcher.offer_item = self._offer

    # --- items --------------------------------------------------------------------------------

    def add(self, work: Work, now: float) -> None:
        """Know a new item; its row is kept, and its time begins to run."""
        self.open[work.id] = work
        work.move(work.item.state, now)
        self._arm(work)

    def wait(self, work: Work, due_at: float | None, now: float, reason: str = "") -> None:
        """Let an item wait for its time; None: until somebody takes it."""
        self._out_of_the_queue(work)
        work.move(
            ItemState.WAITING,
            now,
            reason=reason,
            due_at=due_at,
            operator=None,
            phone=None,
            channel=None,
        )
        self._arm(work)

    def hold(self, work: Work, due_at: float, now: float, reason: str = "") -> None:
        """Take an item away from the operators for a while; a phone that rings for it stops."""
        self._stop_ringing(work, now)
        self.wait(work, due_at, now, reason)

    def queue(self, work: Work, due_at: float | None, now: float) -> None:
        """Put an item among the waiting calls. `due_at`: when something has to happen at last."""
        work.move(ItemState.QUEUED, now, due_at=due_at, operator=None, phone=None, channel=None)
        self._arm(work)
        self._dispatcher.queue_item(work, now)

    def works(self, work: Work, state: ItemState, now: float) -> None:
        """An operator has the item: it waits no more and has no deadline of its own."""
        self._out_of_the_queue(work)
        work.move(state, now, due_at=None)
        self._arm(work)

    def close(
        self, work: Work, outcome: str, now: float, *, by: str | None = None, note: str = ""
    ) -> None:
        """An item is done; a phone that rings for it stops."""
        self._out_of_the_queue(work)
        self._stop_ringing(work, now)
        work.move(
            ItemState.CLOSED,
            now,
            reason=outcome,
            due_at=None,
            channel=None,
            ended_at=now,
            outcome=outcome,
            closed_by=by,
            note=note,
        )
        self._arm(work)
        self.open.pop(work.id, None)

    def remember(self, work: Work, now: float) -> None:
        """Know an item of an earlier engine; whose phone rings is to be asked (`restored`)."""
        self.open[work.id] = work
        item = work.item
        self._arm(work)
        if item.state is ItemState.QUEUED:
            self._dispatcher.queue_item(work, now)
        elif item.state is ItemState.OFFERED and item.channel is not None:
            self._ring_on(work, item.channel, now)

    def channels(self) -> set[str]:
        """The channels of the phones that ring."""
        return set(self._rings)

    def restored(self, up: Container[str], now: float) -> None:
        """Asterisk has told which channels are up; those that are gone have been told of."""
        for channel in [one for one in self._rings if one in up]:
            self.answered(channel, now)

    def all_lost(self, now: float, spared: Container[str] = ()) -> None:
        """Asterisk has died with all channels, which is nobody's miss.

        `spared`: those of the one that runs now.
        """
        for channel, work in list(self._rings.items()):
            if channel in spared:
                continue
            self._stop(channel, hang_up=False)
            self.free_operator(work, now)
            self.wait(work, now + AGAIN_S, now, "lost")

    # --- ringing ------------------------------------------------------------------------------

    def offer(self, work: Work, desk: Desk, now: float) -> None:
        """Ring the phone of an operator for an item, whoever else waits."""
        self._out_of_the_queue(work)
        self._offer(work, desk, now)

    def _offer(self, one: Waiting, desk: Desk, now: float) -> None:
        work = self.open[one.id]
        channel, number = new_id(now), desk.phone.number
        work.offers += 1
        work.unwatch()
        work.move(
            ItemState.OFFERED,
            now,
            due_at=None,
            operator=desk.operator.id,
            phone=number,
            channel=channel,
        )
        desk.operator.offered_at = now
        self._ring_on(work, channel, now)
        display = self.servers[work.item.kind].display(work)
        self._dispatcher.switch.ring(channel, number, display, channel)

    def _ring_on(self, work: Work, channel: str, now: float) -> None:
        dispatcher, item = self._dispatcher, work.item
        self._rings[channel] = work
        self._owners.add(channel, self)
        dispatcher.operator_legs.occupy(item.phone or "", channel)
        if (phone := dispatcher.roster.phones.get(item.phone or "")) is not None:
            phone.device = Device.IN_USE
        operator = dispatcher.roster.operators.get(item.operator or "")
        if operator is not None and operator.state is State.IDLE:
            dispatcher.roster.changes.move(operator, State.OFFERED, work.id, now)
        until = now + dispatcher.rules.ring_timeout_s
        work.rearm(dispatcher.timers.at(until, lambda at: self._rang_out(channel, until, at)))

    def answered(self, channel: str, now: float) -> None:
        """The operator has it."""
        work = self._rings.pop(channel, None)
        if work is None:
            self._dispatcher.switch.hang_up(channel, NORMAL)
            return
        self._owners.remove(channel, self)
        work.rearm(None)
        operator = self._dispatcher.roster.operators.get(work.item.operator or "")
        if operator is not None:
            operator.misses = 0
        self.servers[work.item.kind].accepted(work, now)

    def ring_failed(self, channel: str, now: float) -> None:
        """The phone could not be rung, which is no miss of the operator's."""
        self._dispatcher.operator_legs.free_phone(channel)
        self._failed(channel, "failed", now)

    def gone(self, channel: str, cause: int, now: float) -> None:
        """The phone rings no more: the operator does not want it, or cannot."""
        self._dispatcher.operator_legs.free_phone(channel)
        reason = "unreachable" if cause in LOST else "rejected"
        self._failed(channel, _REASONS.get(cause, reason), now)

    def _rang_out(self, channel: str, rang_out_at: float, now: float) -> None:
        if channel not in self._rings:
            return
        work, load = self._rings[channel], self._dispatcher.load
        if load.may_be_answered(rang_out_at, now):
            # the operator may have answered, and the line not have seen it: that is no miss
            again = now + LOOK_AGAIN_S
            rearmed = self._dispatcher.timers.at(
                again, lambda at: self._rang_out(channel, rang_out_at, at)
            )
            work.rearm(rearmed)
        else:
            self._failed(channel, "no_answer", now)
            self._dispatcher.switch.hang_up(channel, NO_ANSWER)

    def _failed(self, channel: str, reason: str, now: float) -> None:
        work = self._rings.get(channel)
        if work is None:
            self._owners.remove(channel, self)  # it was told to stop, and is gone by now
            return
        dispatcher, who = self._dispatcher, work.item.operator or ""
        self._stop(channel, hang_up=False)
        operator = dispatcher.roster.operators.get(who)
        if operator is not None and operator.call == work.id:
            dispatcher.roster.missed(operator, reason, dispatcher.rules.failure(reason), now)
            dispatcher.timers.wake(operator.not_before)
        log.info("item_offer_failed", item=work.id, operator=who, reason=reason)
        self.wait(work, now + self.servers[work.item.kind].again_s, now, reason)

    def _stop_ringing(self, work: Work, now: float) -> None:
        channel = work.item.channel or ""
        if self._rings.get(channel) is not work:
            return
        self._stop(channel, hang_up=True)
        self.free_operator(work, now)

    def free_operator(self, work: Work, now: float) -> None:
        """The item's operator has nothing to do with it any more."""
        self._dispatcher.roster.free(work.item.operator, work.id, now)

    def _stop(self, channel: str, *, hang_up: bool) -> None:
        work = self._rings.pop(channel)
        work.rearm(None)
        if hang_up:
            # it belongs to us until it is gone, which frees the phone
            self._dispatcher.switch.hang_up(channel, NORMAL)
        else:
            self._owners.remove(channel, self)

    # --- deadlines ----------------------------------------------------------------------------

    def _arm(self, work: Work) -> None:
        """Have the item's server told at the time that its row holds, and at no earlier one's."""
        due_at = work.item.due_at
        if due_at is None:
            work.rearm(None)
            return

        def due(now: float) -> None:
            if self.open.get(work.id) is work and work.item.due_at == due_at:
                self.servers[work.item.kind].due(work, now)

        work.rearm(self._dispatcher.timers.at(due_at, due))

    def _out_of_the_queue(self, work: Work) -> None:
        self._dispatcher.queue.remove(work)
        work.unwatch()
