"""What is wrong with the incidents of a storm is told, and nothing else is."""

from __future__ import annotations

import pytest
from factories import a_record

from incidents.incident import Entry, EntryKind, Incident, fold
from lab.storm.incidents import KeptIncident, wrong

CALL = a_record("c1", operator_answered_at=5.0)


def an_incident(number: str = "2026-000001", call: str = CALL.call_id) -> KeptIncident:
    entries = [
        Entry(
            incident_id=number,
            seq=1,
            at=5.0000001,
            kind=EntryKind.OPENED,
            by="1001",
            source="phone",
            data={"number": number, "calls": [call]},
        )
    ]
    incident = fold(number, entries)
    incident.opened_at = 5.0  # as a database rounds
    return KeptIncident(incident=incident, entries=entries)


def changed(**changes: object) -> KeptIncident:
    kept = an_incident()
    for name, value in changes.items():
        setattr(kept.incident, name, value)
    return kept


def test_an_answered_call_with_its_incident_is_right() -> None:
    lost = a_record("c2")
    assert list(wrong([CALL, lost], [an_incident()])) == []


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        ([], "call-c1 has 0 incidents"),
        ([an_incident(), an_incident("2026-000002")], "call-c1 has 2 incidents"),
        ([an_incident(), an_incident(call="other")], "have the number 2026-000001"),
        ([changed(description="x")], "2026-000001 is not what its timeline says"),
        (
            [KeptIncident(incident=an_incident().incident, entries=[])],
            "2026-000001 is not what its timeline says",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_told(kept: list[KeptIncident], sentence: str) -> None:
    assert any(sentence in one for one in wrong([CALL], kept))


def test_a_timeline_with_a_gap_is_told() -> None:
    kept = an_incident()
    late = Entry(incident_id="i", seq=3, at=6.0, kind=EntryKind.NOTED, by="", source="")
    found = KeptIncident(incident=Incident(id="i"), entries=[*kept.entries, late])
    assert any("has gaps: [1, 3]" in one for one in wrong([], [found]))
