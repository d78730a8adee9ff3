"""Verifies incidents: their caller is rung, and what comes of that stands in the timeline.

The ringing is a work item of the line (`acd.callbacks.verifications`). An incident knows which one
is open for it, so it stays in hand until that is over, in this engine or in a later one.
"""

from __future__ import annotations

from acd.callbacks.verifications import VerificationRefused, Verifications
from acd.calls.record import CallRecord
from acd.work_items.item import WorkItem
from incidents.book import By, IncidentBook
from incidents.errors import IncidentRefused
from incidents.incident import LINE, EntryKind, Incident

ASKED, NO_INCIDENT, OPEN = "verification_asked", "verification_no_incident", "verification_open"
"""The prompts by which whoever has dialled hears what came of it, beside those of refusals."""


class IncidentVerifications:
    """One open verification an incident, at most; what comes of it is kept with its end."""

    def __init__(self, book: IncidentBook, verifications: Verifications) -> None:
        self._book, self._verifications = book, verifications
        verifications.on_done = self._done

    def ask(
        self, incident: Incident, record: CallRecord, operator: str | None, by: By, now: float
    ) -> Incident:
        """Have the caller of a call rung, first for this operator.

        `record`: the incident's last call. Raises IncidentRefused, or VerificationRefused.
        """
        incident = self._book.in_hand.get(incident.id, incident)
        if incident.merged_into is not None:
            raise IncidentRefused(f"{incident.name} is merged into another one; verify that.")
        if incident.state.is_over:
            raise IncidentRefused(f"{incident.name} is {incident.state}; reopen it first.")
        if self.is_open(incident):
            raise IncidentRefused(f"{incident.name} is being verified already.")
        about = incident.number or "112"
        has_dialled = by.source == "phone"
        item = self._verifications.ask(record, about, operator, now, has_dialled=has_dialled)
        self._book.note(
            incident,
            EntryKind.VERIFICATION_ASKED,
            by,
            now,
            {"item": item.id, "call_id": record.call_id, "operator": operator},
        )
        return self._book.in_hand.get(incident.id, incident)

    def is_open(self, incident: Incident) -> bool:
        """Whether its caller is to be rung, or is talked with, at this moment."""
        return incident.verification is not None and self._verifications.is_open(
            incident.verification
        )

    def by_phone(self, record: CallRecord | None, operator: str, now: float) -> str:
        """An operator has dialled for the caller of a call; returns the prompt that tells."""
        incident = None if record is None else self._book.of_call(record.call_id)
        for _ in range(20):  # merges of merges
            if incident is None or incident.merged_into is None:
                break
            incident = self._book.in_hand.get(incident.merged_into)
        if record is None or incident is None:
            return NO_INCIDENT
        if self.is_open(incident):
            return OPEN
        try:
            self.ask(incident, record, operator, By(operator, "phone"), now)
        except VerificationRefused as refused:
            return refused.prompt
        except IncidentRefused:
            return NO_INCIDENT
        return ASKED

    def _done(self, item: WorkItem, is_verified: bool, why: str, now: float) -> None:
        of_item = (one for one in self._book.in_hand.values() if one.verification == item.id)
        incident = next(of_item, None)
        if incident is None:
            return
        kind = EntryKind.VERIFIED if is_verified else EntryKind.NOT_VERIFIED
        by = By(item.closed_by, "phone") if item.closed_by is not None else By(LINE, LINE)
        data = {"item": item.id, "call_id": item.talk if is_verified else item.call_id}
        self._book.note(incident, kind, by, now, data | ({} if is_verified else {"reason": why}))
