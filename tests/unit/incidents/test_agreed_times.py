"""Agreed times of complaints in working days: what begins, moves and ends them, and the closing."""

from __future__ import annotations

import contextlib
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from factories import AGREED_TIMES, LineDesk
from hypothesis import given
from hypothesis import strategies as st

from acd.config_file import DistributionError, load_distribution
from acd.rules.complaints import ComplaintRules
from incidents.agreed_times import AgreedTimes, DueFor
from incidents.book import By
from incidents.complaints import NO_REPLY, Complaints
from incidents.errors import IncidentRefused
from incidents.incident import (
    REFERENCES_OF,
    TIMELINE,
    Entry,
    EntryKind,
    Incident,
    Reference,
    fold,
)
from incidents.states import IncidentClass, IncidentState

BY = By("supervisor", "api")
ZONE = ZoneInfo("Asia/Jakarta")


def at(shown: str) -> float:
    return datetime.fromisoformat(f"2026-{shown}").replace(tzinfo=ZONE).timestamp()


def shown(moment: float | None) -> str | None:
    return None if moment is None else f"{datetime.fromtimestamp(moment, ZONE):%m-%d %H:%M}"


MONDAY = at("11-02 09:00")


class Case:
    """A complaint of Monday the 2nd of November, 9:00, and what is done with it."""

    def __init__(self, incident_class: IncidentClass = IncidentClass.COMPLAINT) -> None:
        self.desk = LineDesk()
        self.book = self.desk.incidents
        self.complaints = Complaints(self.desk.journal, self.book, AGREED_TIMES)
        self.incident = self.book.open({"description": "Lampu jalan mati"}, BY, MONDAY)
        self.book.code(self.incident, incident_class, BY, MONDAY)

    @property
    def due(self) -> tuple[str | None, str | None]:
        return self.incident.due_for, shown(self.incident.due_at)

    def happens(self, kind: EntryKind, when: str, **data: Any) -> None:
        self.book.change(self.incident, kind, BY, at(when), data)

    def moves(self, state: str, when: str) -> None:
        self.happens(EntryKind.MOVED, when, state=state, reason="")

    def forwarded(self, when: str) -> None:
        self.happens(EntryKind.DISPATCHED, when, dispatch="d", agency="dinas", ways=[])
        self.moves("dispatched", when)

    def entries(self) -> list[Entry]:
        rows = self.desk.journal.tables[TIMELINE].values()
        return sorted((msgspec.convert(row, Entry) for row in rows), key=lambda one: one.seq)

    def look(self, when: str) -> bool:
        return self.complaints.look(self.incident, at(when))


def test_a_complaint_goes_through_its_agreed_times() -> None:
    case = Case()
    assert case.due == ("forward", "11-05 16:00")
    case.forwarded("11-04 10:00")
    assert case.due == ("agency", "11-11 16:00")
    case.moves("acknowledged", "11-05 10:00")
    assert case.due == ("agency", "11-11 16:00"), "to accept is not to report"
    case.moves("on_scene", "11-06 10:00")
    assert case.due == (None, None)
    case.moves("resolved", "11-09 10:00")
    assert case.due == ("close", "11-23 16:00")
    case.moves("closed", "11-10 10:00")
    assert case.due == (None, None)


def test_a_reply_and_a_reopening_begin_the_agency_s_time_anew() -> None:
    case = Case()
    case.forwarded("11-03 10:00")
    case.happens(EntryKind.NOTED, "11-04 10:00", text="x", reply=True)
    assert case.due == ("agency", "11-10 16:00"), "before a follow-up there is nothing to reply to"
    case.happens(EntryKind.NOTED, "11-09 10:00", text="Diperbaiki", follow_up=True)
    assert case.due == ("close", "11-23 16:00")
    case.happens(EntryKind.CALL_LINKED, "11-10 10:00", call_id="c2")
    assert case.due == ("agency", "11-17 16:00")
    case.moves("resolved", "11-11 10:00")
    assert case.due == ("close", "11-25 16:00")
    case.moves("reopened", "11-12 10:00")
    assert case.due == ("agency", "11-19 16:00")


@pytest.mark.parametrize(
    ("what", "due"),
    [
        (IncidentClass.INFORMATION, (None, None)),
        (IncidentClass.EMERGENCY, (None, None)),
        (IncidentClass.PRANK, (None, None)),
        (IncidentClass.COMPLAINT, ("forward", "11-05 16:00")),
    ],
)
def test_only_complaints_have_a_time_to_be_forwarded_as_shipped(
    what: IncidentClass, due: tuple[str | None, str | None]
) -> None:
    assert Case(what).due == due


def test_a_question_that_an_agency_has_is_due_like_a_complaint() -> None:
    case = Case(IncidentClass.INFORMATION)
    case.forwarded("11-03 10:00")
    assert case.due == ("agency", "11-10 16:00")


def test_coded_as_something_else_nothing_is_due_and_coded_back_all_is() -> None:
    case = Case()
    case.book.code(case.incident, IncidentClass.PRANK, BY, at("11-03 10:00"))
    assert case.due == (None, None)
    case.book.code(case.incident, IncidentClass.COMPLAINT, BY, at("11-04 10:00"))
    assert case.due == ("forward", "11-05 16:00"), "from the receipt, whenever it was coded"


def test_merged_nothing_is_due_and_unmerged_it_is_again() -> None:
    case = Case()
    into = case.book.open({}, BY, MONDAY)
    case.book.merge(case.incident, into, BY, at("11-03 10:00"))
    assert case.due == (None, None)
    case.book.unmerge(case.incident, into, BY, at("11-03 11:00"))
    assert case.due == ("forward", "11-05 16:00")


def test_it_is_closed_once_after_ten_working_days_without_a_reply() -> None:
    case = Case()
    case.moves("resolved", "11-09 10:00")
    assert not case.look("11-23 15:59")
    assert case.incident.state is IncidentState.RESOLVED
    assert case.look("11-23 16:00")
    assert not case.look("11-23 16:01")
    closings = [one for one in case.entries() if one.data.get("state") == "closed"]
    assert [(one.by, one.data["reason"]) for one in closings] == [("line", NO_REPLY)]


def test_a_follow_up_while_an_agency_is_at_work_is_resolved_and_closed() -> None:
    case = Case()
    case.forwarded("11-03 10:00")
    case.happens(EntryKind.NOTED, "11-09 10:00", text="Diperbaiki", follow_up=True)
    assert case.look("11-23 16:00")
    states = [one.data["state"] for one in case.entries() if one.kind is EntryKind.MOVED]
    assert states == ["dispatched", "resolved", "closed"]


@pytest.mark.parametrize("comes", ["reopened", "reply"])
def test_a_time_that_was_read_before_a_reopening_or_a_reply_closes_nothing(comes: str) -> None:
    case = Case()
    case.moves("resolved", "11-09 10:00")
    read = msgspec.convert(case.incident.row() | {"words": None}, Incident)  # as a page had it
    if comes == "reopened":
        case.moves("reopened", "11-23 15:00")
    else:
        case.happens(EntryKind.NOTED, "11-23 15:00", text="belum", reply=True)
    assert not case.complaints.look(read, at("11-23 16:00"))
    assert case.incident.state is not IncidentState.CLOSED
    assert case.due[0] == "forward", "nobody was told yet"


def test_reopened_after_the_closing_it_is_not_closed_again_by_the_old_time() -> None:
    case = Case()
    case.forwarded("11-03 10:00")
    case.moves("resolved", "11-09 10:00")
    assert case.look("11-23 16:00")
    case.moves("reopened", "11-24 10:00")
    assert not case.look("11-24 10:01") and not case.look("12-31 10:00")
    assert case.incident.state is IncidentState.REOPENED
    case.moves("resolved", "11-25 10:00")
    assert not case.look("12-09 15:59") and case.look("12-09 16:00")


def test_a_calendar_that_was_changed_moves_the_time_before_it_closes_anything() -> None:
    case = Case()
    case.moves("resolved", "11-09 10:00")
    holidays = {**AGREED_TIMES.calendar.holidays, date(2026, 11, 20): "Pilkada"}
    calendar = msgspec.structs.replace(AGREED_TIMES.calendar, holidays=holidays)
    case.book._due = AgreedTimes(ComplaintRules(), calendar).due
    case.complaints = Complaints(
        case.desk.journal, case.book, AgreedTimes(ComplaintRules(), calendar)
    )
    assert not case.look("11-23 16:00")
    assert case.due == ("close", "11-24 16:00")
    assert case.entries()[-1].kind is EntryKind.DUE
    assert case.look("11-24 16:00")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just(EntryKind.MOVED), st.sampled_from([one.value for one in IncidentState])),
        st.tuples(st.just(EntryKind.NOTED), st.sampled_from(["follow_up", "reply", ""])),
        st.tuples(st.just(EntryKind.CODED), st.sampled_from(["complaint", "prank", None])),
        st.tuples(st.just(EntryKind.DISPATCHED), st.just("")),
        st.tuples(st.just(EntryKind.REFERENCED), st.sampled_from(["LAPOR", "SAMBAT"])),
    ),
    max_size=12,
)


@given(STEPS, st.lists(st.integers(0, 20 * 86_400), min_size=12, max_size=12))
def test_the_record_with_its_agreed_time_is_what_the_timeline_says(
    steps: list[tuple[EntryKind, Any]], gaps: list[int]
) -> None:
    case, now = Case(), MONDAY
    for (kind, what), gap in zip(steps, gaps, strict=False):
        now += gap
        data: dict[str, Any] = {
            EntryKind.MOVED: {"state": what, "reason": ""},
            EntryKind.NOTED: {"text": "x", what: True},
            EntryKind.CODED: {"class": what},
            EntryKind.DISPATCHED: {"dispatch": f"d{now}", "agency": "a", "ways": []},
            EntryKind.REFERENCED: {"system": what, "reference": str(gap)},
        }[kind]
        with contextlib.suppress(IncidentRefused):
            case.book.change(case.incident, kind, BY, now, data)
        one = case.incident
        assert fold(one.id, case.entries()) == one
        due = AGREED_TIMES.due(one)
        assert (one.due_at, one.due_for) == ((due.at, due.what) if due else (None, None))
        assert due is None or due.at > one.opened_at
        if one.followed_up_at is None:
            assert one.due_for != DueFor.CLOSE


def test_days_left_are_working_days() -> None:
    due = at("11-23 16:00")  # a Monday
    assert AGREED_TIMES.days_left(due, at("11-23 15:00")) == 0
    assert AGREED_TIMES.days_left(due, at("11-20 15:00")) == 1
    assert AGREED_TIMES.days_left(due, at("11-24 09:00")) == -1


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("11-20 17:00", 0),  # the Friday on which it was due
        ("11-21 12:00", 0),
        ("11-23 06:00", 0),  # Monday, before the offices open
        ("11-23 09:00", -1),
        ("11-23 20:00", -1),
        ("11-24 09:00", -2),
    ],
)
def test_days_that_have_not_begun_are_not_gone(now: str, days: int) -> None:
    assert AGREED_TIMES.days_left(at("11-20 16:00"), at(now)) == days


@pytest.mark.parametrize("days", [-1, 251])
def test_days_that_make_no_sense_are_refused(tmp_path: Any, days: int) -> None:
    file = tmp_path / "distribution.toml"
    file.write_text(f"[complaints]\nagency_days = {days}\n")
    with pytest.raises(DistributionError, match="agency_days must be between 0 and 250"):
        load_distribution(file)


def test_zero_days_is_no_time_at_all() -> None:
    case = Case()
    times = AgreedTimes(ComplaintRules(forward_days=0, close_days=0), AGREED_TIMES.calendar)
    assert times.due(case.incident) is None
    case.moves("resolved", "11-09 10:00")
    assert times.due(case.incident) is None


def test_references_are_kept_each_once_found_by_a_row_and_taken_back() -> None:
    case = Case()
    for system, name in (("LAPOR", "123"), ("SAMBAT", "A-7"), ("LAPOR", "123"), ("LAPOR", "124")):
        case.happens(EntryKind.REFERENCED, "11-03 10:00", system=system, reference=name)
    case.happens(EntryKind.REFERENCED, "11-03 11:00", system="LAPOR", reference="124", removed=True)
    assert case.incident.references == [
        Reference(system="SAMBAT", reference="A-7"),
        Reference(system="LAPOR", reference="123"),
    ]
    rows = case.desk.journal.tables[REFERENCES_OF].values()
    assert {(one["system"], one["reference"]) for one in rows} >= {("LAPOR", "123")}
    for number in range(18):
        case.happens(EntryKind.REFERENCED, "11-04 10:00", system="X", reference=str(number))
    with pytest.raises(IncidentRefused, match="has 20 of these already"):
        case.happens(EntryKind.REFERENCED, "11-04 10:00", system="X", reference="more")


@pytest.mark.parametrize("state", ["dispatched", "acknowledged", "on_scene"])
def test_what_is_moved_on_by_hand_was_forwarded(state: str) -> None:
    case = Case()
    assert case.due[0] == "forward"
    case.book.move(case.incident, IncidentState(state), BY, at("11-03 09:00"), "")
    assert shown(case.incident.forwarded_at) == "11-03 09:00"
    assert case.due[0] == (None if state == "on_scene" else "agency")
