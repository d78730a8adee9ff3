"""An erased record is what its erased events come to, and counts as it did."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st
from personal import (
    ALONE,
    BUDI,
    ENDED,
    NOON,
    OF_BUDI,
    OF_SRI,
    SHARED,
    SRI,
    SRI_CONTACT,
    TALK,
    entries_of,
    events_of,
)

from acd.calls.record import CallEvent, EventKind
from acd.calls.record import fold as fold_call
from acd.work_items.item import WorkItem
from incidents.incident import Contact, Entry, EntryKind, Incident
from incidents.incident import fold as fold_incident
from privacy.erasing import (
    COARSE_M,
    ERASED,
    erased_entry,
    erased_event,
    is_blank,
    new_names,
    with_entry,
    with_erasure,
)
from privacy.holds import Hold, HoldKind, Holds
from privacy.standing import SETTLES_S, call_stays, incident_stays, item_stays
from reports.figures_count import CallFacts

K, E = EventKind, EntryKind
NUMBERS = st.sampled_from(["", "0811", "+62811", "0812", "anonymous", "erased-1"])
NAMES = st.sampled_from(["", "Sri", "Budi"])


def erased_call(events: list[CallEvent]) -> None:
    """Assert that the record of the erased events is the erased record."""
    record = fold_call("c", events)
    before = msgspec.to_builtins(record)
    made, last = with_erasure(record, "request 7", NOON)
    assert fold_call("c", [*map(erased_event, events), last]) == made
    assert msgspec.to_builtins(record) == before, "the record that was given is as it was"
    facts = [CallFacts(*(getattr(one, n) for n in CallFacts._fields)) for one in (record, made)]
    assert facts[0] == facts[1]


def test_nothing_of_the_caller_is_left_in_a_call() -> None:
    events = events_of("c", SRI, "Sri Rahayu", NOON, *TALK, ENDED)
    erased_call(events)
    made, last = with_erasure(fold_call("c", events), "request 7", NOON)
    written = repr([made, *map(erased_event, events), last])
    assert [one for one in (*OF_SRI, "-7.97", "112.62", "'yes'") if one in written] == []
    assert (made.caller_number, made.lat, made.lon, made.radius_m) == (
        ERASED,
        -8.0,
        112.6,
        COARSE_M,
    )
    assert (made.kecamatan, made.category, made.operator) == ("Klojen", "fire", "1001")


PLACES = st.none() | st.floats(-90, 90)
LOCATED = st.fixed_dictionaries(
    {"source": st.just("value"), "lat": PLACES, "lon": PLACES, "radius_m": PLACES},
    optional={"place": st.none() | NAMES, "kelurahan": st.none() | NAMES, "kecamatan": NAMES},
)
MORE = st.lists(
    st.sampled_from(TALK) | LOCATED.map(lambda data: (K.LOCATED, data)) | st.just(ENDED),
    max_size=10,
)


@OFTEN
@given(NUMBERS, NAMES, MORE)
def test_a_call_can_be_erased_before_or_after_it_is_folded(
    number: str, name: str, more: list[Any]
) -> None:
    erased_call(events_of("c", number, name, NOON, *more))


CONTACTS = st.fixed_dictionaries(
    {"number": NUMBERS},
    optional={"name": NAMES, "wants_outcome": st.booleans(), "withheld": st.booleans()},
)
STEPS = st.lists(
    CONTACTS.map(lambda data: (E.CONTACT, data))
    | NAMES.map(lambda text: (E.DESCRIBED, {"description": text}))
    | NAMES.map(lambda text: (E.ANSWERED, {"question": "inside", "answer": text}))
    | LOCATED.map(lambda data: (E.LOCATED, {n: v for n, v in data.items() if n != "radius_m"}))
    | st.just((E.NOTED, {"text": "Sri"})),
    max_size=10,
)


@OFTEN
@given(CONTACTS, STEPS, st.sampled_from([None, ("0811",), ("0811", "+62811"), ("0819",)]))
def test_an_incident_can_be_erased_before_or_after_it_is_folded(
    contact: dict[str, Any], steps: list[Any], mine: tuple[str, ...] | None
) -> None:
    opened = (E.OPENED, {"number": "2026-1", "calls": ["c"], "contact": contact})
    check_incident(entries_of("i", NOON, opened, *steps), mine)


def check_incident(entries: list[Entry], mine: tuple[str, ...] | None) -> Incident:
    incident, whole = fold_incident("i", entries), mine is None
    names = new_names(entries, mine)
    made, last = with_entry(incident, names, whole=whole, why="x", by="sari", now=NOON)
    erased = [erased_entry(one, names, whole=whole) for one in entries]
    assert fold_incident("i", [*erased, last]) == made
    assert len(made.contacts) == len(incident.contacts)
    assert not whole or is_blank(made)
    return made


def test_who_alone_told_of_an_incident_is_in_none_of_its_texts() -> None:
    entries = entries_of("i", NOON, *ALONE)
    made = check_incident(entries, None)
    names = new_names(entries, None)
    written = repr([made.row(), *(erased_entry(one, names, whole=True) for one in entries)])
    assert [one for one in (*OF_SRI, BUDI, "mother", "well") if one in written] == []
    assert (made.kecamatan, made.incident_class, made.category) == ("Klojen", "emergency", "fire")


def test_what_was_published_is_taken_back_and_references_stay() -> None:
    public = {"description": "Sri's well", "kelurahan": "Oro-oro Dowo", "kecamatan": "Klojen"}
    more = (
        (E.PUBLISHED, public | {"lat": -7.97, "lon": 112.62}),
        (E.REFERENCED, {"system": "LAPOR", "reference": "17"}),
    )
    entries = entries_of("i", NOON, *ALONE, *more)
    assert fold_incident("i", entries).publication is not None
    made = check_incident(entries, None)
    assert made.publication is None and made.published_at is None
    assert [one.name for one in made.references] == ["LAPOR:17"]
    written = repr([erased_entry(one, {}, whole=True) for one in entries])
    assert "Sri's well" not in written
    assert check_incident(entries, (SRI,)).publication is not None


def test_of_several_who_told_of_it_the_others_stay_with_the_texts() -> None:
    entries = entries_of("i", NOON, *SHARED)
    made = check_incident(entries, (SRI,))
    assert made.contacts == [
        Contact(number=BUDI, name="Budi Santoso"),
        Contact(number="erased-1", wants_outcome=True),
    ]
    assert made.place == "Jalan Bandung 9"
    names = new_names(entries, (SRI,))
    again = [erased_entry(one, names, whole=False) for one in entries]
    assert SRI not in repr([one.data for one in again if one.kind is E.CONTACT])
    # and the next one who is erased gets another name
    assert new_names(again, (BUDI,)) == {BUDI: "erased-2"}
    assert all(one in repr(again) for one in OF_BUDI if not one.startswith("+"))


def test_a_key_that_nobody_knows_is_emptied() -> None:
    event = CallEvent(
        call_id="c", seq=1, at=1.0, kind=K.ENDED, data={"last_words": "x", "more": [SRI_CONTACT]}
    )
    assert erased_event(event).data == {"last_words": "", "more": None}


# --- what stays -----------------------------------------------------------------------------------


def test_what_lives_or_has_just_ended_or_is_on_hold_stays_as_it_is() -> None:
    record = fold_call("c", events_of("c", SRI, "", NOON, ENDED))
    ended = NOON + 10
    hold = Hold(
        id=3, kind=HoldKind.CALL, target="c", reason="court case", placed_by="x", placed_at=1.0
    )
    assert call_stays(record, None, ended + SETTLES_S) is None
    assert call_stays(record, None, ended + SETTLES_S - 1) == "ended less than an hour ago"
    assert call_stays(record, hold, ended + SETTLES_S) == "on legal hold 3 (court case)"
    live = fold_call("c", events_of("c", SRI, "", NOON))
    assert call_stays(live, None, NOON + 1e6) == "is up, or has no end yet"
    assert item_stays(WorkItem(id="w", kind="callback"), None, 1e9) == (
        "is open: the line owes a call"
    )


def test_an_incident_stays_until_the_one_that_stands_for_it_is_over() -> None:
    merged = fold_incident("i", entries_of("i", NOON, *ALONE[:-1]))
    opened, over = Incident(id="o"), Incident(id="o", over_at=NOON)
    assert incident_stays(merged, opened, NOON, None, NOON + 1e6) == "is not over (opened)"
    assert incident_stays(merged, over, NOON, None, NOON + 1e6) is None
    assert incident_stays(merged, over, NOON + 1e6, None, NOON + 1e6) is not None
    merged.settled_at = None
    said = incident_stays(merged, over, NOON, None, NOON + 1e6)
    assert said is not None and said.startswith("is not settled")


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({"calls": ["c"]}, True),
        ({"calls": ["d", None]}, False),
        ({"incidents": ["c"]}, False),
        ({"callers": [None, "+62811"]}, True),
        ({}, False),
    ],
)
def test_a_hold_is_found_by_what_it_holds(asked: dict[str, Any], held: bool) -> None:
    about = {"reason": "x", "placed_by": "x", "placed_at": 1.0}
    holds = Holds(
        [
            Hold(id=1, kind=HoldKind.CALL, target="c", **about),
            Hold(id=2, kind=HoldKind.NUMBER, target="+62811", **about),
            Hold(id=3, kind=HoldKind.CALL, target="d", released_at=2.0, **about),
        ]
    )
    assert (holds.over(**asked) is not None) is held
