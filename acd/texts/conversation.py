"""A conversation and its messages: what is kept of them, and how they change."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import msgspec

from acd.calls.journal import Journal
from acd.calls.states import check
from acd.languages import OWN_LANGUAGE
from acd.texts.limits import Allowance
from acd.texts.states import (
    MESSAGE_MOVES,
    TEXT_MOVES,
    MessageState,
    TextOutcome,
    TextState,
)
from acd.timers import Timer

CONVERSATIONS, MESSAGES = "text_conversations", "text_messages"
"""The tables of their rows."""

_USER = re.compile(r"[0-9A-Za-z+][0-9A-Za-z+._-]{0,31}")

SHOWN = 5
"""So many of the last messages an operator gets who takes a conversation over."""

CITIZEN, LINE = "citizen", "line"
"""Who has written a message, where it is not an operator by number."""


class TextMessage(msgspec.Struct, kw_only=True):
    """The row of `text_messages`; the fields are the columns. Times are seconds since the epoch.

    `author`: an operator's number, CITIZEN or LINE. `status`: the last final status of SIP.
    `settled_at`: when it was read, delivered or given up, or its conversation closed; nothing more
    happens to it then, and the next engine need not know it.
    `address`, `peer`: where one goes to, as in the conversation.
    `changes`: counts the changes of the row.
    """

    id: str
    conversation_id: str
    at: float
    author: str
    body: str
    state: MessageState = MessageState.SENDING
    attempts: int = 0
    status: int | None = None
    settled_at: float | None = None
    address: str = ""
    peer: str = ""
    changes: int = 0

    def keep(self, journal: Journal) -> None:
        """Keep the row as it is now."""
        self.changes += 1
        journal.row(MESSAGES, row_of(self))

    def move(self, state: MessageState, now: float) -> None:
        """Go on to another state; raises IllegalMove, and changes nothing, if it is not legal."""
        check(MESSAGE_MOVES, self.state, state)
        self.state = state
        self.settled_at = now


class ConversationRecord(msgspec.Struct, kw_only=True):
    """The row of `text_conversations`; the fields are the columns.

    `number`: who writes, as a telephone number or the user of a SIP address; `address`: the SIP
    address that answers go to, and `peer` the host and port over which (""; the carrier's).
    `call_id`: a voice call of the same number. `taken_at`: when an operator took or answered it for
    the first time, which opened an incident; None until then. `citizen_at`, `operator_at`: the last
    word of each. `waits_since`: when the citizen began to wait for an answer. `received`,
    `dropped`: messages of the citizen that were kept, and that were too many.
    """

    id: str
    number: str
    name: str = ""
    address: str = ""
    peer: str = ""
    category: str | None = None
    language: str = OWN_LANGUAGE
    state: TextState = TextState.HELD
    opened_at: float = 0.0
    waits_since: float = 0.0
    operator: str | None = None
    phone: str | None = None
    taken_at: float | None = None
    answered_at: float | None = None
    citizen_at: float = 0.0
    operator_at: float | None = None
    received: int = 0
    dropped: int = 0
    call_id: str | None = None
    outcome: TextOutcome | None = None
    closed_at: float | None = None
    closed_by: str | None = None
    note: str = ""
    changes: int = 0

    @property
    def owes_answer(self) -> bool:
        """Whether the citizen has had the last word."""
        return self.citizen_at > (self.operator_at or 0.0)

    @property
    def shown_as(self) -> str:
        """The user of the SIP address by which operators' phones know the conversation."""
        return self.number if _USER.fullmatch(self.number) else self.id


@dataclass(slots=True, eq=False)
class Conversation:
    """A conversation that is not closed.

    `messages`: its last ones. `unread`: those of the citizen that no operator has seen.
    """

    record: ConversationRecord
    journal: Journal
    sender: str
    allowance: Allowance
    messages: deque[TextMessage] = field(default_factory=lambda: deque(maxlen=SHOWN))
    unread: dict[str, TextMessage] = field(default_factory=dict)
    timer: Timer | None = None
    flood_told: bool = False

    @property
    def id(self) -> str:
        """The conversation's id."""
        return self.record.id

    def move(self, state: TextState) -> None:
        """Go on to another state; raises IllegalMove, and changes nothing, if it is not legal."""
        check(TEXT_MOVES, self.record.state, state)
        self.record.state = state

    def keep(self) -> None:
        """Keep the row as it is now."""
        self.record.changes += 1
        self.journal.row(CONVERSATIONS, row_of(self.record))

    def rearm(self, timer: Timer | None) -> None:
        """Replace its deadline by another one, or by none."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer


def row_of(record: ConversationRecord | TextMessage) -> dict[str, Any]:
    """The record as the columns of its table; a copy, for it goes on changing."""
    return msgspec.structs.asdict(record)
