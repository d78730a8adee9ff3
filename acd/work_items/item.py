"""The work item: something that an operator has to do which is no call, as a callback."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import msgspec

from acd.calls.journal import Journal
from acd.calls.states import check
from acd.languages import OWN_LANGUAGE
from acd.timers import Timer
from acd.work_items.states import ITEM_MOVES, ItemOutcome, ItemState

TABLE = "work_items"
"""The table of its rows."""

MOST_STEPS = 30
"""So many steps of its history are kept, the newest ones."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of the history. `at`: seconds since the epoch. `reason`: of one that failed."""

    at: float
    state: str
    operator: str | None = None
    reason: str = ""


class WorkItem(msgspec.Struct, kw_only=True):
    """The row of `work_items`; the fields are the columns. Times are seconds since the epoch.

    `kind`: what has to be done (`callback`). `call_id`: the call, or the
    text conversation, that it comes from. `number`: whom
    it is about, as the call record has it. `reason`: why it has to be done. `created_at`: when
    that began. `waits_since`: its place among all who wait. `due_at`: the time at which the next
    thing happens by itself; the row is where that time is kept. `attempts`: how often it was tried.
    `operator`, `phone`, `channel`: who has it, where, and the phone's channel, while it is offered
    or worked on. `talk`: the call by which it is worked on. `changes`: counts the changes of the
    row. `misdial`: of a callback, may have been dialled by mistake. `withheld`: the number, by
    its caller. `ended_at`, `outcome`,
    `closed_by`, `note`: when, how, by whom and why it was closed; `note` also why it waits.
    """

    id: str
    kind: str
    state: ItemState = ItemState.WAITING
    category: str | None = None
    language: str = OWN_LANGUAGE
    call_id: str = ""
    number: str = ""
    reason: str = ""
    created_at: float = 0.0
    waits_since: float = 0.0
    due_at: float | None = None
    attempts: int = 0
    operator: str | None = None
    phone: str | None = None
    channel: str | None = None
    talk: str | None = None
    history: list[Step] = []
    changes: int = 0
    misdial: bool = False
    withheld: bool = False
    ended_at: float | None = None
    outcome: ItemOutcome | None = None
    closed_by: str | None = None
    note: str = ""

    def row(self) -> dict[str, Any]:
        """The item as the columns of `work_items`; a copy, for the item goes on changing."""
        row = msgspec.structs.asdict(self)
        row["history"] = [msgspec.to_builtins(step) for step in self.history]
        return row


@dataclass(slots=True, eq=False)
class Work:
    """An item while it is open; it waits in the queue as a call does (`acd.queueing.waiting`)."""

    item: WorkItem
    journal: Journal
    category: str | None = field(init=False)
    language: str = field(init=False)
    waits_from: float = field(init=False)
    head_start_s: float = 0.0
    cap_s: float | None = math.inf  # who holds the line goes first, however old it is
    rings_several: bool = False
    is_text: bool = False
    aged: bool = False
    preferred: str | None = None
    offers: int = 0
    widening: Timer | None = None
    timer: Timer | None = None

    def __post_init__(self) -> None:
        self._follow_the_item()

    def _follow_the_item(self) -> None:
        item = self.item
        self.category, self.language = item.category, item.language
        self.waits_from = item.waits_since

    @property
    def id(self) -> str:
        """The item's id."""
        return self.item.id

    def move(self, state: ItemState, now: float, *, reason: str = "", **changes: Any) -> None:
        """Go on to another state, with these changes of the row; all of it is kept at once.

        Raises IllegalMove, and changes nothing, if it is not legal.
        """
        item = self.item
        check(ITEM_MOVES, item.state, state)
        item.state = state
        for name, value in changes.items():
            setattr(item, name, value)
        step = Step(at=now, state=state.value, operator=item.operator, reason=reason)
        item.history = [*item.history, step][-MOST_STEPS:]
        self.keep()

    def keep(self) -> None:
        """Keep the row as it is now."""
        self._follow_the_item()
        self.item.changes += 1
        self.journal.row(TABLE, self.item.row())

    def watch(self, timer: Timer) -> None:
        """Replace the time at which more operators may have it."""
        self.unwatch()
        self.widening = timer

    def unwatch(self) -> None:
        """It waits in the queue no more."""
        if self.widening is not None:
            self.widening.cancel()
        self.widening = None

    def rearm(self, timer: Timer | None) -> None:
        """Replace its deadline by another one, or by none."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer
