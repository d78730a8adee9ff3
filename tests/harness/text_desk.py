"""A desk to which citizens write."""

from __future__ import annotations

from typing import Any

import msgspec
from factories import LineDesk

from acd.texts.conversation import CONVERSATIONS, MESSAGES, Conversation
from acd.texts.limits import TextLimits
from acd.texts.ports import Received
from acd.work_items.item import TABLE, WorkItem


class TextDesk(LineDesk):
    """A line with one operator, and limits of its own for texts."""

    def __init__(self, operators: int = 1, **limits: Any) -> None:
        super().__init__(operators)
        self.texts.limits = TextLimits(**limits)

    def writes(self, number: str, *bodies: str, now: float = 100.0) -> Conversation:
        """A citizen writes so many messages; returns the conversation."""
        for body in bodies:
            self.received = getattr(self, "received", 0) + 1
            one = Received(
                id=f"m{self.received}",
                at=now,
                number=number,
                address=f"{number}@carrier",
                peer="192.0.2.1:5060",
                body=body,
                size=len(body),
            )
            self.intake.receive([one], now)
        return next(one for one in self.texts.places.by_id.values() if one.record.number == number)

    def phone_writes(self, to: str, body: str, now: float = 110.0) -> None:
        """Phone 101 writes to a citizen."""
        one = Received(
            id=f"p{now}{body}", at=now, number="101", phone="101", to=to, body=body, size=1
        )
        self.intake.receive([one], now)

    def has(self, number: str = "0812", now: float = 100.0) -> Conversation:
        """A citizen has written, and operator 1001 has the conversation."""
        conversation = self.writes(number, "tolong", now=now)
        self.texts.take(conversation.id, "1001", now)
        return conversation

    def next_engine(self, now: float = 200.0) -> TextDesk:
        """As of the line, with the texts that the journal hands on."""
        after = super().next_engine(now)
        assert isinstance(after, TextDesk)
        after.texts.limits = self.texts.limits
        rows = self.journal.tables
        after.text_offers.remember(
            msgspec.convert(row, WorkItem)
            for row in rows[TABLE].values()
            if row["ended_at"] is None
        )
        after.texts.remember(
            [row for row in rows[CONVERSATIONS].values() if row["closed_at"] is None],
            [row for row in rows[MESSAGES].values() if row["settled_at"] is None],
            now,
        )
        after.text_offers.all_remembered(now)
        return after


def rung(desk: TextDesk, now: float = 100.0) -> str:
    """The channel of the phone that rings for a conversation."""
    desk.dispatcher.settle(now)
    ring = desk.switch.last("ring")
    assert ring.more[1][0].startswith("TEKS 0812"), "the display says what it is"
    return ring.to
