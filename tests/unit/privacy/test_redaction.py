"""What a subject reads names no operator, wherever the number of one stands."""

from __future__ import annotations

from typing import Any

import pytest

from acd.calls.record import EventKind
from incidents.incident import Entry, EntryKind
from privacy.keys import EVENT_KEYS
from privacy.redaction import MASKED, entry_shown, is_alone, shown


def of_sri(number: str) -> bool:
    return number == "0811"


@pytest.mark.parametrize(
    "kind", [EventKind.TRANSFER_STARTED, EventKind.TRANSFER_FAILED, EventKind.TRANSFERRED]
)
def test_whom_a_call_was_handed_to_is_named_by_the_role(kind: EventKind) -> None:
    data = {"operator": "1001", "kind": "operator", "to": "1002"}
    assert shown(data, EVENT_KEYS[kind], of_sri) == {
        "operator": "operator",
        "kind": "operator",
        "to": "operator",
    }
    other = {"kind": "agency", "to": "damkar"}
    assert shown(other, EVENT_KEYS[kind], of_sri) == other


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("kind", [EntryKind.JOINED, EntryKind.TALKS_ON])
def test_who_joined_a_talk_is_named_by_the_role(kind: EntryKind, alone: bool) -> None:
    data = {"call_id": "c", "kind": "operator", "to": "1002", "name": "Ani"}
    found = entry_of(kind, data, alone)
    assert found["data"]["to"] == "operator" and "Ani" not in repr(found)


def test_what_somebody_typed_as_a_reference_is_a_free_text() -> None:
    data = {"system": "LAPOR", "reference": "081299999999"}
    assert entry_of(EntryKind.REFERENCED, data, True)["data"]["reference"] == MASKED
    assert "0812" not in repr(entry_of(EntryKind.REFERENCED, data, False))


def entry_of(kind: EntryKind, data: dict[str, Any], alone: bool) -> dict[str, Any]:
    entry = Entry(incident_id="i", seq=1, at=1.0, kind=kind, by="1001", source="phone", data=data)
    return entry_shown(entry, alone, of_sri, ["c"])


def test_who_withholds_the_number_is_somebody_else() -> None:
    assert is_alone([{"number": "0811"}], of_sri)
    assert not is_alone([{"number": "0811"}, {"number": "", "withheld": True}], of_sri)
