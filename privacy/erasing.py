"""What a record is once nobody can be found in it, and statistics are still exact. Pure.

Numbers, names, addresses and texts go; a point is rounded to some ten kilometres, for it counts
that there is one; times, categories, outcomes, who worked and the kecamatan stay. Erasing and
folding can be done in either order: a record whose events were erased is the erased record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from acd.calls.record import CallEvent, CallRecord, EventKind
from acd.calls.record import apply as apply_to_call
from incidents.incident import Contact, Entry, EntryKind, Incident
from incidents.incident import apply as apply_to_incident
from models.marks import Mark
from privacy.keys import ENTRY_KEYS, EVENT_KEYS, Keys, mark_of_key

ERASED = "erased"
"""What stands where a number stood."""

COARSE_M = 10_000.0
"""The radius, in metres, of a place whose point was rounded to a tenth of a degree."""

_GOES = frozenset((Mark.CALLER, Mark.CONTACT, Mark.FREE_TEXT))
_NUMBERS = frozenset(("caller_number", "number", "caller"))
_AREAS = frozenset(("kelurahan",))
_OF_ERASED = re.compile(rf"{ERASED}-(\d+)")


def erased(values: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Return the values without what is personal of citizens, by the marks of their keys."""
    return {
        name: _erased_one(name, value, mark_of_key(keys, name)) for name, value in values.items()
    }


def _erased_one(name: str, value: Any, mark: Mark | Keys) -> Any:
    if isinstance(mark, Mark):
        return _instead(name, value) if mark in _GOES else value
    if isinstance(value, list):
        return [_erased_one(name, one, mark) for one in value]
    return erased(value, mark) if isinstance(value, Mapping) else value


def _instead(name: str, value: Any) -> Any:
    """What stands in the place of a value; of the same type, as readers expect it."""
    if value is None or name in _AREAS:
        return None
    if name in _NUMBERS:
        return ERASED
    if name == "radius_m":
        return COARSE_M
    if isinstance(value, str):
        return ""
    if name in ("lat", "lon") and isinstance(value, int | float):
        return round(float(value), 1)
    return None


# --- calls ----------------------------------------------------------------------------------------

_RECORD: Keys = {
    **dict.fromkeys(CallRecord.__struct_fields__, Mark.NOT_PERSONAL),
    **dict.fromkeys(
        ("caller_number", "caller_name", "lat", "lon", "radius_m", "place", "kelurahan"),
        Mark.CALLER,
    ),
}


def erased_record(record: CallRecord) -> CallRecord:
    """Return a call's record without what is personal of who called."""
    values = {name: getattr(record, name) for name in CallRecord.__struct_fields__}
    return CallRecord(**erased(values, _RECORD))


def erased_event(event: CallEvent) -> CallEvent:
    """Return an event without what is personal of who called."""
    return msgspec.structs.replace(event, data=erased(event.data, EVENT_KEYS[event.kind]))


def with_erasure(record: CallRecord, why: str, now: float) -> tuple[CallRecord, CallEvent]:
    """Return the erased record, and the event that says so, which comes last.

    By it the record has one event more than any that waits to be written, so that none of those
    brings back what was erased.
    """
    made = erased_record(record)
    event = CallEvent(
        call_id=record.call_id,
        seq=record.events + 1,
        at=now,
        kind=EventKind.ERASED,
        data={"why": why},
    )
    apply_to_call(made, event)
    return made, event


# --- incidents ------------------------------------------------------------------------------------


def is_erased(number: str) -> bool:
    """Whether this stands where the number of a contact stood."""
    return _OF_ERASED.fullmatch(number) is not None


def new_names(entries: Iterable[Entry], mine: Iterable[str] | None) -> dict[str, str]:
    """Return what stands in the place of each contact's number: one name for one number.

    `mine`: the numbers to erase, as the timeline spells them; None: all. The names differ from
    those that stand there already, so that an incident has as many contacts as before.
    """
    numbers = [one for one in map(_number_of, entries) if one]
    last = max(
        (int(found[1]) for one in numbers if (found := _OF_ERASED.fullmatch(one))), default=0
    )
    chosen = None if mine is None else set(mine)
    wanted = dict.fromkeys(
        one
        for one in numbers
        if not _OF_ERASED.fullmatch(one) and (chosen is None or one in chosen)
    )
    return {number: f"{ERASED}-{index}" for index, number in enumerate(wanted, last + 1)}


def _number_of(entry: Entry) -> str:
    contact = entry.data if entry.kind is EntryKind.CONTACT else entry.data.get("contact", {})
    found = contact.get("number", "")
    return found if isinstance(found, str) else ""


def erased_entry(entry: Entry, names: Mapping[str, str], *, whole: bool) -> Entry:
    """Return an entry of a timeline in which these contacts have the new names.

    `whole`: without any text and place as well, and without the names of all contacts.
    """
    data = dict(entry.data)
    if entry.kind is EntryKind.CONTACT:
        data = _erased_contact(data, names, whole)
    else:
        contact = data.pop("contact", None)
        # by a reference another system finds its own record; what that has is erased there
        if whole and entry.kind is not EntryKind.REFERENCED:
            data = erased(data, ENTRY_KEYS[entry.kind])
        if contact is not None:
            data["contact"] = _erased_contact(contact, names, whole)
    return msgspec.structs.replace(entry, data=data)


def _erased_contact(contact: Mapping[str, Any], names: Mapping[str, str], whole: bool) -> Any:
    number = contact.get("number", "")
    if number not in names and not whole:
        return dict(contact)
    found = {**contact, "number": names.get(number, number)}
    return {**found, "name": ""} if "name" in found else found


def erased_incident(incident: Incident, names: Mapping[str, str], *, whole: bool) -> Incident:
    """Return an incident as `erased_entry` makes its timeline."""
    contacts = [
        msgspec.convert(_erased_contact(msgspec.to_builtins(one), names, whole), Contact)
        for one in incident.contacts
    ]
    if not whole:
        return msgspec.structs.replace(incident, contacts=contacts)
    return msgspec.structs.replace(
        incident,
        contacts=contacts,
        description="",
        place=_instead("place", incident.place),
        kelurahan=None,
        lat=_instead("lat", incident.lat),
        lon=_instead("lon", incident.lon),
        answers=dict.fromkeys(incident.answers, ""),
        published_at=None,
        publication=None,
    )


def with_entry(
    incident: Incident, names: Mapping[str, str], *, whole: bool, why: str, by: str, now: float
) -> tuple[Incident, Entry]:
    """Return the erased incident, and the entry that says so, which comes last."""
    made = erased_incident(incident, names, whole=whole)
    entry = Entry(
        incident_id=incident.id,
        seq=incident.version + 1,
        at=now,
        kind=EntryKind.ERASED,
        by=by,
        source="api",
        data={"why": why, "whole": whole},
    )
    apply_to_incident(made, entry)
    return made, entry


def is_blank(incident: Incident) -> bool:
    """Whether nothing of the row is personal any more; its timeline may still hold notes."""
    numbers = (one.number for one in incident.contacts)
    return not (
        incident.description
        or incident.place
        or incident.kelurahan
        or incident.publication
        or any(incident.answers.values())
        or any(one.name for one in incident.contacts)
        or any(number and not _OF_ERASED.fullmatch(number) for number in numbers)
    )
