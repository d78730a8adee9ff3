"""What of a record its subject may read: all that is theirs, and nothing of anybody else. Pure.

UU 27/2022, article 33: what would expose another person is not given out. Operators are named by
their role, other contacts not at all; agencies by their id, without what they are reached by. A
text may name anybody: telephone numbers in it are masked, and where others have told of the same
incident it is not shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from acd.calls.target import Kind
from incidents.incident import LINE, Entry, EntryKind
from models.marks import Mark
from privacy.keys import ENTRY_KEYS, Keys, mark_of_key

ANOTHER = "(orang lain)"
"""Stands for who is not the subject; these words are read by citizens, in the line's language."""

OPERATOR = "operator"
NOT_SHOWN = "(tidak ditampilkan: orang lain juga melapor)"
MASKED = "(sebuah nomor)"

_ROLES = ("", LINE, "supervisor", "citizen")
_NUMBER = re.compile(r"\+?\d(?:[ .()-]{0,2}\d){5,18}")

IsMine = Callable[[str], bool]
"""Whether a number is the subject's, in any spelling."""


def shown(values: Mapping[str, Any], keys: Keys, is_mine: IsMine) -> dict[str, Any]:
    """Return the subject's own values as they may be read, by the marks of their keys."""
    return {
        name: _shown_one(value, _mark_of(keys, name, values), is_mine)
        for name, value in values.items()
    }


def _mark_of(keys: Keys, name: str, values: Mapping[str, Any]) -> Mark | Keys:
    """Return the mark of a key; `to` may be an operator, or something of another kind."""
    if name == "to" and values.get("kind") == Kind.OPERATOR:
        return Mark.OPERATOR
    return mark_of_key(keys, name)


def _shown_one(value: Any, mark: Mark | Keys, is_mine: IsMine) -> Any:
    if isinstance(value, list):
        return [_shown_one(one, mark, is_mine) for one in value]
    if not isinstance(mark, Mark):
        return shown(value, mark, is_mine) if isinstance(value, Mapping) else None
    match mark:
        case Mark.OPERATOR:
            return role(value)
        case Mark.AGENCY | Mark.BY_KEY:
            return None
        case Mark.FREE_TEXT:
            return masked(value, is_mine) if isinstance(value, str) else None
    return value


def role(value: Any) -> Any:
    """Return by which role somebody who works here is named."""
    return value if value is None or value in _ROLES else OPERATOR


def masked(text: str, is_mine: IsMine) -> str:
    """Return a text without telephone numbers that are not the subject's."""
    return _NUMBER.sub(lambda found: found[0] if is_mine(found[0]) else MASKED, text)


def contact_shown(contact: Mapping[str, Any], is_mine: IsMine) -> dict[str, Any]:
    """Return a contact of an incident: the subject as they are, anybody else as nobody."""
    if is_mine(str(contact.get("number", ""))):
        return dict(contact)
    return {"number": ANOTHER, "name": ""}


def is_alone(contacts: Sequence[Mapping[str, Any]], is_mine: IsMine) -> bool:
    """Whether nobody else has told of an incident.

    `contacts`: with those of the incidents that were merged into it. Who has withheld the number is
    somebody else.
    """
    return all(is_mine(str(one.get("number", ""))) for one in contacts)


def incident_shown(
    row: Mapping[str, Any], keys: Keys, alone: bool, is_mine: IsMine
) -> dict[str, Any]:
    """Return the row of an incident as one of its contacts may read it; `alone`: `is_alone`."""
    contacts = [contact_shown(one, is_mine) for one in row["contacts"]]
    rest = {name: one for name, one in row.items() if name not in ("contacts", "answers", "words")}
    made = shown(rest, keys, is_mine) if alone else _others_too(rest, keys)
    answers = row["answers"] if alone else dict.fromkeys(row["answers"], NOT_SHOWN)
    return made | {"contacts": contacts, "answers": answers}


def entry_shown(
    entry: Entry, alone: bool, is_mine: IsMine, calls: Collection[str]
) -> dict[str, Any]:
    """Return an entry of a timeline as one of the incident's contacts may read it.

    `calls`: the ids of the subject's own calls; those of others are not named.
    """
    data, keys = dict(entry.data), ENTRY_KEYS[entry.kind]
    if isinstance(data.get("calls"), list):
        data["calls"] = [one for one in data["calls"] if one in calls]
    if "call_id" in data and data["call_id"] not in calls:
        data["call_id"] = ANOTHER
    if entry.kind is EntryKind.CONTACT:
        data = contact_shown(data, is_mine)
    else:
        contact = data.pop("contact", None)
        data = shown(data, keys, is_mine) if alone else _others_too(data, keys)
        if contact is not None:
            data["contact"] = contact_shown(contact, is_mine)
    row: dict[str, Any] = msgspec.to_builtins(entry)
    return row | {"by": role(entry.by), "data": data}


def _others_too(values: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """What may be read of what tells of several people."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        mark = _mark_of(keys, name, values)
        if mark is Mark.NOT_PERSONAL:
            found[name] = value
        elif mark is Mark.OPERATOR:
            found[name] = role(value)
        elif value not in (None, "") and mark in (Mark.FREE_TEXT, Mark.CONTACT):
            found[name] = NOT_SHOWN
    return found
