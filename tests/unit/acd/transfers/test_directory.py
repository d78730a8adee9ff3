"""Whom a number means at a moment: agencies with hours, categories, operators, and refusals."""

from __future__ import annotations

import pytest
from factories import a_phone, an_operator
from fakes import FakeJournal

from acd.calls.target import Kind, Target
from acd.operators.operator import Device, Status
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.transfers.directory import Agency, Directory, Refusal, addresses_in_utc, open_at, problems

POLICE = Agency("Polresta", "0341366444", fallback="sip:jaga@192.0.2.1:5080", hours="07:00-15:30")


def a_roster() -> Roster:
    roster = Roster(FakeJournal())
    for number in ("101", "102", "103"):
        roster.add_phone(a_phone(number))
        roster.add_operator(an_operator(f"1{number}", phone=number))
    return roster


def at(clock: str) -> Directory:
    hour, _, minute = clock.partition(":")
    return Directory(
        agencies={"110": POLICE},
        categories={"92": "police"},
        local_minute=lambda _: int(hour) * 60 + int(minute),
    )


@pytest.mark.parametrize(
    ("hours", "clock", "open_"),
    [
        ("07:00-15:30", "07:00", True),
        ("07:00-15:30", "06:59", False),
        ("07:00-15:30", "15:30", False),
        ("22:00-06:00", "23:59", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("22:00-06:00", "12:00", False),
        ("00:00-24:00", "23:59", True),
    ],
)
def test_hours_may_go_over_midnight(hours: str, clock: str, open_: bool) -> None:
    hour, minute = clock.split(":")
    assert open_at(hours, int(hour) * 60 + int(minute)) is open_


def test_an_agency_is_rung_at_its_number_and_then_at_the_fallback() -> None:
    found = at("08:00").find("110", "1101", a_roster(), 100.0)
    assert isinstance(found, Target)
    assert (found.kind, found.addresses) == (
        Kind.AGENCY,
        ("tel:0341366444", "sip:jaga@192.0.2.1:5080"),
    )


def test_outside_its_hours_only_the_fallback_is_rung() -> None:
    found = at("20:00").find("110", "1101", a_roster(), 100.0)
    assert isinstance(found, Target)
    assert found.addresses == ("sip:jaga@192.0.2.1:5080",)


@pytest.mark.parametrize("number", ["1102", "102"])
def test_an_operator_is_found_by_own_number_and_by_the_phones(number: str) -> None:
    found = at("08:00").find(number, "1101", a_roster(), 100.0)
    assert isinstance(found, Target)
    assert (found.kind, found.operator, found.addresses) == (Kind.OPERATOR, "1102", ("102",))


@pytest.mark.parametrize(
    ("number", "before", "refusal"),
    [
        ("1101", "", Refusal.ONESELF),
        ("101", "", Refusal.ONESELF),
        ("1102", "paused", Refusal.PAUSED),
        ("1102", "logged out", Refusal.AWAY),
        ("102", "logged out", Refusal.AWAY),
        ("1102", "talking", Refusal.BUSY),
        ("1102", "phone in use", Refusal.BUSY),
        ("999", "", Refusal.NOWHERE),
        ("081234567", "", Refusal.FORBIDDEN),
        ("1234567", "", Refusal.FORBIDDEN),
        ("", "", Refusal.NOWHERE),
    ],
)
def test_what_cannot_be_has_its_reason(number: str, before: str, refusal: Refusal) -> None:
    roster = a_roster()
    second = roster.operators["1102"]
    match before:
        case "paused":
            second.status = Status.PAUSED
        case "logged out":
            second.status = Status.LOGGED_OUT
        case "talking":
            second.state = State.TALKING
        case "phone in use":
            roster.phones["102"].device = Device.IN_USE
    assert at("08:00").find(number, "1101", roster, 100.0) is refusal


def test_what_is_wrong_with_a_directory_is_told() -> None:
    wrong = Agency("X", "1", hours="7-9")
    found = problems({"11a": wrong, "92": POLICE}, {"92": "police", "x": "fire"})
    assert len(found) == 5
    assert problems({"110": POLICE}, {"92": "police"}) == []


@pytest.mark.parametrize(
    ("hours", "fallback", "rung"),
    [
        (None, "110", [("*", "0341"), ("*", "110")]),
        ("07:00-22:00", "110", [("00:00-15:00", "0341"), ("*", "110")]),
        ("22:00-06:00", "110", [("15:00-23:00", "0341"), ("*", "110")]),
        ("00:00-24:00", "110", [("*", "0341"), ("*", "110")]),
        ("07:00-22:00", None, [("*", "0341")]),
    ],
)
def test_the_hours_of_an_agency_are_told_in_utc_to_the_fallback(
    hours: str | None, fallback: str | None, rung: list[tuple[str, str]]
) -> None:
    agency = Agency("Polresta", "0341", fallback, hours)
    assert addresses_in_utc(agency, 420) == rung
