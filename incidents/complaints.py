"""Closes complaints and questions whose citizen has not replied to the follow-up in time.

The stored time only says at which incidents to look. Whether one is closed is decided here, by the
incident as it is at that moment: after a reply, or a reopening, no time is over, whatever was
stored before.
"""

from __future__ import annotations

from acd.calls.journal import Journal
from incidents.agreed_times import AgreedTimes, DueFor
from incidents.book import By, IncidentBook
from incidents.incident import EntryKind, Incident
from incidents.states import INCIDENT_MOVES, IncidentState

_BY_THE_LINE = By()
NO_REPLY = "no reply to the follow-up in the agreed time"


class Complaints:
    """Called on the writer's turn."""

    def __init__(self, journal: Journal, book: IncidentBook, agreed: AgreedTimes) -> None:
        self._journal, self._book, self._agreed = journal, book, agreed

    def look(self, incident: Incident, now: float) -> bool:
        """Close an incident if its time is over; returns whether it was closed.

        `incident`: as the database has it; what is in hand counts. Where the calendar gives another
        time by now than the one that is stored, that one is kept.
        """
        incident = self._book.in_hand.get(incident.id, incident)
        due = self._agreed.due(incident)
        stored = incident.due_at, incident.due_for
        if stored != ((None, None) if due is None else (due.at, due.what.value)):
            self._book.note(incident, EntryKind.DUE, _BY_THE_LINE, now, {})
        if due is None or due.what is not DueFor.CLOSE or due.at > now:
            return False
        with self._journal.together():
            if IncidentState.CLOSED not in INCIDENT_MOVES[incident.state]:
                self._book.move(incident, IncidentState.RESOLVED, _BY_THE_LINE, now, NO_REPLY)
            self._book.move(incident, IncidentState.CLOSED, _BY_THE_LINE, now, NO_REPLY)
        return True
