"""All text conversations of a line: what each answer, deadline and operator means for them.

The one writer calls it; it returns at once. A citizen's first message (`acd.texts.intake`) opens a
conversation, which waits for an operator among the calls. While as many are open as may be, a new
one is held: kept, acknowledged, and opened once there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog

from acd.calls.ids import new_id
from acd.calls.journal import Journal
from acd.numbers.caller import same_caller
from acd.operators.operator import Operator
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.rules.rules import Rules
from acd.texts import words
from acd.texts.conversation import CITIZEN, LINE, Conversation, ConversationRecord, TextMessage
from acd.texts.holders import Holders
from acd.texts.limits import Allowance, TextLimits, readable_text
from acd.texts.outbox import Outbox
from acd.texts.phone_view import PhoneView
from acd.texts.places import Places
from acd.texts.ports import Received, TextError, TextSender, TextTaken, Tickets
from acd.texts.restore import understood
from acd.texts.states import MessageState, TextOutcome, TextState
from acd.timers import Timers

log = structlog.get_logger("texts")

LONGEST_ANSWER = 1200
"""Bytes: what is longer does not go into one packet (RFC 3261, 18.1.1)."""

OfText = Callable[[ConversationRecord, float], None]

# why an operator has a conversation no more
NO_ANSWER, UNREACHABLE, LOGGED_OUT = "no_answer", "unreachable", "logged_out"


class Texts:
    """All conversations of a line that are not closed (`places`).

    `category`: what a conversation is about until somebody knows. `call_of(number)`: the id of a
    voice call of the same caller that is up, or None. `holders`: which operator has which.
    `on_begun(record, now)`: an operator has taken or answered a conversation for the first time,
    once for each; `on_closed(record, now)`: it is over.
    """

    def __init__(
        self,
        sender: TextSender,
        tickets: Tickets,
        roster: Roster,
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
        self._roster, self._timers, self._rules = roster, timers, rules
        self.limits, self._category = limits or TextLimits(), category
        self.call_of: Callable[[str], str | None] = lambda _: None
        self.on_begun: OfText = lambda record, now: None
        self.on_closed: OfText = lambda record, now: None
        self.places = Places()
        self.holders = Holders(roster, self.places)
        roster.moved = self._moved

    # --- opening --------------------------------------------------------------------------------

    def sender_of(self, number: str, address: str) -> str:
        """Who writes, the same for each spelling of a number; by the address where it is none."""
        return same_caller(number, self._rules.country) or f"{number} {address}"

    def open(self, sender: str, one: Received, now: float) -> Conversation:
        """Open a conversation for a first message, or hold it until there is room."""
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

    def answer_at_once(self, one: Received, answer: str, now: float) -> None:
        """Answer a message without an operator: a conversation that is closed with the answer."""
        record = ConversationRecord(
            id=new_id(now),
            number=one.number,
            name=one.name,
            address=one.address,
            peer=one.peer,
            category=self._category,
            opened_at=now,
            waits_since=now,
            citizen_at=now,
            answered_at=now,
            operator_at=now,
            received=1,
        )
        sender, allowance = self.sender_of(one.number, one.address), Allowance(left=1.0, at=now)
        conversation = Conversation(record, self._journal, sender, allowance)
        self.places.add(conversation)
        TextMessage(
            id=one.id,
            conversation_id=record.id,
            at=one.at,
            author=CITIZEN,
            body=readable_text(one.body),
            state=MessageState.READ,
            settled_at=now,
        ).keep(self._journal)
        self.say(conversation, answer, now)
        self._close(conversation, TextOutcome.ANSWERED, LINE, now)

    def _enqueue(self, conversation: Conversation, now: float) -> None:
        self.places.move(conversation, TextState.QUEUED)
        self.tickets.queue(conversation, now)

    # --- what operators do ----------------------------------------------------------------------

    def take(self, text_id: str, operator_id: str, now: float) -> Conversation:
        """Give a conversation to an operator who wants it and has nothing else to do.

        Raises a TextError or a RosterError.
        """
        conversation, operator = self.places.find(text_id), self._roster.operator(operator_id)
        if conversation.record.operator == operator_id:
            return conversation
        if conversation.record.operator is not None:
            raise TextTaken(f"Operator {conversation.record.operator} has this conversation.")
        free = operator.state in (State.IDLE, State.WRAP_UP) and operator.text is None
        if not free or operator.phone is None:
            raise TextTaken(
                f"Operator {operator_id} is not logged in, or has something else to do now."
            )
        if operator.state is State.WRAP_UP:
            self._roster.wrapped_up(operator, "early", now)
        self.taken(conversation, operator, operator.phone, now)
        return conversation

    def taken(self, conversation: Conversation, operator: Operator, phone: str, now: float) -> None:
        """An operator has the conversation from now on: its last messages come to the phone.

        The operator stays as idle as before, and can be rung for calls.
        """
        record = conversation.record
        self.places.move(conversation, TextState.TALKING)
        self.tickets.forget(conversation, now)
        self.holders.give(conversation, operator, phone, now)
        record.call_id = record.call_id or self.call_of(record.number)
        operator.misses = 0
        self._keep_begun(conversation, now)
        self.view.taken(conversation)
        self.watch(conversation, now)

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
        self._keep_begun(conversation, now)
        self.watch(conversation, now)
        return message

    def _keep_begun(self, conversation: Conversation, now: float) -> None:
        """Keep the row, with all that follows from a first answer in the same write."""
        record = conversation.record
        with self._journal.together():
            if record.taken_at is None:
                record.taken_at = now
                self.on_begun(record, now)
            conversation.keep()

    def close(self, text_id: str, by: str, note: str, now: float) -> Conversation:
        """An operator is done with a conversation; raises NoOpenText."""
        conversation = self.places.find(text_id)
        answered = conversation.record.answered_at is not None
        self.say(conversation, words.GOODBYE, now)
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
        found = self.holders.at_phone(phone)
        if found is None:
            return False
        operator, conversation = found
        self.close(conversation.id, operator.id, "", now)
        return True

    # --- sending --------------------------------------------------------------------------------

    def say(self, conversation: Conversation, text: str, now: float) -> None:
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
        found = self.holders.at_phone(phone)
        if found is not None and found[1].record.phone == phone:
            log.warning("text_phone_failed", phone=phone, conversation=found[1].id)
            self._give_back(found[1], UNREACHABLE, now)

    def _moved(self, operator: Operator, now: float) -> None:
        """An operator who has a conversation sits at another phone, or has logged out."""
        conversation = self.holders.of_operator(operator.id)
        if conversation is None:
            self._roster.changes.give_text(operator, None, now)
        elif operator.phone is None:
            self._give_back(conversation, LOGGED_OUT, now)
        elif operator.phone != conversation.record.phone:
            conversation.record.phone = operator.phone
            conversation.keep()
            self.view.taken(conversation)

    # --- deadlines ------------------------------------------------------------------------------

    def watch(self, conversation: Conversation, now: float) -> None:
        """Arm the deadline of whose turn it is; an operator's only of who has it."""
        owed, limits = conversation.record.owes_answer, self.limits
        if owed and conversation.record.state is not TextState.TALKING:
            conversation.rearm(None)
            return
        seconds = limits.operator_silent_s if owed else limits.citizen_silent_s

        def silent(at: float) -> None:
            if owed:
                self._operator_silent(conversation, at)
            else:
                self.say(conversation, words.SILENT, at)
                self._close(conversation, TextOutcome.CITIZEN_SILENT, LINE, at)

        conversation.rearm(self._timers.at(now + seconds, silent))

    def _operator_silent(self, conversation: Conversation, now: float) -> None:
        until = self.holders.may_answer_until(conversation, self.limits.operator_silent_s, now)
        if until > now:
            conversation.rearm(
                self._timers.at(until, lambda at: self._operator_silent(conversation, at))
            )
        else:
            self._give_back(conversation, NO_ANSWER, now)

    def _give_back(self, conversation: Conversation, reason: str, now: float) -> None:
        """The operator does not answer: the next one gets the conversation, which keeps its age.

        That is a miss, but not of one who has a call meanwhile, or has logged out.
        """
        record = conversation.record
        operator = self.holders.take_back(conversation, now)
        phone, record.operator, record.phone = record.phone, None, None
        conversation.rearm(None)
        self._enqueue(conversation, now)
        conversation.keep()
        missed = operator is not None and operator.state is State.IDLE and reason != LOGGED_OUT
        if operator is not None and missed:
            self._roster.missed(operator, reason, self._rules.failure(reason), now)
            self._timers.wake(operator.not_before)
        if phone is not None and reason == NO_ANSWER:
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
        self.on_closed(record, now)
        operator = self.holders.take_back(conversation, now)
        if operator is not None and operator.state is State.IDLE:
            self._roster.idle(operator, now)  # last in line for the next call, as after one
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
        records = understood(conversations, ConversationRecord)
        records.sort(key=lambda one: (one.opened_at, one.id))
        for record in records:
            allowance = Allowance(left=float(self.limits.burst), at=now)
            sender = self.sender_of(record.number, record.address)
            self.places.add(Conversation(record, self._journal, sender, allowance))
        for conversation in list(self.places.by_id.values()):
            self.watch(conversation, now)
            match conversation.record.state:
                case TextState.QUEUED:
                    self.tickets.queue(conversation, now)
                case TextState.TALKING:
                    self._restore_holder(conversation, now)
        pending = understood(messages, TextMessage)
        for message in sorted(pending, key=lambda one: (one.at, one.id)):
            if message.state is MessageState.SENDING:
                self.outbox.remember(message)
            elif (known := self.places.by_id.get(message.conversation_id)) is not None:
                self.view.came(known, message)
                self.view.show(known, message)
        self._open_held(now)

    def _restore_holder(self, conversation: Conversation, now: float) -> None:
        """Know again who has it; who has logged out, or has another one by now, does not."""
        operator = self._roster.operators.get(conversation.record.operator or "")
        if operator is None or operator.phone is None or operator.text is not None:
            self._give_back(conversation, LOGGED_OUT, now)
        else:
            self.holders.give(conversation, operator, operator.phone, now)
            if conversation.record.taken_at is None:  # taken under an engine of an older version
                self._keep_begun(conversation, now)
