"""Dispatches: an agency is told, tried again and followed, and others are told in its place."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from factories import LineDesk
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.agency import Agency
from acd.agencies.register import Register
from acd.transfers.directory import Directory
from deliveries.attempt import Attempt, Delivered, Failed, Reason
from incidents.book import By
from incidents.dispatch import (
    DISPATCH_MOVES,
    DISPATCHES,
    Channel,
    DeliveryState,
    Dispatch,
    DispatchState,
)
from incidents.dispatches import RETRIES, VOICE_RETRIES, Dispatches
from incidents.errors import IncidentRefused
from incidents.held import Opens, always_open
from incidents.incident import INCIDENTS, TIMELINE, Contact, Incident
from incidents.report import report_of
from incidents.states import IncidentClass, IncidentState

OPERATOR, AGENCY = By("1001", "phone"), By("damkar", "api")
LATER = Failed(Reason.TRY_LATER, retry=True, detail="HTTP 503")
NO_ANSWER = Failed(Reason.NO_ANSWER, retry=True)
NOT_ACCEPTED = Failed(Reason.NOT_ACCEPTED, retry=True)
NEVER = Failed(Reason.GONE, retry=False, detail="HTTP 410")
ACCEPT_S, REPORT_S = 300.0, 1800.0

DAMKAR = Agency(
    id="damkar",
    number="62",
    name="Damkar",
    webhook="https://damkar.example/112",
    mail="piket@damkar.example",
    chain=("0341555113", "kepala@damkar.example", "bpbd"),
)
BPBD = Agency(id="bpbd", number="65", name="BPBD", webhook="https://bpbd.example/112")
PMI = Agency(id="pmi", number="64", name="PMI", voice="0341555118")


class FakeSender:
    """incidents.dispatches.Sender that keeps what is to be sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []  # agency, address
        self.stopped: list[tuple[str, bool]] = []  # dispatch, whether it is settled

    def send(self, dispatch: Dispatch, index: int, incident: Incident) -> None:
        self.sent.append((dispatch.agency, dispatch.deliveries[index].address))

    def stop(self, dispatch_id: str, *, settled: bool) -> None:
        self.stopped.append((dispatch_id, settled))


class Room:
    """A line with an incident, and the dispatches of its engine."""

    def __init__(
        self,
        desk: LineDesk | None = None,
        *agencies: Agency,
        carrier: bool = False,
        opens: Opens = always_open,
    ) -> None:
        self.desk = desk or LineDesk()
        self.carrier = carrier
        self.sender = FakeSender()
        self.agencies = Register(agencies or (DAMKAR, BPBD, PMI))
        desk = self.desk
        self.dispatches = Dispatches(
            desk.journal,
            desk.timers,
            desk.incidents,
            self.agencies,
            self.sender,
            directory=Directory(agencies=self.agencies, carrier=carrier),
            opens=opens,
        )

    def fire(self, now: float = 100.0) -> Incident:
        incident = self.desk.incidents.open({"description": "smoke"}, OPERATOR, now)
        self.desk.incidents.code(incident, IncidentClass.EMERGENCY, OPERATOR, now)
        return incident

    def tell(self, incident: Incident, agency: Agency = DAMKAR, now: float = 100.0) -> Dispatch:
        made = self.dispatches.dispatch(incident, agency, OPERATOR, now)
        self.desk.timers.fire(now)
        return made

    def ends(self, one: Dispatch, attempt: Attempt, index: int = 0, now: float = 101.0) -> None:
        self.dispatches.attempted(one.id, index, attempt, now)

    def row(self, one: Dispatch) -> Dispatch:
        return msgspec.convert(self.desk.journal.tables[DISPATCHES][one.id], Dispatch)

    def kinds(self, incident: Incident) -> list[str]:
        rows = self.desk.journal.tables[TIMELINE].values()
        mine = [row for row in rows if row["incident_id"] == incident.id]
        return [str(row["kind"]) for row in sorted(mine, key=lambda row: row["seq"])]

    def next_engine(self, now: float) -> Room:
        """The engine dies; the next one knows the rows that are not settled, and nothing else."""
        agencies = self.agencies.by_id.values()
        after = type(self)(self.desk.next_engine(now), *agencies, carrier=self.carrier)
        after.desk.journal.tables = deepcopy(self.desk.journal.tables)
        rows = self.desk.journal.tables.get(DISPATCHES, {}).values()
        after.dispatches.remember([row for row in rows if row["settled_at"] is None], now)
        return after


def test_every_state_has_its_moves() -> None:
    assert DISPATCH_MOVES.keys() == set(DispatchState)


def test_an_agency_is_told_by_all_its_ways_at_once_and_the_incident_is_dispatched() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    assert room.sender.sent == [
        ("damkar", "https://damkar.example/112"),
        ("damkar", "piket@damkar.example"),
    ]
    assert (incident.state, incident.settled_at) == (IncidentState.DISPATCHED, None)
    assert (one.state, one.due_at) == (DispatchState.SENDING, 100.0 + ACCEPT_S)
    room.ends(one, Delivered("HTTP 200, A-17"))
    kept = room.row(one)
    assert (kept.state, kept.deliveries[0].receipt) == (DispatchState.SENT, "HTTP 200, A-17")
    assert room.kinds(incident)[-3:] == ["dispatched", "moved", "delivered"]


def test_an_agency_without_a_computer_is_told_by_a_person() -> None:
    room = Room()
    one = room.tell(room.fire(), PMI)
    assert room.sender.sent == []
    assert (one.state, one.deliveries[0].address) == (DispatchState.SENDING, "0341555118")
    assert not one.has_arrived, "nobody has told it yet"
    room.dispatches.acknowledge(one, room.desk.incidents.in_hand[one.incident_id], AGENCY, 110.0)
    assert one.has_arrived


def ways(one: Dispatch) -> list[tuple[Channel, str]]:
    return [(delivery.channel, delivery.address) for delivery in one.deliveries]


def test_an_agency_that_the_line_can_dial_is_rung_beside_its_other_ways() -> None:
    room = Room(carrier=True)
    one = room.tell(room.fire(), PMI)
    assert ways(one) == [(Channel.VOICE, "0341555118")]
    assert (one.state, room.sender.sent) == (DispatchState.SENDING, [("pmi", "0341555118")])
    both = Agency(id="both", number="66", name="Both", mail="a@b.example", voice="sip:a@192.0.2.1")
    room = Room(None, both)
    assert ways(room.tell(room.fire(), both)) == [
        (Channel.MAIL, "a@b.example"),
        (Channel.VOICE, "sip:a@192.0.2.1"),
    ]


def test_a_contact_of_the_chain_is_rung_by_the_line_if_it_can_dial_it() -> None:
    chain = ("0341555113", "sip:chief@192.0.2.1")
    agency = Agency(id="one", number="66", name="One", mail="a@b.example", chain=chain)
    for carrier, first in ((True, Channel.VOICE), (False, Channel.OPERATOR)):
        room = Room(None, agency, carrier=carrier)
        one = room.tell(room.fire(), agency)
        room.desk.timers.fire(100.0 + ACCEPT_S)
        room.desk.timers.fire(100.0 + 2 * ACCEPT_S)
        assert ways(one)[1:] == [(first, chain[0]), (Channel.VOICE, chain[1])]


def test_who_does_not_answer_is_rung_again_while_the_agreed_time_runs() -> None:
    room, now = Room(carrier=True), 100.0
    incident = room.fire()
    one = room.tell(incident, PMI)
    for gap in VOICE_RETRIES.gaps_s:
        room.ends(one, NO_ANSWER, now=now)
        now += gap
        assert room.row(one).deliveries[0].try_at == now
        room.desk.timers.fire(now)
    assert len(room.sender.sent) == 1 + len(VOICE_RETRIES.gaps_s)
    room.ends(one, NO_ANSWER, now=now)
    assert room.row(one).deliveries[0].state is DeliveryState.FAILED
    assert room.kinds(incident).count("rung") == 1 + len(VOICE_RETRIES.gaps_s)
    assert room.kinds(incident).count("not_delivered") == 1


def test_what_was_heard_has_arrived_and_is_rung_again_if_nobody_accepts() -> None:
    room, now = Room(carrier=True), 100.0
    incident = room.fire()
    one = room.tell(incident, PMI)
    room.dispatches.heard(one.id, 0, "answered, heard", now)
    room.dispatches.heard(one.id, 0, "answered, heard", now)
    kept = room.row(one)
    assert (kept.state, kept.deliveries[0].delivered_at) == (DispatchState.SENT, now)
    assert kept.has_arrived, "while the call goes on, and while it is rung again"
    after = room.next_engine(now)
    after.desk.timers.fire(now)
    assert len(after.sender.sent) == 1, "the engine died before a key came"
    for gap in (*VOICE_RETRIES.gaps_s, 0.0):
        room.ends(one, NOT_ACCEPTED, now=now)
        now += gap
        room.desk.timers.fire(now)
    kept = room.row(one)
    assert kept.deliveries[0].state is DeliveryState.DELIVERED, "it was heard, if in vain"
    kinds = room.kinds(incident)
    assert (kinds.count("delivered"), kinds.count("not_delivered")) == (1, 0)


def test_who_accepts_by_another_way_is_rung_no_more() -> None:
    agency = Agency(id="one", number="66", name="One", mail="a@b.example", voice="sip:a@192.0.2.1")
    room = Room(None, agency)
    incident = room.fire()
    one = room.tell(incident, agency)
    room.ends(one, NO_ANSWER, 1)
    room.dispatches.acknowledge(one, incident, AGENCY, 110.0)
    room.desk.timers.fire(1000.0)
    assert len(room.sender.sent) == 2, "the mail and the first call"
    assert room.row(one).deliveries[1].state is DeliveryState.CANCELLED
    assert room.sender.stopped == [(one.id, False)]
    room.desk.incidents.move(incident, IncidentState.RESOLVED, OPERATOR, 1200.0, "")
    assert room.sender.stopped[-1] == (one.id, True)


def test_a_key_accepts_once_and_nothing_that_is_over() -> None:
    room = Room(carrier=True)
    incident = room.fire()
    one = room.tell(incident, PMI)
    room.ends(one, Delivered("answered, accepted"))
    assert room.dispatches.accepted_by_phone(one.id, 110.0)
    assert not room.dispatches.accepted_by_phone(one.id, 111.0)
    kept = room.row(one)
    assert (kept.acknowledged_by, kept.acknowledged_at) == ("pmi", 110.0)
    assert incident.state is IncidentState.ACKNOWLEDGED
    assert room.kinds(incident).count("acknowledged") == 1
    room = Room(carrier=True)
    incident = room.fire()
    one = room.tell(incident, PMI)
    room.desk.incidents.move(incident, IncidentState.CANCELLED, OPERATOR, 120.0, "false alarm")
    assert not room.dispatches.accepted_by_phone(one.id, 121.0)


def test_the_row_says_when_the_first_message_has_arrived() -> None:
    room = Room()
    incident = room.fire()
    one, told = room.tell(incident), room.tell(incident, PMI)

    def arrived(one: Dispatch) -> float | None:
        at: float | None = room.desk.journal.tables[DISPATCHES][one.id]["arrived_at"]
        return at

    assert (arrived(one), arrived(told)) == (None, None)
    room.dispatches.acknowledge(told, incident, AGENCY, 100.5)
    assert arrived(told) == 100.5, "a person has told it, for it has accepted"
    room.ends(one, NEVER, 0, now=101.0)
    assert arrived(one) is None
    room.ends(one, Delivered("ok"), 1, now=102.0)
    assert arrived(one) == 102.0
    room.dispatches.acknowledge(one, incident, AGENCY, 200.0)
    assert arrived(one) == 102.0


def test_what_fails_is_tried_again_with_growing_gaps_and_by_one_at_a_time() -> None:
    room = Room()
    one = room.tell(room.fire(), BPBD)
    room.desk.timers.fire(150.0)
    assert len(room.sender.sent) == 1, "it is still on its way"
    now = 150.0
    for gap in RETRIES.gaps_s[:3]:
        room.ends(one, LATER, now=now)
        room.desk.timers.fire(now + gap - 0.1)
        sent = len(room.sender.sent)
        now += gap
        room.desk.timers.fire(now)
        assert len(room.sender.sent) == sent + 1
    assert room.row(one).deliveries[0].attempts == 3


def test_who_accepts_is_expected_to_report_and_a_report_that_is_late_is_told() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident, BPBD)
    room.ends(one, Delivered("ok"))
    room.dispatches.acknowledge(one, incident, AGENCY, 200.0)
    assert (incident.state, one.due_at) == (IncidentState.ACKNOWLEDGED, 200.0 + REPORT_S)
    with pytest.raises(IncidentRefused, match="BPBD has accepted already"):
        room.dispatches.acknowledge(one, incident, AGENCY, 201.0)
    room.desk.timers.fire(200.0 + REPORT_S)
    kept = room.row(one)
    assert kept.late_report and kept.settled_at == 200.0 + REPORT_S
    assert room.kinds(incident)[-2:] == ["report_late", "dispatch_settled"]
    assert incident.settled_at is not None and room.dispatches.open == {}


def test_nobody_accepts_so_the_chain_is_told_one_by_one_and_then_the_supervisor() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    for index in (0, 1):
        room.ends(one, Delivered("ok"), index)
    room.desk.timers.fire(100.0 + ACCEPT_S)
    assert one.state is DispatchState.OVERDUE
    assert one.deliveries[-1].address == "0341555113", "to be rung by a person"
    room.desk.timers.fire(100.0 + 2 * ACCEPT_S)
    assert room.sender.sent[-1] == ("damkar", "kepala@damkar.example")
    room.ends(one, Delivered("ok"), 3, now=701.0)
    room.desk.timers.fire(100.0 + 3 * ACCEPT_S)
    assert room.sender.sent[-1] == ("bpbd", "https://bpbd.example/112")
    (bpbd,) = [found for found in room.dispatches.open.values() if found.agency == "bpbd"]
    assert (bpbd.origin, bpbd.created_by) == ("damkar", "line")
    room.ends(bpbd, Delivered("ok"), now=1001.0)
    for _ in range(3):
        room.desk.timers.fire(2000.0)
    assert room.row(bpbd).state is DispatchState.OVERDUE and room.dispatches.open == {}
    assert room.kinds(incident).count("escalated") == 5, "each of the two in the end to nobody"
    assert (room.dispatches.overdue, room.dispatches.left_to_supervisor) == (2, 2)
    room.dispatches.acknowledge(room.row(one), incident, AGENCY, 3000.0)
    assert room.row(one).state is DispatchState.ACKNOWLEDGED, "late, but accepted"


def test_what_cannot_reach_an_agency_is_told_to_the_next_at_once() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    room.ends(one, NEVER, 0)
    assert one.state is DispatchState.SENDING, "the mail may arrive"
    room.ends(one, NEVER, 1)
    assert (one.state, len(one.deliveries)) == (DispatchState.OVERDUE, 3)
    assert room.kinds(incident)[-4:] == ["not_delivered", "not_delivered", "overdue", "escalated"]


def test_who_declines_makes_the_next_one_be_told_at_once() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    room.dispatches.decline(one, incident, AGENCY, 110.0, "no car")
    kept = room.row(one)
    assert (kept.state, kept.note) == (DispatchState.DECLINED, "no car")
    assert room.kinds(incident)[-2:] == ["declined", "escalated"]
    room.desk.timers.fire(110.0 + ACCEPT_S)
    assert room.sender.sent[-1] == ("damkar", "kepala@damkar.example"), "the next of the chain"


def test_what_is_on_its_way_to_who_has_accepted_arrives_with_its_receipt() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident, BPBD)
    room.dispatches.acknowledge(one, incident, AGENCY, 100.5)
    room.ends(one, Delivered("ok"), now=101.0)
    assert room.row(one).deliveries[0].receipt == "ok" and room.row(one).has_arrived


def test_who_declines_with_nobody_left_is_the_supervisor_s() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident, BPBD)
    room.dispatches.decline(one, incident, AGENCY, 110.0, "no car")
    assert room.row(one).state is DispatchState.OVERDUE
    assert (room.dispatches.overdue, room.dispatches.left_to_supervisor) == (0, 1)


def test_a_chain_of_agencies_is_told_one_after_the_other_until_one_accepts() -> None:
    first = msgspec.structs.replace(DAMKAR, chain=("bpbd", "pmi"))
    room = Room(None, first, BPBD, PMI)
    incident = room.fire()
    one = room.tell(incident, first)
    for index in (0, 1):
        room.ends(one, Delivered("ok"), index)
    room.desk.timers.fire(100.0 + ACCEPT_S)
    room.desk.timers.fire(100.0 + 2 * ACCEPT_S)
    found = {other.agency: other for other in room.dispatches.open.values()}
    assert found.keys() == {"damkar", "bpbd", "pmi"}
    room.dispatches.acknowledge(found["pmi"], incident, AGENCY, 800.0)
    assert room.row(one).state is DispatchState.RELIEVED, "nobody has to see to it any more"


def test_who_accepted_and_whose_incident_is_resolved_has_done_its_part() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident, BPBD)
    room.dispatches.acknowledge(one, incident, AGENCY, 110.0)
    room.desk.incidents.move(incident, IncidentState.RESOLVED, OPERATOR, 120.0, "")
    assert room.row(one).state is DispatchState.DONE
    with pytest.raises(IncidentRefused, match="is resolved; nobody can be sent"):
        room.tell(incident, PMI, 130.0)


def test_who_is_on_the_scene_has_reported() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident, BPBD)
    room.dispatches.acknowledge(one, incident, AGENCY, 110.0)
    room.desk.incidents.move(incident, IncidentState.ON_SCENE, OPERATOR, 120.0, "")
    room.desk.timers.fire(110.0 + REPORT_S)
    assert not room.row(one).late_report and room.row(one).settled_at == 120.0


def test_who_has_accepted_may_decline_later() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    room.dispatches.acknowledge(one, incident, AGENCY, 110.0)
    room.dispatches.decline(one, incident, AGENCY, 120.0, "broken down")
    assert room.kinds(incident)[-1] == "escalated"


def test_what_this_engine_has_settled_a_late_database_does_not_bring_back() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    stale = room.row(one).row()
    room.desk.incidents.move(incident, IncidentState.CANCELLED, OPERATOR, 120.0, "")
    room.dispatches.remember([stale], 130.0)
    assert room.dispatches.open == {}


def test_an_incident_that_is_over_needs_nobody_any_more() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    room.desk.incidents.move(incident, IncidentState.CANCELLED, OPERATOR, 120.0, "false alarm")
    assert room.row(one).state is DispatchState.CANCELLED and room.dispatches.open == {}
    room.ends(one, LATER, now=121.0)
    room.desk.timers.fire(5000.0)
    assert len(room.sender.sent) == 2
    assert incident.settled_at == 120.0
    with pytest.raises(IncidentRefused, match="is cancelled; nobody can be sent"):
        room.tell(incident, BPBD, 130.0)
    room.desk.incidents.move(incident, IncidentState.REOPENED, OPERATOR, 140.0, "fire again")
    assert room.tell(incident, DAMKAR, 141.0).state is DispatchState.SENDING


def test_an_agency_has_an_incident_once() -> None:
    room = Room()
    incident = room.fire()
    room.tell(incident)
    with pytest.raises(IncidentRefused, match="Damkar has incident 1970-000001 already"):
        room.tell(incident)


def test_the_next_engine_goes_on_where_this_one_stopped() -> None:
    room = Room()
    incident = room.fire()
    one = room.tell(incident)
    room.ends(one, Delivered("ok"), 0)
    room.ends(one, LATER, 1)  # to be tried again at 106
    after = room.next_engine(103.0)
    after.desk.timers.fire(105.0)
    assert after.sender.sent == []
    after.desk.timers.fire(106.0)
    assert after.sender.sent == [("damkar", "piket@damkar.example")]
    late = after.next_engine(5000.0)
    late.desk.timers.fire(5000.0)
    (kept,) = late.dispatches.open.values()
    assert kept.state is DispatchState.OVERDUE, "late by the outage"
    assert late.desk.journal.tables[INCIDENTS][incident.id]["settled_at"] is None


def test_what_was_on_its_way_when_an_engine_died_is_sent_again() -> None:
    room = Room()
    room.tell(room.fire(), BPBD)
    after = room.next_engine(101.0)
    after.desk.timers.fire(101.0)
    assert after.sender.sent == [("bpbd", "https://bpbd.example/112")]


def test_a_row_that_makes_no_sense_is_left_out() -> None:
    room = Room()
    room.dispatches.remember([{"id": "x", "state": "what"}], 100.0)
    assert room.dispatches.open == {}


def test_a_report_tells_no_number_that_its_caller_withholds() -> None:
    incident = Incident(
        id="i",
        number="2026-000001",
        place="Jalan Ijen 1",
        kecamatan="Klojen",
        lat=-7.97,
        lon=112.62,
        description="Asap",
        contacts=[Contact(number="0811"), Contact(number="0899", withheld=True)],
    )
    report = report_of(incident, "d", "damkar", "Kebakaran", "2026-11-29T22:00:00+07:00")
    assert report.callers == ("0811",)
    assert report.subject() == "112 2026-000001: Kebakaran, Jalan Ijen 1, Klojen"
    assert "Koordinat: -7.97000, 112.62000\nPelapor: 0811\nUraian: Asap" in report.text()
    assert "0899" not in report.text()


@given(st.text(max_size=20_000), st.text(max_size=400), st.integers(1, 500))
def test_what_is_read_out_is_bounded_and_holds_no_number(
    description: str, place: str, most: int
) -> None:
    incident = Incident(
        id="i",
        number="2026-000017",
        place=place.replace("08119", ""),
        description=description.replace("08119", ""),
        contacts=[Contact(number="08119")],
    )
    spoken = report_of(incident, "d", "damkar", "Kebakaran", "").spoken(most)
    assert len(spoken) <= most and "08119" not in spoken
    assert "Kejadian nomor 17 tahun 2026. Kebakaran. Prioritas 3".startswith(spoken[:40])


STEPS = st.lists(
    st.sampled_from(["arrives", "fails", "never", "time", "accept", "decline", "over", "dies"]),
    max_size=20,
)


@given(STEPS)
def test_whatever_happens_each_dispatch_is_settled_in_the_end(steps: list[str]) -> None:
    room, now = Room(), 100.0
    incident = room.fire()
    room.tell(incident)
    for step in steps:
        now += 60.0
        incident = msgspec.convert(room.desk.journal.tables[INCIDENTS][incident.id], Incident)
        _do(room, incident, step, now)
    for _ in range(60):
        now += 4 * 3600.0
        for one in list(room.dispatches.open.values()):
            for index in range(len(one.deliveries)):
                room.ends(one, LATER, index, now)
        room.desk.timers.fire(now)
    assert room.dispatches.open == {}
    rows: dict[str, Any] = room.desk.journal.tables[DISPATCHES]
    assert all(row["settled_at"] is not None for row in rows.values())
    row = room.desk.journal.tables[INCIDENTS][incident.id]
    assert row["dispatches"] == [] and row["settled_at"] is not None


def _do(room: Room, incident: Incident, step: str, now: float) -> None:
    open_ones = list(room.dispatches.open.values())
    waiting = [
        (one, index)
        for one in open_ones
        for index, delivery in enumerate(one.deliveries)
        if delivery.state is DeliveryState.WAITING
    ]
    attempts = {"arrives": Delivered("ok"), "fails": LATER, "never": NEVER}
    try:
        match step:
            case "arrives" | "fails" | "never" if waiting:
                room.ends(waiting[0][0], attempts[step], waiting[0][1], now)
            case "time":
                room.desk.timers.fire(now + 400.0)
            case "accept" if open_ones:
                room.dispatches.acknowledge(open_ones[0], incident, AGENCY, now)
            case "decline" if open_ones:
                room.dispatches.decline(open_ones[0], incident, AGENCY, now, "")
            case "over":
                room.desk.incidents.move(incident, IncidentState.RESOLVED, OPERATOR, now, "")
            case "dies":
                room.__dict__.update(room.next_engine(now).__dict__)
    except IncidentRefused:
        pass
