"""What operators see of conversations on their phones, and which messages nobody has seen yet."""

from __future__ import annotations

from collections.abc import Callable

from acd.calls.journal import Journal
from acd.texts import words
from acd.texts.conversation import CITIZEN, LINE, Conversation, TextMessage
from acd.texts.ports import CLOSE, TextSender
from acd.texts.states import MessageState

MOST_SHOWN = 20
"""So many unread messages an operator gets who takes a conversation over; all are in the record."""


class PhoneView:
    """Shows conversations on the phones of who has them.

    `number_of(conversation)`: the number of its incident, "" if none is known; set by who knows.
    """

    def __init__(self, sender: TextSender, journal: Journal) -> None:
        self._sender, self._journal = sender, journal
        self._unread: dict[str, Conversation] = {}  # by the message
        self.number_of: Callable[[str], str] = lambda _: ""

    def say(self, conversation: Conversation, text: str) -> None:
        """Write in the line's own name to who has the conversation."""
        record = conversation.record
        if record.phone is not None:
            self._sender.to_phone(record.phone, record.shown_as, text)

    def taken(self, conversation: Conversation) -> None:
        """Show to who has taken it what it is about."""
        number = self.number_of(conversation.id)
        self.say(conversation, words.taken(conversation.record.number, number, CLOSE))
        for message in conversation.messages:
            if message.author != LINE and message.id not in conversation.unread:
                self.show(conversation, message)
        for message in list(conversation.unread.values())[-MOST_SHOWN:]:
            self.show(conversation, message)

    def came(self, conversation: Conversation, message: TextMessage) -> None:
        """The citizen has written: nobody has seen that until the phone has it."""
        conversation.messages.append(message)
        conversation.unread[message.id] = message
        self._unread[message.id] = conversation

    def show(self, conversation: Conversation, message: TextMessage) -> None:
        """Show one message; nothing happens while nobody has the conversation."""
        record = conversation.record
        if record.phone is not None:
            who = record.number if message.author == CITIZEN else message.author
            text = words.to_phone(who, message.body)
            self._sender.to_phone(record.phone, record.shown_as, text, message.id)

    def shown(self, message_id: str, now: float) -> None:
        """A message was sent to an operator's phone; nothing follows but for a citizen's."""
        conversation = self._unread.get(message_id)
        if conversation is not None:
            self.read(conversation, [message_id], now)

    def read(self, conversation: Conversation, ids: list[str], now: float) -> None:
        """An operator has seen these messages."""
        for id in ids:
            message = conversation.unread.pop(id)
            self._unread.pop(id, None)
            message.move(MessageState.READ, now)
            message.keep(self._journal)

    def closed(self, conversation: Conversation, now: float) -> None:
        """The conversation is over, whether all of it was seen or not."""
        for message in conversation.unread.values():
            self._unread.pop(message.id, None)
            message.settled_at = now
            message.keep(self._journal)
        conversation.unread.clear()
        self.say(conversation, words.CLOSED)
