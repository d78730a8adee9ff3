"""Messages that the line answers by itself: closed at once, and kept; no operator is asked."""

from __future__ import annotations

import msgspec
from text_desk import TextDesk

from acd.texts.conversation import CONVERSATIONS, MESSAGES, ConversationRecord, TextMessage
from acd.texts.ports import Received
from acd.texts.states import MessageState, TextOutcome, TextState
from acd.work_items.item import TABLE

ASKED = Received(
    id="m9", at=99.0, number="0812", address="0812@carrier", body="STATUS 2026-1", size=13
)


def test_it_is_answered_kept_and_closed_without_an_operator() -> None:
    desk = TextDesk()
    desk.intake.receive([ASKED], 100.0, {"m9": "112: laporan 2026-1 sudah selesai."})
    (sent,) = desk.text_sender.sent[:1]
    assert sent.body == "112: laporan 2026-1 sudah selesai." and sent.address == "0812@carrier"
    (row,) = desk.journal.tables[CONVERSATIONS].values()
    record = msgspec.convert(row, ConversationRecord)
    assert (record.state, record.outcome) == (TextState.CLOSED, TextOutcome.ANSWERED)
    assert (record.closed_by, record.received, record.operator) == ("line", 1, None)
    rows = desk.journal.tables[MESSAGES]
    kept = msgspec.convert(rows["m9"], TextMessage)
    assert (kept.body, kept.state) == ("STATUS 2026-1", MessageState.READ)
    assert not desk.journal.tables.get(TABLE) and not desk.texts.places.by_id


def test_who_has_an_open_conversation_is_read_by_its_operator() -> None:
    desk = TextDesk()
    desk.has("0812")
    desk.intake.receive([ASKED], 110.0, {"m9": "an answer"})
    assert all(one.body != "an answer" for one in desk.text_sender.sent)
    assert desk.text_sender.shown[-1][2].endswith("STATUS 2026-1")


def test_what_has_no_answer_is_a_text_to_operators() -> None:
    desk = TextDesk()
    desk.intake.receive([ASKED], 100.0, {"other": "an answer"})
    (conversation,) = desk.texts.places.by_id.values()
    assert conversation.record.state is TextState.QUEUED
