"""Which keys of what is kept as JSON are personal, and whose: a table for each kind of event.

A key that is in no table counts as free text: what nobody has thought of is erased, and not shown
to others.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Table

from acd.calls.record import EventKind
from incidents.incident import EntryKind
from models.marks import Mark, mark_of

Keys = Mapping[str, "Mark | Keys"]

ANY = "*"
"""Stands for every key that is not named."""

PLAIN = Mark.NOT_PERSONAL
_OPERATOR, _AGENCY, _CALLER, _CONTACT = Mark.OPERATOR, Mark.AGENCY, Mark.CALLER, Mark.CONTACT
_TEXT = Mark.FREE_TEXT

_LEG: Keys = {"operator": _OPERATOR, "phone": _OPERATOR, "leg": PLAIN}
_BY: Keys = {"operator": _OPERATOR, "phone": _OPERATOR}
_WHERETO: Keys = {"kind": PLAIN, "to": PLAIN, "form": PLAIN}

EVENT_KEYS: Mapping[EventKind, Keys] = MappingProxyType(
    {
        EventKind.ARRIVED: {
            "caller_number": _CALLER,
            "caller_name": _CALLER,
            "called_number": PLAIN,
            "asterisk_id": PLAIN,
            "language": PLAIN,
            "trunk": PLAIN,
            "withheld": PLAIN,
            "nuisance": PLAIN,
            "redial_of": PLAIN,
            "callback_of": PLAIN,
            "test": {"codec": PLAIN},
        },
        # in a menu a digit is a choice, but nobody stops a citizen from typing a number
        EventKind.DIGIT: {"digit": _CALLER, "menu": PLAIN},
        # yes or no to what was asked in the talk: are you hurt?
        EventKind.KEY: {"digit": _CALLER, "stage": PLAIN, "means": _CALLER},
        EventKind.MENU_DONE: {"category": PLAIN, "category_source": PLAIN, "silent": PLAIN},
        EventKind.LANGUAGE: {"language": PLAIN},
        EventKind.INFORMATION_STARTED: {"information": PLAIN},
        EventKind.INFORMATION_HEARD: dict.fromkeys(("information", "prompt", "ms", "whole"), PLAIN),
        EventKind.NOTICE_HEARD: dict.fromkeys(("notice", "ms", "whole", "enough"), PLAIN),
        EventKind.CALLBACK_WANTED: {},
        EventKind.QUEUED: {"category": PLAIN, "position": PLAIN},
        EventKind.PUT_FIRST: {"by": _OPERATOR},
        EventKind.MOVED: {"category": PLAIN, "by": _OPERATOR},
        EventKind.OVERFLOW: {"step": PLAIN, "to": PLAIN},
        EventKind.OFFERED: _LEG,
        EventKind.RINGING: _LEG,
        EventKind.OFFER_FAILED: {**_LEG, "reason": PLAIN, "ringing": PLAIN, "still": _BY},
        EventKind.ANSWERED: _LEG,
        EventKind.HELD: _LEG,
        EventKind.RESUMED: {**_LEG, "held_ms": PLAIN},
        EventKind.TRANSFER_STARTED: {**_BY, **_WHERETO},
        # what was dialled, where it is nobody whom the line knows, may be anybody's number
        EventKind.TRANSFER_FAILED: {**_BY, **_WHERETO, "to": _TEXT, "reason": PLAIN},
        EventKind.JOINED: {**_LEG, "how": PLAIN},
        EventKind.LEFT: {**_LEG, "reason": PLAIN},
        EventKind.TRANSFERRED: {**_BY, **_WHERETO, "consulted": PLAIN},
        EventKind.LOCATED: {
            "source": PLAIN,
            "lat": _CALLER,
            "lon": _CALLER,
            "radius_m": _CALLER,
            "place": _CALLER,
            "kelurahan": _CALLER,
            "kecamatan": PLAIN,  # over a hundred thousand people; the nation counts by it
        },
        EventKind.QUALITY: dict.fromkeys(("leg", "loss_percent", "jitter_ms"), PLAIN),
        EventKind.CALLED_BACK: {**_LEG, "to": _CALLER},
        EventKind.DISPOSITION: {"disposition": PLAIN, "operator": _OPERATOR},
        EventKind.TROUBLE: {"what": PLAIN},
        EventKind.ENDED: dict.fromkeys(
            ("ended_by", "hangup_cause", "position", "informed", "again"), PLAIN
        ),
        EventKind.FALLBACK: {
            "status": PLAIN,
            "step": PLAIN,
            "phone": _OPERATOR,
            "answered_at": PLAIN,
            "why": PLAIN,
            "run": PLAIN,
        },
        EventKind.ERASED: {"why": PLAIN},
    }
)
"""Of `call_events.data`."""

_TOLD: Keys = {"dispatch": PLAIN, "agency": PLAIN}
_MERGE: Keys = {"into": PLAIN, "number": PLAIN, "incident": PLAIN}
_OF_CONTACT: Keys = {
    "number": _CONTACT,
    "name": _CONTACT,
    "wants_outcome": PLAIN,
    "withheld": PLAIN,
}
_WHERE: Keys = {
    "place": _CONTACT,
    "kelurahan": _CONTACT,
    "kecamatan": PLAIN,
    "lat": _CONTACT,
    "lon": _CONTACT,
    "source": _OPERATOR,  # how it is known, or who says so
}

_WHOM: Keys = {"call_id": PLAIN, "kind": PLAIN, "to": PLAIN, "name": _OPERATOR}

_KEYS_OF_ENTRIES: Mapping[EntryKind, Keys] = MappingProxyType(
    {
        EntryKind.OPENED: {
            "priority": PLAIN,
            **_WHERE,
            "number": PLAIN,
            "calls": PLAIN,
            "category": PLAIN,
            "contact": _OF_CONTACT,
            "description": _TEXT,
        },
        EntryKind.CODED: {"class": PLAIN, "category": PLAIN, "priority": PLAIN},
        EntryKind.DESCRIBED: {"description": _TEXT},
        EntryKind.NOTED: {"text": _TEXT, "follow_up": PLAIN, "reply": PLAIN},
        EntryKind.LOCATED: _WHERE,
        EntryKind.PRIORITISED: {"priority": PLAIN},
        EntryKind.CONTACT: _OF_CONTACT,
        EntryKind.ANSWERED: {"question": PLAIN, "answer": _TEXT},
        EntryKind.CALL_LINKED: {"call_id": PLAIN},
        EntryKind.CALL_UNLINKED: {"call_id": PLAIN, "to": PLAIN, "number": PLAIN},
        EntryKind.MOVED: {"state": PLAIN, "reason": _TEXT},
        EntryKind.JOINED: {**_WHOM, "how": PLAIN},
        EntryKind.TALKS_ON: _WHOM,
        EntryKind.DUE: {},
        EntryKind.NUMBER_TOLD: {"ways": PLAIN},
        EntryKind.PUBLISHED: {
            "description": _TEXT,
            **dict.fromkeys(("kelurahan", "lat", "lon"), _CONTACT),
            "kecamatan": PLAIN,
        },
        EntryKind.UNPUBLISHED: {},
        # by which another system finds its own record; what that has of people is erased there
        EntryKind.REFERENCED: {"system": PLAIN, "reference": _TEXT, "removed": PLAIN},
        EntryKind.MERGED: _MERGE,
        EntryKind.UNMERGED: _MERGE,
        EntryKind.TOOK_IN: _MERGE,
        EntryKind.LET_GO: _MERGE,
        EntryKind.DISPATCHED: {**_TOLD, "ways": PLAIN, "origin": PLAIN},
        EntryKind.DELIVERED: {**_TOLD, "way": PLAIN, "receipt": _AGENCY},
        EntryKind.RUNG: {**_TOLD, "to": _AGENCY, "reason": PLAIN, "detail": _AGENCY},
        EntryKind.NOT_DELIVERED: {**_TOLD, "way": PLAIN, "reason": PLAIN, "detail": _AGENCY},
        EntryKind.OVERDUE: _TOLD,
        EntryKind.ESCALATED: {**_TOLD, "to": _AGENCY, "closed": PLAIN},
        EntryKind.ACKNOWLEDGED: _TOLD,
        EntryKind.DECLINED: {**_TOLD, "reason": _TEXT},
        EntryKind.PART_DONE: _TOLD,
        EntryKind.REPORT_LATE: _TOLD,
        EntryKind.DISPATCH_SETTLED: _TOLD,
        EntryKind.VERIFICATION_ASKED: {"item": PLAIN, "call_id": PLAIN, "operator": _OPERATOR},
        EntryKind.VERIFIED: {"item": PLAIN, "call_id": PLAIN},
        EntryKind.NOT_VERIFIED: {"item": PLAIN, "call_id": PLAIN, "reason": PLAIN},
        EntryKind.ERASED: {"why": PLAIN, "whole": PLAIN},
    }
)
_AGREED_TIME: Keys = {"due_for": PLAIN, "due_at": PLAIN}

ENTRY_KEYS: Mapping[EntryKind, Keys] = MappingProxyType(
    {kind: {**_AGREED_TIME, **keys} for kind, keys in _KEYS_OF_ENTRIES.items()}
)
"""Of `incident_entries.data`; entries of any kind may tell the agreed time that runs from then."""

COLUMN_KEYS: Mapping[tuple[str, str], Keys] = MappingProxyType(
    {
        ("calls", "legs"): {
            **_LEG,
            **dict.fromkeys(("how", "joined_at", "left_at", "reason"), PLAIN),
        },
        ("work_items", "history"): {
            "at": PLAIN,
            "state": PLAIN,
            "operator": _OPERATOR,
            "reason": PLAIN,
        },
        ("incidents", "contacts"): _OF_CONTACT,
        ("incidents", "answers"): {ANY: _TEXT},
        ("incidents", "references"): {"system": PLAIN, "reference": _TEXT},
        ("dispatches", "deliveries"): {
            **dict.fromkeys(
                ("channel", "state", "attempts", "try_at", "held", "delivered_at", "reason"), PLAIN
            ),
            **dict.fromkeys(("address", "receipt", "detail"), _AGENCY),
        },
    }
)
"""Of every other column that is marked `by key`; of a list, the keys of each thing in it."""


def mark_of_key(keys: Keys, name: str) -> Mark | Keys:
    """Return what stands under a key; what is in no table is free text."""
    return keys.get(name, keys.get(ANY, _TEXT))


def keys_of(table: Table) -> Keys:
    """Return the marks of a table's columns; of JSON, those of its keys.

    What depends on the kind of the row (`EVENT_KEYS`, `ENTRY_KEYS`) is `by key` here.
    """
    marks = {column.name: mark_of(column) for column in table.columns}
    return {name: COLUMN_KEYS.get((table.name, name), mark) for name, mark in marks.items()}
