"""How it stands with an incident, for who asks by its number: which one is meant, and what is told.

Whoever asks hears at most the state, of a complaint or a question. Who has told of it hears the
agency and the expected date as well, and the state of an emergency; nobody hears a place, a name or
a text. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from acd.agencies.agency import AgencyKind
from acd.numbers.caller import same_caller
from incidents.agreed_times import answer_expected
from incidents.dispatch import Dispatch, DispatchState
from incidents.incident import Contact, Incident
from incidents.numbers import as_number, number_of
from incidents.states import IncidentClass, IncidentState

_TOLD_TO_ALL = (IncidentClass.COMPLAINT, IncidentClass.INFORMATION)
_HIDDEN = (IncidentClass.PRANK, IncidentClass.GHOST, IncidentClass.TEST)
_AT_WORK = (
    DispatchState.SENDING,
    DispatchState.SENT,
    DispatchState.ACKNOWLEDGED,
    DispatchState.DONE,
)
_ASKED = re.compile(r"(?:STATUS\s*[:#]?\s*(\d{1,4}-\d{1,9}|\d{1,13})|(\d{4}-\d{1,9}))", re.ASCII)
LONGEST_ASKED = 40
"""Characters of a message that may ask for a status."""


class SeveralMeant(Exception):
    """Digits may mean several incidents, and who asks has told of none of them."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of an incident. `agency`: its id, `agency_kind`: what it is for.

    `expected_at`: by when there is an answer, seconds since the epoch. All three None for who is no
    contact.
    """

    number: str
    state: IncidentState
    is_contact: bool = False
    agency: str | None = None
    agency_kind: AgencyKind | None = None
    expected_at: float | None = None


def numbers_meant(typed: str, year: int) -> list[str]:
    """Return the numbers that may be meant by digits, with or without the year; likely ones first.

    Without a year it is this year's, or else last year's.
    """
    if "-" in typed:
        meant = as_number(typed)
        return [] if meant is None else [meant]
    if not typed.isdecimal() or not typed.isascii() or not 0 < len(typed) <= 13:
        return []
    found = []
    if len(typed) > 4 and abs(int(typed[:4]) - year) <= 10:
        found.append(number_of(int(typed[:4]), int(typed[4:])))
    if len(typed) <= 9 and int(typed):
        found += [number_of(one, int(typed)) for one in (year, year - 1)]
    return found


def chosen(are_mine: Sequence[bool]) -> int | None:
    """Return which one is meant of the incidents that there are, likely ones first; None: no one.

    `are_mine`: of each, whether who asks has told of it. Raises SeveralMeant.
    """
    if True in are_mine:
        return are_mine.index(True)
    if len(are_mine) > 1:
        raise SeveralMeant
    return 0 if are_mine else None


def asked_in(text: str) -> str | None:
    """Return the number that a message asks for: `STATUS 2026-123`, or the bare number."""
    if len(text) > LONGEST_ASKED:
        return None
    found = _ASKED.fullmatch(text.strip().upper())
    return None if found is None else found[1] or found[2]


def is_contact(incidents: Iterable[Incident], caller: str, country: str) -> bool:
    """Whether a number has told of one of the incidents."""
    mine = same_caller(caller, country)
    contacts: Iterable[Contact] = (one for incident in incidents for one in incident.contacts)
    return mine is not None and any(same_caller(one.number, country) == mine for one in contacts)


def status_of(
    incident: Incident,
    worked_on: Incident,
    dispatches: Iterable[Dispatch],
    *,
    contact: bool,
    kinds: dict[str, AgencyKind],
    now: float,
) -> Status | None:
    """Return how it stands with an incident; None for what is not told of to who asks.

    `worked_on`: the one that stands in its place, or itself, with its `dispatches`. `contact`: who
    asks has told of it. `kinds`: of the agencies, by their ids.
    """
    if worked_on.incident_class in _HIDDEN or incident.incident_class in _HIDDEN:
        return None
    if not contact and not {worked_on.incident_class, incident.incident_class} <= set(_TOLD_TO_ALL):
        return None
    if not contact:
        return Status(number=incident.number, state=worked_on.state)
    at_work = [one.agency for one in dispatches if one.state in _AT_WORK]
    agency = at_work[-1] if at_work else None
    return Status(
        number=incident.number,
        state=worked_on.state,
        is_contact=True,
        agency=agency,
        agency_kind=None if agency is None else kinds.get(agency, AgencyKind.OTHER),
        expected_at=answer_expected(worked_on, now),
    )
