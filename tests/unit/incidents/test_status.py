"""Which incident is meant by a typed number, and what is told of it to whom."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.agency import AgencyKind
from incidents.dispatch import Dispatch, DispatchState
from incidents.incident import Contact, Incident
from incidents.states import IncidentClass, IncidentState
from incidents.status import (
    SeveralMeant,
    Status,
    asked_in,
    chosen,
    is_contact,
    numbers_meant,
    status_of,
)
from ivr.spoken_status import spoken_status

ZONE = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("123", ["2026-000123", "2025-000123"]),
        ("2026123", ["2026-000123", "2026-2026123", "2025-2026123"]),
        ("2025000007", ["2025-000007"]),
        ("2026-123", ["2026-000123"]),
        ("0", []),
        ("", []),
        ("12345678901234", []),
        ("\u0661\u0662", []),
        ("x", []),
    ],
)
def test_a_number_may_be_typed_with_or_without_its_year(typed: str, meant: list[str]) -> None:
    assert numbers_meant(typed, 2026) == meant


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("STATUS 2026-123", "2026-123"),
        (" status: 123 \n", "123"),
        ("Status#2026000123", "2026000123"),
        ("2026-123", "2026-123"),
        ("123", None),
        ("2026123", None),
        ("STATUS", None),
        ("status kebakaran 12", None),
        ("tolong 2026-123", None),
        ("STATUS 2026-123 tolong ada kebakaran", None),
        ("STATUS " + "1" * 500, None),
        ("STATUS \u0661\u0662\u0663", None),
    ],
)
def test_a_message_asks_for_a_status_only_if_it_says_nothing_else(
    text: str, number: str | None
) -> None:
    assert asked_in(text) == number


@given(st.text())
def test_no_text_is_any_trouble(text: str) -> None:
    asked_in(text)
    numbers_meant(text, 2026)


def an_incident(**changes: object) -> Incident:
    one = Incident(
        id="i",
        number="2026-000123",
        state=IncidentState.ACKNOWLEDGED,
        incident_class=IncidentClass.COMPLAINT,
        contacts=[Contact(number="08123456789", name="Budi")],
        due_at=datetime(2026, 12, 3, 16, tzinfo=ZONE).timestamp(),
        due_for="agency",
    )
    for name, value in changes.items():
        setattr(one, name, value)
    return one


SENT = [
    Dispatch(id="d1", incident_id="i", agency="damkar", state=DispatchState.DECLINED),
    Dispatch(id="d2", incident_id="i", agency="pu", state=DispatchState.ACKNOWLEDGED),
    Dispatch(id="d3", incident_id="i", agency="x", state=DispatchState.RELIEVED),
]
NOW = datetime(2026, 11, 30, tzinfo=ZONE).timestamp()
KINDS = {"pu": AgencyKind.WORKS}


def test_a_contact_is_told_the_agency_and_the_date_and_others_the_state_alone() -> None:
    one = an_incident()
    mine = status_of(one, one, SENT, contact=True, kinds=KINDS, now=NOW)
    assert mine == Status(
        number=one.number,
        state=IncidentState.ACKNOWLEDGED,
        is_contact=True,
        agency="pu",
        agency_kind=AgencyKind.WORKS,
        expected_at=one.due_at,
    )
    assert spoken_status(mine, "en", ZONE) == (
        *("en/status_acknowledged", "en/status_agency_works"),
        *("en/status_by", "en/day_3", "en/month_12"),
    )
    others = status_of(one, one, SENT, contact=False, kinds=KINDS, now=NOW)
    assert others is not None and spoken_status(others, "id", ZONE) == ("status_acknowledged",)


@pytest.mark.parametrize(
    ("due_for", "now"), [("close", NOW), ("forward", NOW), ("agency", NOW + 30 * 86400)]
)
def test_what_is_no_answer_or_is_over_is_no_expected_date(due_for: str, now: float) -> None:
    one = an_incident(due_for=due_for)
    found = status_of(one, one, [], contact=True, kinds=KINDS, now=now)
    assert found is not None and found.expected_at is None and found.agency is None


@pytest.mark.parametrize("what", [IncidentClass.EMERGENCY, IncidentClass.UNCODED, None])
def test_of_emergencies_only_their_contacts_are_told(what: IncidentClass | None) -> None:
    hidden, shown = an_incident(incident_class=what), an_incident()
    for one, worked_on in ((hidden, hidden), (shown, hidden), (hidden, shown)):
        assert status_of(one, worked_on, [], contact=False, kinds=KINDS, now=NOW) is None
        assert status_of(one, worked_on, [], contact=True, kinds=KINDS, now=NOW) is not None


def test_of_several_the_own_one_is_meant_and_among_others_none_is_guessed() -> None:
    assert chosen([]) is None and chosen([False]) == 0
    assert chosen([False, True]) == 1 and chosen([True, False]) == 0
    with pytest.raises(SeveralMeant):
        chosen([False, False])


@pytest.mark.parametrize("what", [IncidentClass.PRANK, IncidentClass.GHOST, IncidentClass.TEST])
def test_of_pranks_nothing_is_told(what: IncidentClass) -> None:
    one = an_incident(incident_class=what)
    assert status_of(one, one, [], contact=True, kinds=KINDS, now=NOW) is None


def test_a_merged_one_has_the_state_of_the_one_that_stands_for_it() -> None:
    one = an_incident(merged_into="j")
    other = an_incident(number="2026-000200", state=IncidentState.RESOLVED, contacts=[])
    found = status_of(one, other, [], contact=True, kinds=KINDS, now=NOW)
    assert found is not None and (found.number, found.state) == ("2026-000123", "resolved")
    assert is_contact((one, other), "+62 812-3456-789", "ID")
    assert not is_contact((one, other), "", "ID") and not is_contact((one,), "0812", "ID")
