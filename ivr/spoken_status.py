"""How it stands with an incident as a citizen hears it: the state, the agency, a date. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from acd.agencies.agency import AgencyKind
from acd.languages import in_language
from incidents.states import IncidentState
from incidents.status import Status

BY = "status_by"
STATES = {state: f"status_{state.value}" for state in IncidentState}
AGENCIES = {kind: f"status_agency_{kind.value}" for kind in AgencyKind}
DAYS = tuple(f"day_{day}" for day in range(1, 32))
MONTHS = tuple(f"month_{month}" for month in range(1, 13))
PROMPTS = (BY, *STATES.values(), *AGENCIES.values(), *DAYS, *MONTHS)


def spoken_status(status: Status, language: str, zone: ZoneInfo) -> tuple[str, ...]:
    """Return the prompts that tell it, in a language."""
    said = [STATES[status.state]]
    if status.agency_kind is not None:
        said.append(AGENCIES[status.agency_kind])
    if status.expected_at is not None:
        day = datetime.fromtimestamp(status.expected_at, zone)
        said += [BY, DAYS[day.day - 1], MONTHS[day.month - 1]]
    return tuple(in_language(one, language) for one in said)
