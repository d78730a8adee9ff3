"""Dispatches by an operator's phone: an agency's number, for the incident of a call."""

from __future__ import annotations

from acd.agencies.register import Register
from acd.feature_codes.dispatch_codes import Outcome
from incidents.book import By, IncidentBook
from incidents.dispatch import Channel
from incidents.dispatches import Dispatches
from incidents.errors import IncidentRefused
from incidents.incident import LINE, Incident

_DEEPEST = 20  # merges of merges


class DispatchByPhone:
    """What `acd.feature_codes.dispatch_codes` calls; on the writer's turn.

    Nobody can wait for the database in a talk: an incident that is not in hand is not found.
    """

    def __init__(self, book: IncidentBook, dispatches: Dispatches, agencies: Register) -> None:
        self._book, self._dispatches, self._agencies = book, dispatches, agencies

    def __call__(self, call_id: str, number: str, operator: str | None, now: float) -> Outcome:
        """Tell the agency of the call's incident, or of the one that stands in its place."""
        agency = self._agencies.by_number.get(number)
        if agency is None:
            return Outcome.NO_AGENCY
        incident = self._worked_on(call_id)
        if incident is None:
            return Outcome.NOT_BY_PHONE
        told = self._dispatches.of_incident(incident.id)
        if any(one.agency == agency.id for one in told):
            return Outcome.HAS_IT
        try:
            made = self._dispatches.dispatch(incident, agency, By(operator or LINE, "phone"), now)
        except IncidentRefused:
            return Outcome.OVER
        by_machine = any(one.channel is not Channel.OPERATOR for one in made.deliveries)
        return Outcome.SENT if by_machine else Outcome.RING_IT

    def _worked_on(self, call_id: str) -> Incident | None:
        found = self._book.of_call(call_id)
        for _ in range(_DEEPEST):
            if found is None or found.merged_into is None:
                return found
            found = self._book.in_hand.get(found.merged_into)
        return None
