"""Where a conversation and a message are, and the legal moves: one table each."""

from __future__ import annotations

from enum import StrEnum

from acd.calls.states import moves


class TextState(StrEnum):
    """Where a conversation is. CLOSED is final."""

    HELD = "held"  # kept, and opened as soon as one of the open ones is closed
    QUEUED = "queued"  # waits for an operator, among the calls, or a phone rings for it
    TALKING = "talking"  # an operator has it
    CLOSED = "closed"

    @property
    def is_open(self) -> bool:
        """Whether it takes one of the places that there are."""
        return self is TextState.QUEUED or self is TextState.TALKING


TEXT_MOVES = moves(
    {
        # TALKING: somebody has taken it by hand
        TextState.HELD: (TextState.QUEUED, TextState.TALKING, TextState.CLOSED),
        TextState.QUEUED: (TextState.TALKING, TextState.CLOSED),
        # back to QUEUED: the operator is silent, or gone
        TextState.TALKING: (TextState.QUEUED, TextState.CLOSED),
        TextState.CLOSED: (),
    }
)


class MessageState(StrEnum):
    """Where a message is."""

    RECEIVED = "received"  # from the citizen; no operator has seen it yet
    READ = "read"  # ... and it is on an operator's phone, or was answered
    SENDING = "sending"  # to the citizen; tried again until it is one of the other two
    DELIVERED = "delivered"
    FAILED = "failed"


MESSAGE_MOVES = moves(
    {
        MessageState.RECEIVED: (MessageState.READ,),
        MessageState.READ: (),
        MessageState.SENDING: (MessageState.DELIVERED, MessageState.FAILED),
        MessageState.DELIVERED: (),
        MessageState.FAILED: (),
    }
)


class TextOutcome(StrEnum):
    """How a conversation was closed."""

    ANSWERED = "answered"  # an operator has written, and somebody has closed it
    CITIZEN_SILENT = "citizen_silent"  # ... and the citizen has not written for long
    UNANSWERED = "unanswered"  # no operator has written anything
