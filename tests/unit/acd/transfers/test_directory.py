"""Whom a number means at a moment: agencies with hours, categories, operators, and refusals."""

from __future__ import annotations

import pytest
from factories import a_phone, an_agency, an_operator
from fakes import FakeJournal

from acd.agencies.agency import Agency
from acd.agencies.register import Register
from acd.calls.target import Kind, Target
from acd.operators.operator import Device, Status
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.transfers.directory import Directory, Refusal, addresses_in_utc

POLICE = an_agency("110", fallback="sip:jaga@192.0.2.1:5080", hours="07:00-15:30")


def a_roster() -> Roster:
    roster = Roster(FakeJournal())
    for number in ("101", "102", "103"):
        roster.add_phone(a_phone(number))
        roster.add_operator(an_operator(f"1{number}", phone=number))
    return roster


def at(clock: str, *agencies: Agency, carrier: bool = True) -> Directory:
    hour, _, minute = clock.partition(":")
    return Directory(
        agencies=Register(agencies or [POLICE]),
        categories={"92": "police"},
        carrier=carrier,
        local_minute=lambda _: int(hour) * 60 + int(minute),
    )


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


@pytest.mark.parametrize(
    ("voice", "fallback", "carrier", "rung"),
    [
        ("0341", "110", True, ("tel:0341", "tel:110")),
        ("0341", "sip:a@b", False, ("sip:a@b",)),
        ("", "sip:a@b", True, ("sip:a@b",)),
        ("0341", "110", False, Refusal.AWAY),
        ("", "", True, Refusal.AWAY),
    ],
)
def test_an_agency_is_rung_by_what_can_be_dialled_and_is_else_away(
    voice: str, fallback: str, carrier: bool, rung: object
) -> None:
    directory = at("08:00", an_agency("110", voice=voice, fallback=fallback), carrier=carrier)
    found = directory.find("110", "1101", a_roster(), 100.0)
    assert (found.addresses if isinstance(found, Target) else found) == rung


def test_agencies_that_change_are_found_as_they_are_and_one_that_is_retired_is_not() -> None:
    directory = at("08:00")
    retired = an_agency("110", retired_at=50.0)
    directory.agencies.know([retired, an_agency("61", id="polresta", name="Polresta")])
    found = directory.find("61", "1101", a_roster(), 100.0)
    assert isinstance(found, Target) and found.name == "Polresta"
    assert directory.find("110", "1101", a_roster(), 100.0) is Refusal.NOWHERE
    assert directory.agencies.find("polresta") is directory.agencies.find("61") is not None
    assert directory.agencies.find(retired.id) is None


@pytest.mark.parametrize(
    ("hours", "fallback", "rung"),
    [
        ("", "110", [("*", "0341"), ("*", "110")]),
        ("07:00-22:00", "110", [("00:00-15:00", "0341"), ("*", "110")]),
        ("22:00-06:00", "110", [("15:00-23:00", "0341"), ("*", "110")]),
        ("00:00-24:00", "110", [("*", "0341"), ("*", "110")]),
        ("07:00-22:00", "", [("*", "0341")]),
    ],
)
def test_the_hours_of_an_agency_are_told_in_utc_to_the_fallback(
    hours: str, fallback: str, rung: list[tuple[str, str]]
) -> None:
    agency = an_agency(voice="0341", fallback=fallback, hours=hours)
    assert addresses_in_utc(agency, 420) == rung
