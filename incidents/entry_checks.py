"""What may not happen to an incident as it is: each check raises, and changes nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from incidents.errors import IncidentChanged, IncidentRefused
from incidents.incident import LINE, Entry, EntryKind, Incident, apply

MOST_ANSWERS = MOST_CONTACTS = 50
MOST_REFERENCES = 20


def check_version(incident: Incident, version: int | None) -> None:
    """Raise IncidentChanged if somebody has changed it since that version was read."""
    if version is not None and version != incident.version:
        raise IncidentChanged(
            f"{incident.name} was changed meanwhile: you have read version {version}, and it is "
            f"{incident.version} now. Read it again; nothing was changed."
        )


def check_free(incident: Incident, kind: EntryKind) -> None:
    """Raise IncidentRefused where another incident stands in the place of this one."""
    if incident.merged_into is not None and kind is not EntryKind.NOTED:
        raise IncidentRefused(
            f"{incident.name} is merged into another one; change that, or unmerge this first."
        )


def try_entry(trial: Incident, kind: EntryKind, data: Mapping[str, Any], now: float) -> None:
    """Let a thing happen to a copy that nobody keeps."""
    apply(
        trial,
        Entry(
            incident_id=trial.id,
            seq=trial.version + 1,
            at=now,
            kind=kind,
            by=LINE,
            source=LINE,
            data=dict(data),
        ),
    )


def check_size(incident: Incident, kind: EntryKind, data: Mapping[str, Any]) -> None:
    """Raise IncidentRefused where a row would grow without end."""
    if kind is EntryKind.ANSWERED:
        is_known, count, most = (
            data["question"] in incident.answers,
            len(incident.answers),
            MOST_ANSWERS,
        )
    elif kind is EntryKind.CONTACT:
        numbers = {one.number for one in incident.contacts} - {""}
        is_known, count, most = data.get("number") in numbers, len(incident.contacts), MOST_CONTACTS
    elif kind is EntryKind.REFERENCED:
        is_known, count, most = bool(data.get("removed")), len(incident.references), MOST_REFERENCES
    else:
        return
    if not is_known and count >= most:
        raise IncidentRefused(f"{incident.name} has {most} of these already; write a note.")
