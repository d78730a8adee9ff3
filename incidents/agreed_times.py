"""By when something has to be done about a complaint or a question, in working days. Pure.

What is counted from is in the incident, computed from its timeline: it was forwarded, the agency
has reported, the citizen had a follow-up, the citizen has replied.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from acd.rules.complaints import ComplaintRules
from incidents.incident import Incident
from incidents.states import IncidentClass
from incidents.working_calendar import CalendarError, WorkingCalendar
from incidents.working_time import add_working_days, working_days_between


class DueFor(StrEnum):
    """What an agreed time is for."""

    FORWARD = "forward"  # an agency has to be told
    AGENCY = "agency"  # ... and has to report
    CLOSE = "close"  # it is closed, unless the citizen replies before


OVERDUE = (DueFor.FORWARD, DueFor.AGENCY)
"""What somebody is late with, once its time is over."""


class Due(msgspec.Struct, frozen=True):
    """The agreed time that runs; `at` in seconds since the epoch."""

    at: float
    what: DueFor


def answer_expected(incident: Incident, now: float) -> float | None:
    """Return by when there is an answer, as people may be told: none that is over already.

    That it will be forwarded, or is closed by itself, is no answer.
    """
    if incident.due_for != DueFor.AGENCY or incident.due_at is None or incident.due_at <= now:
        return None
    return incident.due_at


class AgreedTimes:
    """The city's times, counted in its working days."""

    def __init__(self, rules: ComplaintRules, calendar: WorkingCalendar) -> None:
        self.rules, self.calendar = rules, calendar

    def due(self, incident: Incident) -> Due | None:
        """Return the agreed time that runs for an incident, if one does."""
        rules = self.rules
        forward_days = {
            IncidentClass.COMPLAINT: rules.forward_days,
            IncidentClass.INFORMATION: rules.information_forward_days,
        }
        kind = incident.incident_class
        if kind not in forward_days or incident.state.is_over or incident.merged_into is not None:
            return None
        asked_at = incident.replied_at or incident.opened_at
        if incident.followed_up_at is not None:
            return self._after(incident.followed_up_at, rules.close_days, DueFor.CLOSE)
        if incident.forwarded_at is None:
            return self._after(asked_at, forward_days[kind], DueFor.FORWARD)
        if incident.reported_at is None:
            since = max(incident.forwarded_at, asked_at)
            return self._after(since, rules.agency_days, DueFor.AGENCY)
        return None

    def days_left(self, at: float, now: float) -> int:
        """Return in how many working days a time comes: 0 is today, -1 the last working day.

        Of a time that is over only the days after it count whose hours have begun.
        """
        due, today = _moment(at), _moment(now)
        if due >= today:
            return working_days_between(self.calendar, today, due)
        # the end of a day's hours belongs to that day
        on = self.calendar.day_of(due - timedelta(seconds=1))
        begun = 0
        for day, spans in self.calendar.working_days(on):
            if spans[0][0] > today:
                break
            begun += day > on
        return -begun

    def _after(self, since: float, days: int, what: DueFor) -> Due | None:
        if days == 0:
            return None
        try:
            end = add_working_days(self.calendar, _moment(since), days)
        except (ValueError, CalendarError):
            return None  # a clock far off, or a calendar without work: nothing can be agreed
        return Due(end.timestamp(), what)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
