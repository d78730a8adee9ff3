"""The number of a complaint is told in the talk, which goes on, and by message; once by itself."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel
from text_desk import TextDesk

from acd.calls.call import Call
from acd.rules.load_shedding import Level
from incidents.book import By
from incidents.incident import Incident
from incidents.states import IncidentClass
from ivr.number_teller import UNKNOWN
from ivr.spoken_numbers import AGAIN, NUMBER_IS, RUNNING, spoken_number
from pbx.ari_types import ChannelDtmfReceived

BY = By("1001", "phone")


def told(desk: LineDesk) -> list[tuple[str, tuple[str, ...]]]:
    """Who was whispered which words."""
    return [(did.to, did.more) for did in desk.switch.did if did.what == "tell"]


def talk(desk: LineDesk) -> tuple[Call, Incident]:
    call = desk.citizen_talks()
    incident = desk.incidents.of_call(call.id)
    assert incident is not None
    return call, incident


def press(desk: LineDesk, leg: str, *digits: str, now: float = 120.0) -> None:
    for digit in digits:
        desk.handle(ChannelDtmfReceived(digit, a_channel(leg)), now=now)


def test_a_number_is_said_digit_by_digit_and_once_more() -> None:
    digits = ("digit_2", "digit_0", "digit_2", "digit_6", RUNNING, "digit_1", "digit_0", "digit_3")
    assert spoken_number("2026-000103", "id") == (NUMBER_IS, *digits, AGAIN, *digits)
    assert spoken_number("2026-000103", "en")[:2] == (f"en/{NUMBER_IS}", "en/digit_2")
    assert spoken_number("", "id") == spoken_number("x", "id") == ()


@pytest.mark.parametrize("what", [IncidentClass.COMPLAINT, IncidentClass.INFORMATION])
def test_who_complains_or_asks_hears_the_number_in_the_talk_once(what: IncidentClass) -> None:
    desk = LineDesk()
    call, incident = talk(desk)
    desk.incidents.code(incident, what, BY, 120.0)
    desk.incidents.code(incident, what, BY, 121.0)
    assert told(desk) == [(call.channel, spoken_number(incident.number, "id"))]
    assert incident.number_told_at == 120.0 and call.stage == "talking"
    assert not any(did.what in ("stop", "disconnect", "hang_up") for did in desk.switch.did[-3:])


@pytest.mark.parametrize("what", [IncidentClass.EMERGENCY, IncidentClass.PRANK])
def test_of_an_emergency_the_number_is_not_said_by_itself(what: IncidentClass) -> None:
    desk = LineDesk()
    _, incident = talk(desk)
    desk.incidents.code(incident, what, BY, 120.0)
    assert told(desk) == [] and incident.number_told_at is None


def test_after_the_talk_nobody_is_told() -> None:
    desk = LineDesk()
    call, incident = talk(desk)
    desk.router.gone(call.channel, 16, 119.0)
    desk.incidents.code(incident, IncidentClass.COMPLAINT, BY, 120.0)
    assert told(desk) == [] and incident.number_told_at is None


def test_while_the_line_sheds_work_only_the_operator_s_key_says_it() -> None:
    desk = LineDesk()
    call, incident = talk(desk)
    desk.dispatcher.load.level = Level.SHEDDING
    desk.incidents.code(incident, IncidentClass.COMPLAINT, BY, 120.0)
    assert told(desk) == []
    press(desk, call.leg or "", "*", "6")
    words = spoken_number(incident.number, "id")
    assert told(desk) == [(call.channel, words), (call.leg, words)]


def test_the_operator_s_key_says_it_as_often_as_it_is_pressed_also_of_an_emergency() -> None:
    desk = LineDesk()
    call, _ = talk(desk)
    press(desk, call.leg or "", "*", "6", "*", "6")
    assert len(told(desk)) == 4
    desk.incidents.in_hand.clear()
    desk.incidents._of_call.clear()
    press(desk, call.leg or "", "*", "6")
    assert told(desk)[-1] == (call.leg, (UNKNOWN,))


def test_a_contact_who_texts_gets_it_as_a_message() -> None:
    desk = TextDesk()
    desk.writes("08123456789", "lampu jalan mati")
    contact = {"contact": {"number": "+62 812-3456-789"}, "description": "x"}
    incident = desk.incidents.open(contact, BY, 120.0)
    desk.incidents.code(incident, IncidentClass.COMPLAINT, BY, 121.0)
    assert "nomor laporan Anda 1970-1. " in desk.text_sender.sent[-1].body
    assert incident.number_told_at == 121.0
