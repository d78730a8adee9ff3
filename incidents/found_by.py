"""The rows by which an incident is found: its calls and texts, who told of it, references. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from acd.numbers.caller import same_caller
from incidents.incident import CALLERS_OF, CALLS_OF, REFERENCES_OF, Entry, EntryKind, Incident

LONGEST_CALLER = 32
"""Characters of a number by which an incident is found (a column's length)."""

Row = tuple[str, dict[str, Any]]
"""A table, and the columns of one row."""


def rows_to_find_by(incident: Incident, entry: Entry, country: str) -> Iterator[Row]:
    """The rows that an entry of the timeline adds.

    `country`: where numbers without a country code are from.
    """
    data = entry.data
    if entry.kind is EntryKind.CALL_LINKED:
        yield CALLS_OF, {"call_id": data["call_id"], "incident_id": incident.id}
    elif entry.kind is EntryKind.CONTACT:
        yield from _caller(incident, data, country)
    elif entry.kind is EntryKind.REFERENCED:
        names = {"system": data["system"], "reference": data["reference"]}
        yield REFERENCES_OF, {"incident_id": incident.id, **names}
    elif entry.kind is EntryKind.OPENED:
        for call_id in data.get("calls", []):
            yield CALLS_OF, {"call_id": call_id, "incident_id": incident.id}
        yield from _caller(incident, data.get("contact", {}), country)


def _caller(incident: Incident, contact: Mapping[str, Any], country: str) -> Iterator[Row]:
    caller = same_caller(contact.get("number", ""), country)
    if caller is not None:
        yield CALLERS_OF, {"incident_id": incident.id, "caller": caller[:LONGEST_CALLER]}
