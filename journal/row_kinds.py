"""How the rows of each table go through the journal: the one place that a new table is added to.

From here the journal knows which rows the next engine needs, the database writer in which order
and by which rule rows are written, and the start of an engine what to read from the database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from acd.calls.record import Outcome
from models.tables import (
    AccessTrailRow,
    AlarmRow,
    Base,
    CallEventRow,
    CallRow,
    DispatchRow,
    IncidentCallRow,
    IncidentContactRow,
    IncidentEntryRow,
    IncidentReferenceRow,
    IncidentRow,
    OperatorEventRow,
    OperatorRow,
    OperatorStateRow,
    RefusedCallsRow,
    TextConversationRow,
    TextMessageRow,
    WorkItemRow,
)

Values = Mapping[str, Any]


def _as_it_is(row: dict[str, Any]) -> dict[str, Any]:
    return row


class RowKind(NamedTuple):
    """The rows of one table.

    `key`: the column that names a row, of which the last word counts; None: each row is something
    that happened, written once and never changed. `counter`: a column that grows with each change,
    so that an older word never replaces a newer one. `ended`: the column that is set once nothing
    more will happen to the row; the next engine needs the rows without it, or all rows if there is
    no such column, or none if not `needed`. `reopens`: the end can be taken back. `as_now(row)`: a
    row that an earlier version has left, as this one writes it.
    """

    model: type[Base]
    key: str | None = None
    counter: str | None = None
    ended: str | None = None
    needed: bool = True
    reopens: bool = False
    as_now: Callable[[dict[str, Any]], dict[str, Any]] = _as_it_is

    @property
    def table(self) -> str:
        """The name of the table, as the journal's lines have it."""
        name: str = self.model.__tablename__
        return name

    def is_needed(self, row: Values) -> bool:
        """Whether the next engine has to know the row."""
        if self.key is None or not self.needed:
            return False
        return self.ended is None or row.get(self.ended) is None

    def knows_more(self, one: Values, other: Values) -> bool:
        """Whether `one` is a later word than `other` about the same row."""
        return self.counter is not None and one.get(self.counter, 0) > other.get(self.counter, 0)


def _call_as_now(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of `calls` with the outcome that this version gives it, and its disposition.

    An engine before migration 0003 may have left rows that are written after it: who was not
    answered in the fallback was lost there. A disposition that was taken back is left out of the
    row like one that was never given (`acd.calls.record.SELDOM`), and has to be emptied.
    """
    is_lost = (
        row.get("outcome") == Outcome.FALLBACK
        and row.get("ended_at") is not None
        and row.get("operator_answered_at") is None
    )
    row = {"disposition": None} | row
    return row | {"outcome": Outcome.LOST_FALLBACK} if is_lost else row


CALLS = RowKind(CallRow, "call_id", counter="events", ended="ended_at", as_now=_call_as_now)
CALL_EVENTS = RowKind(CallEventRow)
OPERATORS = RowKind(OperatorRow, "id")
OPERATOR_EVENTS = RowKind(OperatorEventRow)
OPERATOR_STATES = RowKind(OperatorStateRow)
WORK_ITEMS = RowKind(WorkItemRow, "id", counter="changes", ended="ended_at")

TEXT_CONVERSATIONS = RowKind(TextConversationRow, "id", counter="changes", ended="closed_at")
TEXT_MESSAGES = RowKind(TextMessageRow, "id", counter="changes", ended="settled_at")

INCIDENTS = RowKind(IncidentRow, "id", counter="version", ended="settled_at", reopens=True)
INCIDENT_ENTRIES = RowKind(IncidentEntryRow)
INCIDENT_CALLS = RowKind(IncidentCallRow, "call_id", needed=False)
INCIDENT_CONTACTS = RowKind(IncidentContactRow)
INCIDENT_REFERENCES = RowKind(IncidentReferenceRow)
DISPATCHES = RowKind(DispatchRow, "id", counter="changes", ended="settled_at")
ACCESS_TRAIL = RowKind(AccessTrailRow)
REFUSED_CALLS = RowKind(RefusedCallsRow, "id", counter="calls", needed=False)
ALARMS = RowKind(AlarmRow, "id", counter="changes", ended="ended_at")

IN_ORDER = (
    CALLS,
    CALL_EVENTS,
    OPERATORS,
    OPERATOR_EVENTS,
    OPERATOR_STATES,
    WORK_ITEMS,
    TEXT_CONVERSATIONS,
    TEXT_MESSAGES,
    INCIDENTS,
    INCIDENT_ENTRIES,
    INCIDENT_CALLS,
    INCIDENT_CONTACTS,
    INCIDENT_REFERENCES,
    DISPATCHES,
    ACCESS_TRAIL,
    REFUSED_CALLS,
    ALARMS,
)
"""All of them, in the order in which they are written: what is pointed to before what points."""

BY_TABLE: Mapping[str, RowKind] = {kind.table: kind for kind in IN_ORDER}
