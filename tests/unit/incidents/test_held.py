"""Outside an agency's hours a complaint waits for them; an emergency goes to the next one too."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from factories import LineDesk
from msgspec.structs import replace
from test_dispatches import DAMKAR, Room

from acd.agencies.agency import Agency
from deliveries.attempt import Delivered
from incidents.book import By
from incidents.dispatch import DeliveryState, Dispatch, DispatchState
from incidents.held import SPREAD_S, may_wait, opens_in
from incidents.incident import EntryKind, Incident
from incidents.states import IncidentClass

WIB = ZoneInfo("Asia/Jakarta")
BY = By("1001", "phone")
ACCEPT_S = 300.0
EVENING = datetime(2026, 12, 1, 16, 0, tzinfo=WIB).timestamp()
MORNING = datetime(2026, 12, 2, 7, 0, tzinfo=WIB).timestamp()

WATER = Agency(
    id="pdam",
    number="70",
    name="PDAM",
    mail="piket@pdam.example",
    webhook="https://pdam.example/112",
    hours="07:00-15:30",
    chain=("damkar",),
)
DUTY = replace(WATER, fallback="sip:duty@192.0.2.9")
OFFICE = replace(WATER, voice="sip:office@192.0.2.9", webhook="")
WATERS = ("https://pdam.example/112", "piket@pdam.example")


class Night(Room):
    """A line that knows hours; its agencies are Damkar, always open, and one with hours."""

    def __init__(self, desk: LineDesk | None = None, *agencies: Agency, carrier: bool = False):
        opens = opens_in(WIB, lambda day: day == date(2026, 12, 25))
        super().__init__(desk, *(agencies or (WATER, DAMKAR)), carrier=carrier, opens=opens)

    def complaint(self, now: float = EVENING, what: str = "complaint") -> Incident:
        incident = self.desk.incidents.open({"description": "no water"}, BY, now)
        self.desk.incidents.code(incident, IncidentClass(what), BY, now)
        return incident

    def fire_at(self, now: float) -> list[str]:
        """What is sent up to then that was not before."""
        before = len(self.sender.sent)
        self.desk.timers.fire(now)
        return [address for _, address in self.sender.sent[before:]]

    def next_engine(self, now: float) -> Night:
        after = super().next_engine(now)
        assert isinstance(after, Night)
        return after


def held(one: Dispatch) -> list[bool]:
    return [each.held for each in one.deliveries]


@pytest.mark.parametrize("what", ["complaint", "information"])
def test_a_complaint_waits_until_the_agency_opens_and_its_agreed_time_begins_then(
    what: str,
) -> None:
    room = Night()
    one = room.tell(room.complaint(what=what), WATER, EVENING)
    assert room.sender.sent == [] and held(room.row(one)) == [True, True]
    assert one.due_at == MORNING + ACCEPT_S
    assert room.fire_at(MORNING - 1) == []
    assert sorted(room.fire_at(MORNING + SPREAD_S)) == sorted(WATERS)
    room.ends(one, Delivered("250 ok"), now=MORNING + SPREAD_S)
    assert held(room.row(one)) == [False, True]
    assert room.row(one).state is DispatchState.SENT


def test_within_the_hours_it_is_sent_at_once() -> None:
    room = Night()
    one = room.tell(room.complaint(MORNING + 1), WATER, MORNING + 1)
    assert len(room.sender.sent) == 2 and one.due_at == MORNING + 1 + ACCEPT_S


@pytest.mark.parametrize(
    ("what", "priority", "waits"),
    [
        ("complaint", 3, True),
        ("information", 5, True),
        ("complaint", 2, False),
        ("emergency", 5, False),
        ("uncoded", 3, False),
        (None, 3, False),
    ],
)
def test_only_a_complaint_or_question_of_usual_priority_waits(
    what: str | None, priority: int, waits: bool
) -> None:
    kind = None if what is None else IncidentClass(what)
    assert may_wait(Incident(id="i", incident_class=kind, priority=priority)) is waits


def test_an_emergency_is_told_at_once_and_so_is_the_next_of_the_chain() -> None:
    room = Night()
    incident = room.fire(EVENING)
    one = room.tell(incident, WATER, EVENING)
    told = sorted(agency for agency, _ in room.sender.sent)
    assert told == ["damkar", "damkar", "pdam", "pdam"]
    assert (one.state, one.step, one.due_at) == (DispatchState.SENDING, 1, EVENING + ACCEPT_S)
    other = room.dispatches.of_incident(incident.id)[1]
    room.dispatches.acknowledge(other, incident, By("damkar", "api"), EVENING + 10)
    assert room.row(one).state is DispatchState.RELIEVED


def test_who_can_be_rung_at_night_has_the_agreed_time_to_accept() -> None:
    room = Night(None, DUTY, DAMKAR)
    one = room.tell(room.fire(EVENING), DUTY, EVENING)
    assert {agency for agency, _ in room.sender.sent} == {"pdam"} and one.step == 0


def test_an_emergency_of_a_closed_agency_without_a_chain_has_its_agreed_time() -> None:
    alone = replace(WATER, chain=("nobody",))
    room = Night(None, alone)
    one = room.tell(room.fire(EVENING), alone, EVENING)
    assert one.due_at == EVENING + ACCEPT_S and room.dispatches.left_to_supervisor == 0
    room.desk.timers.fire(EVENING + ACCEPT_S)
    assert room.dispatches.left_to_supervisor == 1


def test_of_a_complaint_the_fallback_is_rung_at_once_and_a_closed_office_is_not() -> None:
    room = Night(None, DUTY)
    one = room.tell(room.complaint(), DUTY, EVENING)
    assert [address for _, address in room.sender.sent] == ["sip:duty@192.0.2.9"]
    assert one.due_at == MORNING + ACCEPT_S
    room = Night(None, OFFICE)
    room.tell(room.complaint(), OFFICE, EVENING)
    assert room.sender.sent == []
    assert len(room.fire_at(MORNING + SPREAD_S)) == 2


def test_who_is_made_an_emergency_or_urgent_while_it_waits_is_sent_at_once() -> None:
    for change in (
        (EntryKind.CODED, {"class": "emergency"}),
        (EntryKind.PRIORITISED, {"priority": 1}),
    ):
        room = Night(None, replace(WATER, chain=()))
        incident = room.complaint()
        one = room.tell(incident, WATER, EVENING)
        kind, data = change
        room.desk.incidents.change(incident, kind, BY, EVENING + 60, data)
        assert sorted(room.fire_at(EVENING + 60)) == sorted(WATERS)
        assert room.row(one).due_at == EVENING + 60 + ACCEPT_S and held(one) == [False, False]


def test_who_is_another_kind_of_complaint_waits_on() -> None:
    room = Night()
    incident = room.complaint()
    room.tell(incident, WATER, EVENING)
    room.desk.incidents.code(incident, IncidentClass.INFORMATION, BY, EVENING + 60)
    assert room.fire_at(EVENING + 60) == []


def test_other_hours_count_at_once() -> None:
    room = Night()
    one = room.tell(room.complaint(), WATER, EVENING)
    room.agencies.know([replace(WATER, hours="17:00-18:00"), DAMKAR])
    room.dispatches.agencies_changed(EVENING + 60)
    assert one.due_at == EVENING + 3600 + ACCEPT_S
    room.agencies.know([replace(WATER, hours=""), DAMKAR])
    room.dispatches.agencies_changed(EVENING + 120)
    assert sorted(room.fire_at(EVENING + 120)) == sorted(WATERS)
    assert room.row(one).due_at == EVENING + 120 + ACCEPT_S


def test_thousands_that_wait_are_looked_at_a_few_at_a_time() -> None:
    room = Night()
    for _ in range(120):
        room.tell(room.complaint(), WATER, EVENING)
    room.agencies.know([replace(WATER, hours=""), DAMKAR])
    room.dispatches.agencies_changed(EVENING + 60)
    assert len(room.fire_at(EVENING + 60)) == 100
    assert len(room.fire_at(EVENING + 61)) == 100
    assert len(room.fire_at(EVENING + 62)) == 40


def test_a_next_engine_sends_it_at_its_time_whatever_the_clock_was_meanwhile() -> None:
    room = Night()
    one = room.tell(room.complaint(), WATER, EVENING)
    for now in (EVENING + 3600, EVENING + 60, MORNING - 5):  # its clock was put back once
        room = room.next_engine(now)
        assert room.fire_at(now) == [] and held(room.row(one)) == [True, True]
    assert sorted(room.next_engine(MORNING + 3600).fire_at(MORNING + 3600)) == sorted(WATERS)


def test_hours_that_were_changed_while_no_engine_served_count() -> None:
    room = Night()
    room.tell(room.complaint(), WATER, EVENING)
    room.agencies.know([replace(WATER, hours="07:00-22:00"), DAMKAR])
    after = room.next_engine(EVENING + 60)
    assert sorted(after.fire_at(EVENING + 60)) == sorted(WATERS)


def test_an_agency_that_is_closed_on_holidays_has_it_on_the_day_after() -> None:
    christmas = datetime(2026, 12, 25, 10, 0, tzinfo=WIB).timestamp()
    for closed, waits in ((True, True), (False, False)):
        agency = replace(WATER, holidays=not closed)
        room = Night(None, agency)
        one = room.tell(room.complaint(christmas), agency, christmas)
        assert held(one) == [waits, waits]
        if waits:
            opens = datetime(2026, 12, 26, 0, 0, tzinfo=UTC).timestamp()
            assert one.deliveries[0].try_at is not None
            assert 0 <= one.deliveries[0].try_at - opens < SPREAD_S


def test_what_was_accepted_at_night_is_called_off_or_comes_when_the_agency_opens() -> None:
    room = Night()
    incident = room.complaint()
    one = room.tell(incident, WATER, EVENING)
    room.dispatches.acknowledge(one, incident, By("supervisor", "api"), EVENING + 60)
    due = one.due_at
    room.desk.incidents.code(incident, IncidentClass.EMERGENCY, BY, EVENING + 120)
    assert one.due_at == due, "it has accepted; its report is due as before"
    assert len(room.fire_at(EVENING + 120)) == 2
    assert all(each.state is DeliveryState.WAITING for each in one.deliveries)
