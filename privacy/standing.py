"""Whether a record may be erased at this moment, and if not, why: words for a person. Pure.

What still lives is never touched: a call that is up, a callback that is owed, an incident that is
not over, and all of them for an hour more, for operators say what a call was after it, and engines
write late.
"""

from __future__ import annotations

from acd.calls.record import CallRecord
from acd.texts.conversation import ConversationRecord
from acd.work_items.item import WorkItem
from incidents.incident import Incident
from privacy.holds import Hold

SETTLES_S = 3600.0
"""So long after its end a record is still left alone."""

TOO_FRESH = "ended less than an hour ago"


def call_stays(
    record: CallRecord, hold: Hold | None, now: float, standing: Incident | None = None
) -> str | None:
    """Return why a call's record has to stay as it is; None if it may be erased.

    `standing`: its incident, or the one that stands in the place of that. Whoever works on it may
    have to call the citizen back.
    """
    if record.ended_at is None:
        return "is up, or has no end yet"
    ended_at = record.ended_at
    if standing is not None:
        if standing.over_at is None:
            return f"belongs to an incident that is not over ({standing.state})"
        ended_at = max(ended_at, standing.over_at)
    return _stays(ended_at, hold, now)


def item_stays(item: WorkItem, hold: Hold | None, now: float) -> str | None:
    """... of a callback."""
    if item.ended_at is None:
        return "is open: the line owes a call"
    return _stays(item.ended_at, hold, now)


def text_stays(
    record: ConversationRecord, hold: Hold | None, now: float, standing: Incident | None = None
) -> str | None:
    """... of a text conversation. `standing`: as of a call."""
    if record.closed_at is None:
        return "is open"
    closed_at = record.closed_at
    if standing is not None:
        if standing.over_at is None:
            return f"belongs to an incident that is not over ({standing.state})"
        closed_at = max(closed_at, standing.over_at)
    return _stays(closed_at, hold, now)


def incident_stays(
    incident: Incident, standing: Incident, changed_at: float, hold: Hold | None, now: float
) -> str | None:
    """... of an incident. `standing`: the one that stands in its place, or itself.

    `changed_at`: when somebody has changed it last; to erase it is no change.
    """
    if standing.over_at is None:
        return f"is not over ({standing.state})"
    if incident.settled_at is None:
        return "is not settled: something follows from it by itself"
    return _stays(max(standing.over_at, changed_at), hold, now)


def _stays(ended_at: float, hold: Hold | None, now: float) -> str | None:
    if hold is not None:
        return hold.words
    return TOO_FRESH if now - ended_at < SETTLES_S else None
