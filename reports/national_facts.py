"""What the national report needs to know of calls, incidents and agencies; and its month. Pure.

No number, name or text of a person is among it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from reports.errors import BadQuestion


class Month(NamedTuple):
    """A month of the line's own calendar."""

    year: int
    month: int

    @property
    def name(self) -> str:
        """As people write it: 2026-11."""
        return f"{self.year:04}-{self.month:02}"

    def begin(self, zone: ZoneInfo) -> datetime:
        """Its first moment in a time zone."""
        return datetime(self.year, self.month, 1, tzinfo=zone)

    def end(self, zone: ZoneInfo) -> datetime:
        """The first moment after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1).begin(zone)


def month_of(text: str) -> Month:
    """Return the month that a person means by 2026-11; raises BadQuestion."""
    year, _, month = text.partition("-")
    fits = [len(year), len(month)] == [4, 2] and text.isascii() and (year + month).isdigit()
    if not fits or not 1970 <= int(year) < 9999 or not 1 <= int(month) <= 12:
        raise BadQuestion(f"{text[:40]!r} is no month; give one like 2026-11.")
    return Month(int(year), int(month))


class About(NamedTuple):
    """What is counted of an incident, for itself and for its calls."""

    incident_class: str | None
    category: str | None
    kecamatan: str | None
    has_point: bool


class Agency(NamedTuple):
    """An agency as it stands in the table; one that is retired only if it was told."""

    id: str
    name: str
    in_use: bool = True


class CallFacts(NamedTuple):
    """What is counted of a call that was offered; `about`: its incident, after all merges."""

    arrived_at: datetime
    ended_at: datetime | None
    outcome: str | None
    wait_ms: int | None
    kecamatan: str | None
    has_point: bool
    about: About | None = None


class DispatchFacts(NamedTuple):
    """What is counted of an agency that was told. `overdue`: nobody accepted in the agreed time."""

    agency: str
    state: str
    told_at: datetime
    reached: bool
    accepted_at: datetime | None = None
    declined_at: datetime | None = None
    overdue: bool = False


class IncidentFacts(NamedTuple):
    """What is counted of an incident. `moves`: its states with their times, in this order."""

    opened_at: datetime
    state: str
    merged: bool
    about: About
    moves: Sequence[tuple[datetime, str]] = ()
    dispatches: Sequence[DispatchFacts] = ()
