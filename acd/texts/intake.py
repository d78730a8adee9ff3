"""What comes in: citizens' messages into their conversations, operators' answers on their way.

A citizen's first message opens a conversation, further ones of the same sender join it. What is too
much of one sender is counted and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog

from acd.calls.journal import Journal
from acd.texts import words
from acd.texts.conversation import CITIZEN, Conversation, TextMessage
from acd.texts.limits import readable_text
from acd.texts.ports import CLOSE, Received, TextSender
from acd.texts.states import MessageState, TextState
from acd.texts.texts import Texts

log = structlog.get_logger("texts")
_NO_ANSWERS: Mapping[str, str] = {}


class Intake:
    """Takes messages in. `taken_in`, `dropped`: citizens' messages since the start."""

    def __init__(self, texts: Texts, sender: TextSender, journal: Journal) -> None:
        self._texts, self._sender, self._journal = texts, sender, journal
        self.taken_in = self.dropped = 0

    def receive(
        self, messages: Iterable[Received], now: float, answers: Mapping[str, str] = _NO_ANSWERS
    ) -> None:
        """Messages have come in; one that cannot be handled does not hold up the others.

        `answers`: what the line answers by itself, by the message's id.
        """
        for one in messages:
            try:
                if one.phone:
                    self._from_phone(one, now)
                elif one.id in answers and not self.is_open(one):
                    self._texts.answer_at_once(one, answers[one.id], now)
                    self.taken_in += 1
                else:
                    self._from_citizen(one, now)
            except Exception:
                log.exception("text_failed", message=one.id)

    def is_open(self, one: Received) -> bool:
        """Whether its sender has a conversation that is not closed."""
        sender = self._texts.sender_of(one.number, one.address)
        return sender in self._texts.places.by_sender

    def _from_citizen(self, one: Received, now: float) -> None:
        texts = self._texts
        sender = texts.sender_of(one.number, one.address)
        conversation = texts.places.by_sender.get(sender)
        if conversation is None:
            conversation = texts.open(sender, one, now)
        elif any(known.id == one.id for known in conversation.messages):
            return  # read twice, or sent twice on the way to us
        record = conversation.record
        first = record.received == 0
        if not first and (
            not conversation.allowance.takes(now, texts.limits)
            or record.received >= texts.limits.most_messages
        ):
            self._too_much(conversation, now)
            return
        body, waited = readable_text(one.body), record.owes_answer
        self.taken_in += 1
        record.received += 1
        record.waits_since = record.waits_since if waited else now
        record.citizen_at = now
        message = TextMessage(
            id=one.id,
            conversation_id=record.id,
            at=one.at,
            author=CITIZEN,
            body=body or words.UNREADABLE.format(size=one.size),
            state=MessageState.RECEIVED,
        )
        texts.view.came(conversation, message)
        message.keep(self._journal)
        conversation.keep()
        if not body:
            texts.say(conversation, words.EMPTY, now)
        elif first:
            held = record.state is TextState.HELD
            texts.say(conversation, words.HELD if held else words.RECEIVED, now)
        texts.view.show(conversation, message)
        if not waited:  # who waits already waits on, however much is written
            texts.watch(conversation, now)

    def _too_much(self, conversation: Conversation, now: float) -> None:
        """Counted, and told once in a while; nothing is kept of it."""
        self.dropped += 1
        record = conversation.record
        record.dropped += 1
        if not conversation.flood_told:
            conversation.flood_told = True
            self._texts.say(conversation, words.FLOOD, now)
            self._texts.view.say(conversation, words.FLOODING)
        if record.dropped & (record.dropped - 1) == 0:  # 1, 2, 4, 8...: a row is not worth each
            conversation.keep()

    def _from_phone(self, one: Received, now: float) -> None:
        """An operator has written: to the citizen whose name the phone's message bears."""
        found = self._texts.holders.at_phone(one.phone)
        if found is None or one.to != found[1].record.shown_as:
            self._sender.to_phone(one.phone, one.to, words.not_yours(one.to[:32]))
            return
        operator, conversation = found
        if any(known.id == one.id for known in conversation.messages):
            return  # read twice: it is on its way already
        if one.body.strip() == CLOSE:
            self._texts.close(conversation.id, operator.id, "", now)
        else:
            self._texts.answer(conversation.id, operator.id, one.body, now, message_id=one.id)
