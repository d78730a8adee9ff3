"""Which operator has which conversation: one at most, apart from what they do in calls.

An operator who has a conversation is as idle as one without: nobody who calls waits because
somebody writes (`acd.queueing.allocation`).
"""

from __future__ import annotations

from acd.operators.operator import Operator, available
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.texts.conversation import Conversation
from acd.texts.places import Places

LOOK_AGAIN_S = 5.0


class Holders:
    """Gives conversations to operators, and takes them back."""

    def __init__(self, roster: Roster, places: Places) -> None:
        self._roster, self._places = roster, places

    def of_operator(self, operator: str) -> Conversation | None:
        """The conversation that an operator has."""
        one = self._roster.operators.get(operator)
        return self._places.by_id.get(one.text or "") if one is not None else None

    def at_phone(self, phone: str) -> tuple[Operator, Conversation] | None:
        """Who sits at a phone and has a conversation, and that conversation."""
        operator = self._roster.at_phone(phone)
        conversation = self.of_operator(operator.id) if operator is not None else None
        return None if operator is None or conversation is None else (operator, conversation)

    def give(self, conversation: Conversation, operator: Operator, phone: str, now: float) -> None:
        """The operator has the conversation from now on, at that phone."""
        record = conversation.record
        record.operator, record.phone = operator.id, phone
        self._roster.changes.give_text(operator, record.id, now)

    def take_back(self, conversation: Conversation, now: float) -> Operator | None:
        """Whoever has the conversation has it no more; returns who that was, if anybody."""
        operator = self._roster.operators.get(conversation.record.operator or "")
        if operator is None or operator.text != conversation.id:
            return None
        self._roster.changes.give_text(operator, None, now)
        return operator

    def may_answer_until(self, conversation: Conversation, silent_s: float, now: float) -> float:
        """Up to when the operator whose turn it is may be silent; `now` or earlier: no longer.

        Whoever has a call, or has just had one, can hardly write: they have as long as always after
        it, unless they have missed one, but only while nobody is free who could do so at once.
        """
        operator = self._roster.operators.get(conversation.record.operator or "")
        if operator is None:
            return now
        if operator.state is State.IDLE:
            return now if operator.misses else operator.idle_since + silent_s
        return now if self._somebody_is_free(now) else now + LOOK_AGAIN_S

    def _somebody_is_free(self, now: float) -> bool:
        roster = self._roster
        return any(
            one.text is None and available(one, roster.phones, now)
            for one in roster.operators.values()
        )
