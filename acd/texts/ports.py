"""What text conversations need of the outside, what comes in from there, and what is refused."""

from __future__ import annotations

from typing import Protocol

import msgspec

from acd.texts.conversation import Conversation, TextMessage

CLOSE = "*17"
"""What closes a conversation, dialled or written by the operator who has it."""


TEXT_CLOSED, NO_TEXT, TEXT_TAKEN = "text_closed", "text_none", "text_taken"
PROMPTS = (TEXT_CLOSED, NO_TEXT, TEXT_TAKEN)
"""What an operator hears: closed; there is none; the messages come to the phone."""


class TextError(Exception):
    """What is wanted of a conversation cannot be done. Kinds: NoOpenText, TextTaken."""


class NoOpenText(TextError):
    """There is no such conversation, or it is closed: then the citizen has to write again."""


class TextTaken(TextError):
    """Another operator has the conversation, or this one has something else to do."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A message that has come in, from a citizen or from a phone of the line.

    `id`: the same if it is read twice. `phone`: whose phone has sent it; "" for a citizen. `to`:
    the user of the address that it was sent to. `size`: bytes of the body as it was sent.
    """

    id: str
    at: float
    number: str
    body: str
    size: int
    name: str = ""
    address: str = ""
    peer: str = ""
    phone: str = ""
    to: str = ""


class Tickets(Protocol):
    """Finds an operator for a conversation, by the queue of the calls."""

    def queue(self, conversation: Conversation, now: float) -> None:
        """Offer it to operators from now on; `Texts.taken` is told who takes it."""

    def forget(self, conversation: Conversation, now: float) -> None:
        """Offer it no more; harmless if it is not offered."""


class TextSender(Protocol):
    """Sends messages. Returns at once; what becomes of them comes back as an event."""

    def to_citizen(self, message: TextMessage) -> None:
        """Send to a citizen; `Outbox.settled` is told the final status."""

    def to_phone(self, phone: str, shown_as: str, text: str, message_id: str = "") -> None:
        """Show something on a phone, as from `shown_as`.

        `Texts.shown` is told the message's id if it was sent, `Texts.phone_failed` if it cannot be.
        """
