"""All text conversations of a line: what each message, answer and deadline means for them.

The one writer calls it; it returns at once. A citizen's first message opens a conversation, which
waits for an operator among the calls; further ones of the same sender join it. While as many are
open as may be, a new one is held: kept, acknowledged, and opened once there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec
import structlog

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.numbers.caller import same_caller
from acd.operators.operator import Operator
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.operators.wrap_up import WrapUps
from acd.rules.rules import Rules
from acd.texts import words
from acd.texts.conversation import CITIZEN, LINE, Conversation, ConversationRecord, TextMessage
from acd.texts.limits import Allowance, TextLimits, readable_text
from acd.texts.outbox import Outbox
from acd.texts.phone_view import PhoneView
from acd.texts.places import Places
from acd.texts.ports import CLOSE, Received, TextError, TextSender, TextTaken, Tickets
from acd.texts.states import MessageState, TextOutcome, TextState
from acd.timers import Timers

log = structlog.get_logger("texts")
T = TypeVar("T")

LONGEST_ANSWER = 1200
"""Bytes: what is longer does not go into one packet (RFC 3261, 18.1.1)."""


class Texts:
    """All conversations of a line that are not closed (`places`).

    `category`: what a conversation is about until somebody knows. `call_of(number)`: the id of a
    voice call of the same caller that is up, or None.
    `taken_in`, `dropped`: citizens' messages since the start.
    """

    def __init__(
        self,
        sender: TextSender,
        tickets: Tickets,
        roster: Roster,
        wrap_ups: WrapUps,
        timers: Timers,
        rules: Rules,
        journal: Journal,
        limits: TextLimits | None = None,
        *,
        category: str | None = None,
    ) -> None:
        self._sender, self.tickets, self._journal = sender, tickets, journal
        self.view = PhoneView(sender, journal)
        self.outbox = Outbox(sender, timers, journal, self._undelivered)
        self._roster, self._wrap_ups, self._timers, self._rules = roster, wrap_ups, timers, rules
        self.limits, self._category = limits or TextLimits(), category
        self.call_of: Callable[[str], str | None] = lambda _: None
        self.places = Places()
        self.taken_in = self.dropped = 0

    # --- what comes in --------------------------------------------------------------------------

    def receive(self, messages: Iterable[Received], now: float) -> None:
        """Messages have come in; one that cannot be handled does not hold up the others."""
        for one in messages:
            try:
                if one.phone:
                    self._from_phone(one, now)
                else:
                    self._from_citizen(one, now)
            except Exception:
                log.exception("text_failed", message=one.id)

    def _from_citizen(self, one: Received, now: float) -> None:
        sender = same_caller(one.number, self._rules.country) or f"{one.number} {one.address}"
        conversation = self.places.by_sender.get(sender)
        if conversation is None:
            conversation = self._begin(sender, one, now)
        elif any(known.id == one.id for known in conversation.messages):
            return  # read twice, or sent twice on the way to us
        record = conversation.record
        first = record.received == 0
        if not first and (
            not conversation.allowance.takes(now, self.limits)
            or record.received >= self.limits.most_messages
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
        self.view.came(conversation, message)
        message.keep(self._journal)
        conversation.keep()
        if not body:
            self._say(conversation, words.EMPTY, now)
        elif first:
            held = record.state is TextState.HELD
            self._say(conversation, words.HELD if held else words.RECEIVED, now)
        self.view.show(conversation, message)
        if not waited:  # who waits already waits on, however much is written
            self._watch(conversation, now)

    def _begin(self, sender: str, one: Received, now: float) -> Conversation:
        record = ConversationRecord(
            id=new_id(now),
            number=one.number,
            name=one.name,
            address=one.address,
            peer=one.peer,
            category=self._category,
            opened_at=now,
            waits_since=now,
        )
        conversation = Conversation(
            record, self._journal, sender, Allowance(left=float(self.limits.burst), at=now)
        )
        self.places.add(conversation)
        if self.places.open < self.limits.most_open:
            self._enqueue(conversation, now)
        return conversation

    def _enqueue(self, conversation: Conversation, now: float) -> None:
        self.places.move(conversation, TextState.QUEUED)
        self.tickets.queue(conversation, now)

    def _too_much(self, conversation: Conversation, now: float) -> None:
        """Counted, and told once in a while; nothing is kept of it."""
        self.dropped += 1
        record = conversation.record
        record.dropped += 1
        if not conversation.flood_told:
            conversation.flood_told = True
            self._say(conversation, words.FLOOD, now)
            self.view.say(conversation, words.FLOODING)
        if record.dropped & (record.dropped - 1) == 0:  # 1, 2, 4, 8...: a row is not worth each
            conversation.keep()

    def _from_phone(self, one: Received, now: float) -> None:
        """An operator has written: to the citizen whose name the phone's message bears."""
        operator = self._roster.at_phone(one.phone)
        conversation = self.of_operator(operator.id) if operator is not None else None
        theirs = conversation is not None and one.to == conversation.record.shown_as
        if conversation is None or operator is None or not theirs:
            self._sender.to_phone(one.phone, one.to, words.not_yours(one.to[:32]))
        elif one.body.strip() == CLOSE:
            self.close(conversation.id, operator.id, "", now)
        else:
            self.answer(conversation.id, operator.id, one.body, now, message_id=one.id)

    # --- what operators do ----------------------------------------------------------------------

    def of_operator(self, operator: str) -> Conversation | None:
        """The conversation that an operator has."""
        one = self._roster.operators.get(operator)
        found = self.places.by_id.get(one.call or "") if one is not None else None
        return found if found is not None and found.record.operator == operator else None

    def take(self, text_id: str, operator_id: str, now: float) -> Conversation:
        """Give a conversation to an operator who wants it and has nothing else to do.

        Raises a TextError or a RosterError.
        """
        conversation, operator = self.places.find(text_id), self._roster.operator(operator_id)
        if conversation.record.operator == operator_id:
            return conversation
        if conversation.record.operator is not None:
            raise TextTaken(f"Operator {conversation.record.operator} has this conversation.")
        if operator.state is State.WRAP_UP:
            self._roster.wrapped_up(operator, "early", now)
        if operator.state is not State.IDLE or operator.phone is None:
            raise TextTaken(
                f"Operator {operator_id} is not logged in, or has something else to do now."
            )
        self.taken(conversation, operator, operator.phone, now)
        return conversation

    def taken(self, conversation: Conversation, operator: Operator, phone: str, now: float) -> None:
        """An operator has the conversation from now on: its last messages come to the phone."""
        record = conversation.record
        self.places.move(conversation, TextState.TALKING)
        self.tickets.forget(conversation, now)
        record.operator, record.phone = operator.id, phone
        record.call_id = record.call_id or self.call_of(record.number)
        operator.misses = 0
        operator.move(State.TALKING, record.id)
        conversation.keep()
        self.view.taken(conversation)
        self._watch(conversation, now)

    def answer(
        self, text_id: str, operator_id: str, body: str, now: float, *, message_id: str = ""
    ) -> TextMessage:
        """Send an operator's answer to the citizen; raises a TextError.

        Whoever may use the API may answer, also for a conversation that another one has.
        """
        conversation = self.places.find(text_id)
        text = readable_text(body)
        if not text:
            raise TextError("There is nothing to send: the answer has no readable sign.")
        if len(text.encode()) > LONGEST_ANSWER:
            raise TextError(f"The answer is longer than {LONGEST_ANSWER} bytes; send it in parts.")
        record = conversation.record
        record.operator_at = now
        record.answered_at = now if record.answered_at is None else record.answered_at
        self.view.read(conversation, list(conversation.unread), now)
        message = self._send(conversation, operator_id, text, now, message_id)
        conversation.keep()
        self._watch(conversation, now)
        return message

    def close(self, text_id: str, by: str, note: str, now: float) -> Conversation:
        """An operator is done with a conversation; raises NoOpenText."""
        conversation = self.places.find(text_id)
        answered = conversation.record.answered_at is not None
        self._say(conversation, words.GOODBYE, now)
        self._close(
            conversation,
            TextOutcome.ANSWERED if answered else TextOutcome.UNANSWERED,
            by,
            now,
            note=readable_text(note, 200),
        )
        return conversation

    def close_at(self, phone: str, now: float) -> bool:
        """A phone has dialled the code that closes; False if its operator has no conversation."""
        operator = self._roster.at_phone(phone)
        conversation = self.of_operator(operator.id) if operator is not None else None
        if conversation is None or operator is None:
            return False
        self.close(conversation.id, operator.id, "", now)
        return True

    # --- sending --------------------------------------------------------------------------------

    def _say(self, conversation: Conversation, text: str, now: float) -> None:
        """Write to the citizen in the line's own name."""
        self._send(conversation, LINE, text, now)

    def _send(
        self, conversation: Conversation, author: str, text: str, now: float, message_id: str = ""
    ) -> TextMessage:
        record = conversation.record
        message = TextMessage(
            id=message_id or new_id(now),
            conversation_id=record.id,
            at=now,
            author=author,
            body=text,
            address=record.address,
            peer=record.peer,
        )
        conversation.messages.append(message)
        self.outbox.send(message)
        return message

    def _undelivered(self, message: TextMessage, again: bool) -> None:
        """An answer has not arrived: who has the conversation is told so."""
        conversation = self.places.by_id.get(message.conversation_id)
        phone = conversation.record.phone if conversation is not None else None
        if conversation is not None and phone is not None and message.author != LINE:
            told = words.undelivered(message.body, message.status or 0, again)
            self.view.say(conversation, told)

    def phone_failed(self, phone: str, now: float) -> None:
        """A phone cannot be written to: whoever has a conversation there has it no more."""
        operator = self._roster.at_phone(phone)
        conversation = self.of_operator(operator.id) if operator is not None else None
        if conversation is not None and conversation.record.phone == phone:
            log.warning("text_phone_failed", phone=phone, conversation=conversation.id)
            self._give_back(conversation, "unreachable", now)

    # --- deadlines ------------------------------------------------------------------------------

    def _watch(self, conversation: Conversation, now: float) -> None:
        """Arm the deadline of whose turn it is; an operator's only of who has it."""
        owed, limits = conversation.record.owes_answer, self.limits
        if owed and conversation.record.state is not TextState.TALKING:
            conversation.rearm(None)
            return
        seconds = limits.operator_silent_s if owed else limits.citizen_silent_s

        def silent(at: float) -> None:
            if owed:
                self._give_back(conversation, "no_answer", at)
            else:
                self._say(conversation, words.SILENT, at)
                self._close(conversation, TextOutcome.CITIZEN_SILENT, LINE, at)

        conversation.rearm(self._timers.at(now + seconds, silent))

    def _give_back(self, conversation: Conversation, reason: str, now: float) -> None:
        """The operator does not answer: the next one gets the conversation, which keeps its age."""
        record = conversation.record
        operator = self._roster.operators.get(record.operator or "")
        phone, record.operator, record.phone = record.phone, None, None
        conversation.rearm(None)
        self._enqueue(conversation, now)
        conversation.keep()
        if operator is not None and operator.call == record.id:
            self._roster.missed(operator, reason, self._rules.failure(reason), now)
            self._timers.wake(operator.not_before)
        if phone is not None and reason != "unreachable":
            self._sender.to_phone(phone, record.shown_as, words.TAKEN_AWAY)

    def _close(
        self,
        conversation: Conversation,
        outcome: TextOutcome,
        by: str,
        now: float,
        note: str = "",
    ) -> None:
        record = conversation.record
        self.places.move(conversation, TextState.CLOSED)
        conversation.rearm(None)
        record.call_id = record.call_id or self.call_of(record.number)
        record.closed_at, record.closed_by, record.outcome, record.note = now, by, outcome, note
        conversation.keep()
        operator = self._roster.operators.get(record.operator or "")
        if operator is not None and operator.call == record.id:
            self._wrap_ups.begin(operator, self._rules.wrap_up(record.category), now)
        self.view.closed(conversation, now)
        self.tickets.forget(conversation, now)
        self._open_held(now)

    def _open_held(self, now: float) -> None:
        while self.places.open < self.limits.most_open:
            conversation = self.places.next_held()
            if conversation is None:
                return
            self._enqueue(conversation, now)
            conversation.keep()

    # --- another engine's -----------------------------------------------------------------------

    def remember(
        self,
        conversations: Iterable[Mapping[str, Any]],
        messages: Iterable[Mapping[str, Any]],
        now: float,
    ) -> None:
        """Know what an earlier engine had open, and send again what may not have been sent."""
        records = _understood(conversations, ConversationRecord)
        records.sort(key=lambda one: (one.opened_at, one.id))
        for record in records:
            sender = same_caller(record.number, self._rules.country)
            allowance = Allowance(left=float(self.limits.burst), at=now)
            conversation = Conversation(
                record, self._journal, sender or f"{record.number} {record.address}", allowance
            )
            self.places.add(conversation)
            if record.state is TextState.QUEUED:
                self.tickets.queue(conversation, now)
            self._has_operator(conversation)
            self._watch(conversation, now)
        pending = _understood(messages, TextMessage)
        for message in sorted(pending, key=lambda one: (one.at, one.id)):
            if message.state is MessageState.SENDING:
                self.outbox.remember(message)
            elif (known := self.places.by_id.get(message.conversation_id)) is not None:
                self.view.came(known, message)
                self.view.show(known, message)
        self._open_held(now)

    def _has_operator(self, conversation: Conversation) -> None:
        record = conversation.record
        operator = self._roster.operators.get(record.operator or "")
        if record.state is TextState.TALKING and operator is not None:
            operator.move(State.TALKING, record.id)


def _understood(rows: Iterable[Mapping[str, Any]], kind: type[T]) -> list[T]:
    """The rows that make sense; an engine must start whatever an earlier one has left."""
    found = []
    for row in rows:
        try:
            found.append(msgspec.convert(dict(row), kind))
        except msgspec.ValidationError as error:
            log.error("text_not_restored", id=str(row.get("id")), error=str(error))
    return found
