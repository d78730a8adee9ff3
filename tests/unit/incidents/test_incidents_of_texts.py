"""A text conversation that an operator takes is an incident: one, whoever has it afterwards."""

from __future__ import annotations

import msgspec
import pytest
from text_desk import TextDesk

from acd.texts.conversation import CONVERSATIONS
from acd.texts.ports import Received
from incidents.incident import CALLERS_OF, CALLS_OF, INCIDENTS, Contact, Incident
from incidents.states import IncidentClass

LIMIT_S = 900.0


def incidents(desk: TextDesk) -> list[Incident]:
    rows = desk.journal.tables.get(INCIDENTS, {}).values()
    return [msgspec.convert(row, Incident) for row in rows]


def the_incident(desk: TextDesk) -> Incident:
    (incident,) = incidents(desk)
    return incident


def test_who_takes_a_conversation_opens_an_incident_with_what_is_known() -> None:
    desk = TextDesk()
    conversation = desk.has("08123")
    assert the_incident(desk) == Incident(
        id=f"{conversation.id}i",
        number="1970-000001",
        category=conversation.record.category,
        opened_at=100.0,
        opened_by="1001",
        contacts=[Contact(number="08123")],
        call_ids=[conversation.id],
        changed_at=100.0,
        version=1,
    )
    assert list(desk.journal.tables[CALLS_OF]) == [conversation.id]
    assert [row["caller"] for row in desk.journal.tables[CALLERS_OF].values()] == ["+6208123"]
    assert desk.journal.tables[CONVERSATIONS][conversation.id]["taken_at"] == 100.0


def test_the_operator_s_phone_shows_its_number() -> None:
    desk = TextDesk()
    desk.has("0812")
    assert "0812, insiden 1970-1." in desk.text_sender.shown[0][2]


def test_nobody_has_answered_a_conversation_that_waits_or_is_closed_so() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong")
    desk.texts.close(conversation.id, "1001", "", 110.0)
    assert incidents(desk) == []


def test_a_question_that_the_line_answers_itself_opens_none() -> None:
    desk = TextDesk()
    asked = Received(id="m9", at=99.0, number="0812", address="0812@c", body="STATUS 2", size=8)
    desk.intake.receive([asked], 100.0, {"m9": "112: laporan 1970-2 sudah selesai."})
    assert incidents(desk) == []


def test_an_answer_by_the_api_to_one_that_waits_opens_it_too() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong")
    desk.texts.answer(conversation.id, "line", "Di mana?", 105.0)
    assert the_incident(desk).opened_by == "line"
    desk.texts.take(conversation.id, "1001", 110.0)
    assert the_incident(desk).version == 1


def test_further_messages_and_another_operator_open_no_second_one() -> None:
    desk = TextDesk(operators=2)
    conversation = desk.has("0812")
    desk.writes("0812", "cepat", now=110.0)
    desk.roster.logout("1001", 120.0)
    desk.texts.take(conversation.id, "1002", 130.0)
    assert the_incident(desk).version == 1


@pytest.mark.parametrize("is_coded", [False, True])
def test_nor_does_another_engine(is_coded: bool) -> None:
    desk = TextDesk(operators=2)
    conversation = desk.has("0812")
    if is_coded:  # settled: no engine has it in hand from now on
        desk.incidents.said(conversation.id, "emergency", None, "1001", 105.0)
    desk.roster.logout("1001", 120.0)
    after = desk.next_engine(200.0)
    after.texts.take(conversation.id, "1002", 210.0)
    assert incidents(after) == [], "the next engine has not written any"


def test_one_that_was_taken_under_an_older_engine_has_one_from_now_on() -> None:
    desk = TextDesk()
    conversation = desk.has("0812")
    for rows in (desk.journal.tables[INCIDENTS], desk.journal.tables[CALLS_OF]):
        rows.clear()
    desk.journal.tables[CONVERSATIONS][conversation.id].pop("taken_at")
    after = desk.next_engine(200.0)
    assert the_incident(after).call_ids == [conversation.id]
    assert after.journal.tables[CONVERSATIONS][conversation.id]["taken_at"] == 200.0


def test_it_is_uncoded_so_long_after_the_end_of_the_conversation() -> None:
    desk = TextDesk(citizen_silent_s=5000.0, operator_silent_s=5000.0)
    conversation = desk.has("0812")
    desk.timers.fire(100.0 + LIMIT_S)
    assert the_incident(desk).coded_at is None, "who writes is still there"
    desk.texts.close(conversation.id, "1001", "", 1100.0)
    desk.timers.fire(1100.0 + LIMIT_S - 1)
    assert the_incident(desk).coded_at is None
    desk.timers.fire(1100.0 + LIMIT_S)
    assert the_incident(desk).incident_class is IncidentClass.UNCODED
