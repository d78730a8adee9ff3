"""The incident: made by its timeline, its states one table, its numbers never given twice."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.states import IllegalMove
from acd.rules.dispositions import INCIDENT_CLASSES
from incidents.incident import Contact, Entry, EntryKind, Incident, apply, fold
from incidents.numbers import LAST_NUMBER, Numbers, as_number
from incidents.states import INCIDENT_MOVES, IncidentClass, IncidentState

ZONE = ZoneInfo("Asia/Jakarta")
NEW_YEAR = datetime(2027, 1, 1, tzinfo=ZONE).timestamp()


def an_entry(seq: int, kind: EntryKind, **data: Any) -> Entry:
    return Entry(
        incident_id="i", seq=seq, at=100.0 + seq, kind=kind, by="1001", source="phone", data=data
    )


def timeline(*steps: tuple[EntryKind, dict[str, Any]]) -> list[Entry]:
    return [an_entry(seq, kind, **data) for seq, (kind, data) in enumerate(steps, 1)]


OPENED = (
    EntryKind.OPENED,
    {"number": "2026-000001", "calls": ["c"], "category": "fire", "contact": {"number": "0811"}},
)


def test_every_state_has_its_moves_and_what_is_over_can_only_be_reopened() -> None:
    assert INCIDENT_MOVES.keys() == set(IncidentState)
    for state in IncidentState:
        if state.is_over:
            assert INCIDENT_MOVES[state] == {IncidentState.REOPENED}


def test_all_that_happens_to_an_incident_is_in_its_record() -> None:
    incident = fold(
        "i",
        timeline(
            OPENED,
            (EntryKind.CODED, {"class": "emergency", "category": "fire_building"}),
            (EntryKind.DESCRIBED, {"description": "smoke on the second floor"}),
            (EntryKind.LOCATED, {"place": "Jalan Ijen 1", "kelurahan": "Oro-oro Dowo"}),
            (EntryKind.PRIORITISED, {"priority": 1}),
            (EntryKind.CONTACT, {"number": "0812", "name": "Sri", "wants_outcome": True}),
            (EntryKind.CONTACT, {"number": "0811", "name": "Budi"}),
            (EntryKind.ANSWERED, {"question": "inside", "answer": "yes"}),
            (EntryKind.CALL_LINKED, {"call_id": "d"}),
            (EntryKind.CALL_UNLINKED, {"call_id": "c"}),
            (EntryKind.MOVED, {"state": "cancelled", "reason": "false alarm"}),
        ),
    )
    assert incident == Incident(
        id="i",
        number="2026-000001",
        state=IncidentState.CANCELLED,
        incident_class=IncidentClass.EMERGENCY,
        category="fire_building",
        priority=1,
        opened_at=101.0,
        opened_by="1001",
        description="smoke on the second floor",
        place="Jalan Ijen 1",
        kelurahan="Oro-oro Dowo",
        contacts=[
            Contact(number="0811", name="Budi"),
            Contact(number="0812", name="Sri", wants_outcome=True),
        ],
        answers={"inside": "yes"},
        call_ids=["d"],
        coded_at=102.0,
        settled_at=102.0,
        changed_at=111.0,
        over_at=111.0,
        version=11,
    )
    assert msgspec.convert(incident.row(), Incident) == incident


def test_a_code_that_is_taken_back_leaves_it_without_one() -> None:
    coded = fold("i", timeline(OPENED, (EntryKind.CODED, {"class": "prank"})))
    assert coded.coded_at == 102.0
    apply(coded, an_entry(3, EntryKind.CODED, **{"class": None}))
    assert (coded.incident_class, coded.coded_at, coded.category) == (None, None, "fire")


def test_a_move_that_is_not_in_the_table_changes_nothing() -> None:
    closed = fold("i", timeline(OPENED, (EntryKind.MOVED, {"state": "closed"})))
    before = closed.row()
    with pytest.raises(IllegalMove, match="closed cannot become dispatched"):
        apply(closed, an_entry(3, EntryKind.MOVED, state="dispatched"))
    assert closed.row() == before
    apply(closed, an_entry(3, EntryKind.MOVED, state="reopened"))
    assert (closed.state, closed.over_at) == (IncidentState.REOPENED, None)


@given(st.lists(st.sampled_from(list(IncidentState)), max_size=12))
def test_only_moves_of_the_table_are_made(wanted: list[IncidentState]) -> None:
    incident = fold("i", timeline(OPENED))
    for seq, state in enumerate(wanted, 2):
        before = incident.state
        try:
            apply(incident, an_entry(seq, EntryKind.MOVED, state=state.value))
        except IllegalMove:
            assert state not in INCIDENT_MOVES[before] and incident.state is before
        else:
            assert incident.state is state
            assert state in INCIDENT_MOVES[before] or state is before


def test_numbers_grow_and_begin_anew_with_the_year_of_the_line_s_zone() -> None:
    facts: dict[str, Any] = {}
    numbers = Numbers(facts.__setitem__, ZONE)
    assert numbers.next(NEW_YEAR - 1) == "2026-000001"
    assert numbers.next(NEW_YEAR - 1) == "2026-000002"
    assert numbers.next(NEW_YEAR) == "2027-000001"
    assert numbers.next(NEW_YEAR - 1) == "2027-000002", "the clock was set back"
    assert facts == {LAST_NUMBER: "2027-000002"}


def test_a_number_that_was_given_before_is_never_given_again() -> None:
    numbers = Numbers(lambda key, value: None, ZONE)
    for known in ("2026-000041", "2026-000007", None, "", "what", "2025-000900"):
        numbers.know(known)
    assert numbers.next(NEW_YEAR - 1) == "2026-000042"


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("2026-000123", "2026-000123"),
        (" 2026-123 ", "2026-000123"),
        ("2026123", "2026-000123"),
        ("2026", None),
        ("26-123", None),
        ("0190f8a3c1d2e", None),
    ],
)
def test_a_number_is_understood_as_people_type_it(typed: str, number: str | None) -> None:
    assert as_number(typed) == number


def test_dispositions_know_the_classes_of_incidents() -> None:
    assert {*INCIDENT_CLASSES} == {one.value for one in IncidentClass} - {IncidentClass.UNCODED}
