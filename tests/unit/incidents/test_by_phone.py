"""`*5` and an agency's number: pressed in the talk or dialled after it, and what is heard."""

from __future__ import annotations

import msgspec
import pytest
from factories import LineDesk
from hypothesis import given
from hypothesis import strategies as st
from test_book import by_hand, dialled, ends, the_incident
from test_dispatches import BPBD, DAMKAR, OPERATOR, PMI, Room

from acd.calls.call import Call
from acd.feature_codes.dispatch_codes import PROMPTS
from incidents.by_phone import DispatchByPhone
from incidents.incident import TIMELINE
from incidents.states import IncidentState


class Phone:
    """An operator who talks with a citizen, and agencies to be told."""

    def __init__(self) -> None:
        self.desk = LineDesk()
        self.room = Room(self.desk)
        self.desk.router.dispatch_codes.on_dispatch = DispatchByPhone(
            self.desk.incidents, self.room.dispatches, self.room.agencies
        )

    def talks(self, channel: str = "c1") -> Call:
        return self.desk.citizen_talks(channel)

    def press(self, call: Call, keys: str, now: float = 120.0) -> str:
        for key in keys:
            self.desk.dispatcher.transfers.pressed(call.leg or "", key, now)
        return str(self.desk.switch.last("tell").more[0])

    def agencies(self) -> list[str]:
        return [one.agency for one in self.room.dispatches.open.values()]


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_an_agency_is_told_in_the_talk_and_the_timeline_says_by_whom(phone: Phone) -> None:
    call = phone.talks()
    assert phone.press(call, "*562#") == "dispatch_sent"
    (one,) = phone.room.dispatches.open.values()
    assert (one.agency, one.created_by, one.incident_id) == ("damkar", "1001", f"{call.id}i")
    incident = the_incident(phone.desk)
    assert incident.state is IncidentState.DISPATCHED
    rows = phone.desk.journal.tables[TIMELINE].values()
    assert {(row["kind"], row["source"]) for row in rows} >= {("dispatched", "phone")}
    phone.desk.timers.fire(121.0)
    assert [agency for agency, _ in phone.room.sender.sent] == ["damkar", "damkar"]


def test_the_call_of_before_counts_when_it_is_dialled_after_the_talk(phone: Phone) -> None:
    call = phone.talks()
    ends(phone.desk, call, 130.0)
    assert dialled(phone.desk, "*562", 135.0) == "dispatch_sent"
    assert dialled(phone.desk, "*565#", 136.0) == "dispatch_sent"
    assert dialled(phone.desk, "*562", 137.0) == "dispatch_has_it"
    assert phone.agencies() == ["damkar", "bpbd"]


def test_of_an_agency_without_a_machine_the_operator_hears_that_it_is_to_be_rung(
    phone: Phone,
) -> None:
    assert phone.press(phone.talks(), "*564#") == "dispatch_ring_it"
    assert phone.agencies() == ["pmi"]


@pytest.mark.parametrize("number", ["6", "99", "0", "1234567890", "112"])
def test_a_number_of_no_agency_tells_nobody(phone: Phone, number: str) -> None:
    assert phone.press(phone.talks(), f"*5{number}#") == "dispatch_no_agency"
    assert phone.agencies() == []


def test_an_agency_that_was_retired_is_none(phone: Phone) -> None:
    call = phone.talks()
    phone.room.agencies.know([msgspec.structs.replace(DAMKAR, retired_at=110.0), BPBD, PMI])
    assert phone.press(call, "*562#") == "dispatch_no_agency"


def test_who_has_had_no_call_or_is_not_logged_in_hears_so(phone: Phone) -> None:
    assert dialled(phone.desk, "*562", 100.0) == "dispatch_no_call"
    phone.desk.roster.logout("1001", 101.0)
    assert dialled(phone.desk, "*562", 102.0) == "operator_not_logged_in"


@pytest.mark.parametrize("code", ["*5", "*5#", "*5*62", "*562*", "*512345678901"])
def test_what_is_no_such_code_is_said_to_be_unknown(phone: Phone, code: str) -> None:
    ends(phone.desk, phone.talks(), 130.0)
    assert dialled(phone.desk, code, 135.0) == "code_unknown"


def test_nobody_is_sent_to_what_is_over(phone: Phone) -> None:
    call = phone.talks()
    incident = phone.desk.incidents.in_hand[f"{call.id}i"]
    phone.desk.incidents.move(incident, IncidentState.CLOSED, OPERATOR, 115.0, "")
    assert phone.press(call, "*562#") == "dispatch_over"
    assert phone.agencies() == []


def test_an_incident_that_is_not_in_hand_is_not_to_be_had_by_phone(phone: Phone) -> None:
    call = phone.talks()
    phone.desk.incidents.in_hand.clear()
    phone.desk.incidents._of_call.clear()
    assert phone.press(call, "*562#") == "dispatch_not_by_phone"


def test_of_a_merged_incident_the_one_in_its_place_counts(phone: Phone) -> None:
    call = phone.talks()
    other = by_hand(phone.desk)
    phone.desk.incidents.merge(phone.desk.incidents.in_hand[f"{call.id}i"], other, OPERATOR, 112.0)
    assert phone.press(call, "*562#") == "dispatch_sent"
    assert [one.incident_id for one in phone.room.dispatches.open.values()] == [other.id]


def test_a_line_whose_dispatches_nobody_follows_says_that_it_cannot() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    for key in "*562#":
        desk.dispatcher.transfers.pressed(call.leg or "", key, 120.0)
    assert desk.switch.last("tell").more == ("dispatch_not_by_phone",)


def test_the_next_engine_goes_on_with_what_was_dispatched(phone: Phone) -> None:
    call = phone.talks()
    assert phone.press(call, "*562#") == "dispatch_sent"
    after = Phone()
    after.desk.incidents.remember(phone.desk.journal.tables["incidents"].values(), 200.0)
    after.room.dispatches.remember(phone.desk.journal.tables["dispatches"].values(), 200.0)
    found = after.desk.router.dispatch_codes.on_dispatch(call.id, "62", "1001", 201.0)
    assert found.prompt == "dispatch_has_it"


@given(st.lists(st.sampled_from(["62", "64", "65", "63"]), max_size=8))
def test_any_numbers_in_turn_tell_each_agency_once(numbers: list[str]) -> None:
    phone = Phone()
    call = phone.talks()
    for number in numbers:
        assert phone.press(call, f"*5{number}#") in PROMPTS
    wanted = [{"62": "damkar", "64": "pmi", "65": "bpbd"}.get(one) for one in numbers]
    assert phone.agencies() == [one for one in dict.fromkeys(wanted) if one]
