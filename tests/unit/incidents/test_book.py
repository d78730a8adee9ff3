"""The incidents that an engine has in hand: opened by answers, coded, merged, kept for the next."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from factories import LineDesk, a_channel, a_record
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.feature_codes.dispositions import CATEGORY
from incidents.book import AGAIN_S, MOST_SETTLED, By, Said
from incidents.categories import Categories, Category
from incidents.entry_checks import MOST_CONTACTS
from incidents.errors import IncidentChanged, IncidentRefused
from incidents.incident import (
    CALLERS_OF,
    CALLS_OF,
    INCIDENTS,
    TIMELINE,
    Contact,
    Entry,
    EntryKind,
    Incident,
    apply,
    fold,
)
from incidents.states import IncidentClass, IncidentState
from pbx.ari_types import ChannelDestroyed, StasisStart

SUPERVISOR = By("supervisor", "api")
LIMIT_S = 900.0


def the_incident(desk: LineDesk) -> Incident:
    (row,) = desk.journal.tables[INCIDENTS].values()
    return msgspec.convert(row, Incident)


def timeline_of(desk: LineDesk, incident_id: str) -> list[Entry]:
    rows = desk.journal.tables[TIMELINE].values()
    entries = [msgspec.convert(row, Entry) for row in rows if row["incident_id"] == incident_id]
    return sorted(entries, key=lambda entry: entry.seq)


def kinds(desk: LineDesk, incident_id: str) -> list[str]:
    return [entry.kind.value for entry in timeline_of(desk, incident_id)]


def ends(desk: LineDesk, call: Call, now: float) -> None:
    desk.handle(ChannelDestroyed(a_channel(call.channel), 16), now=now)


def dialled(desk: LineDesk, code: str, now: float) -> str:
    """An operator dials a code at the own phone; the prompt that is heard."""
    desk.handle(StasisStart(["code", "101", code], a_channel("op", number="101")), now=now)
    prompt: str = desk.switch.last("say").more[1]
    desk.handle(ChannelDestroyed(a_channel("op"), 16), now=now)
    return prompt


def by_hand(desk: LineDesk, now: float = 100.0, **data: Any) -> Incident:
    return desk.incidents.open(data, SUPERVISOR, now)


def test_an_answered_call_opens_an_incident_with_all_that_is_known_of_it() -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    incident = the_incident(desk)
    assert incident == Incident(
        id=f"{call.id}i",
        number="1970-000001",
        category=call.record.category,
        opened_at=110.0,
        opened_by=str(call.operator),
        contacts=[Contact(number="08123", name="Budi")],
        call_ids=[call.id],
        changed_at=110.0,
        version=1,
    )
    assert desk.journal.tables[CALLS_OF] == {
        call.id: {"call_id": call.id, "incident_id": incident.id}
    }
    assert [row["caller"] for row in desk.journal.tables[CALLERS_OF].values()] == ["+6208123"]


def test_the_place_of_the_citizen_is_the_incident_s() -> None:
    desk = LineDesk()
    record = a_record("c9", operator="1001", operator_answered_at=5.0, place_source="value")
    record.place, record.lat, record.lon, record.kecamatan = "Jalan Ijen", -7.97, 112.62, "Klojen"
    desk.incidents.call_answered(record, 5.0)
    incident = the_incident(desk)
    assert (incident.place, incident.lat, incident.lon) == ("Jalan Ijen", -7.97, 112.62)
    assert (incident.kecamatan, incident.place_source) == ("Klojen", "value")


def test_a_call_that_is_answered_again_has_one_incident() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    desk.incidents.call_answered(call.record, 120.0)
    assert kinds(desk, f"{call.id}i") == ["opened"]


def test_a_call_that_nobody_answered_opens_none() -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    ends(desk, call, 105.0)
    assert INCIDENTS not in desk.journal.tables


def test_a_call_that_a_phone_of_the_fallback_answered_opens_one_when_it_is_over() -> None:
    desk = LineDesk()
    desk.incidents.call_ended(a_record("c9", operator_answered_at=5.0, ended_at=9.0), 9.0)
    assert the_incident(desk).opened_by == "line"


def test_the_talk_of_a_callback_belongs_to_the_incident_of_the_call_that_it_follows() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    talk = a_record("talk", callback_of=call.id, operator_answered_at=130.0)
    desk.incidents.call_answered(talk, 130.0)
    assert the_incident(desk).call_ids == [call.id, talk.call_id]
    lost = a_record("talk2", callback_of="lost", operator_answered_at=140.0)
    desk.incidents.call_answered(lost, 140.0)
    opened = desk.incidents.of_call(lost.call_id)
    assert opened is not None and opened.call_ids == [lost.call_id], "it takes no other call away"


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("*41", "prank"),
        ("*42", "ghost"),
        ("*43", "emergency"),
    ],
)
def test_an_operator_codes_the_incident_by_the_phone(code: str, what: str) -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    ends(desk, call, 120.0)
    dialled(desk, code, 125.0)
    incident = the_incident(desk)
    assert (incident.incident_class, incident.coded_at) == (what, 125.0)
    entry = timeline_of(desk, incident.id)[-1]
    assert (entry.by, entry.source) == ("1001", "phone")
    assert dialled(desk, "*40", 126.0) == "disposition_undone"
    assert the_incident(desk).incident_class is None


def test_a_category_gives_its_priority_as_long_as_nobody_says_another() -> None:
    desk = LineDesk()
    book = desk.router.incidents
    book._priorities = {"fire": 1, "flood": 2}
    one = book.open({"category": "fire"}, SUPERVISOR, 110.0)
    assert one.priority == 1
    book.code(one, IncidentClass.EMERGENCY, SUPERVISOR, 111.0, category="flood")
    assert (one.priority, timeline_of(desk, one.id)[-1].data["priority"]) == (2, 2)
    book.code(one, IncidentClass.PRANK, SUPERVISOR, 112.0)
    assert one.priority == 2, "its category is the same"
    book.code(one, IncidentClass.PRANK, SUPERVISOR, 113.0, category="prank")
    assert one.priority == 3, "the usual one"
    book.change(one, EntryKind.PRIORITISED, SUPERVISOR, 114.0, {"priority": 5})
    book.code(one, IncidentClass.EMERGENCY, SUPERVISOR, 115.0, category="fire")
    assert one.priority == 5, "somebody has said so"
    again = Incident(id=one.id)
    for entry in timeline_of(desk, one.id):
        apply(again, entry)
    assert again.priority == 5


def a_category(id: str, code: str, what: IncidentClass) -> Category:
    return Category(id=id, code=code, name={"id": id}, national_class=what)


def test_the_code_of_a_category_says_what_it_is_in_the_talk_too() -> None:
    desk = LineDesk()
    desk.router.know_codes(
        Categories(
            "1",
            [
                a_category("fire_building", "91", IncidentClass.EMERGENCY),
                a_category("question", "70", IncidentClass.INFORMATION),
            ],
        )
    )
    call = desk.citizen_talks(now=110.0)
    for key in "*491":
        desk.press(key, str(call.leg), 115.0)
    assert desk.switch.last("tell").more == (CATEGORY,)
    incident = the_incident(desk)
    assert (incident.category, incident.incident_class) == ("fire_building", "emergency")
    assert call.record.disposition == "real"
    ends(desk, call, 120.0)
    assert dialled(desk, "*499", 125.0) == "disposition_unknown"
    assert dialled(desk, "*470", 126.0) == CATEGORY
    incident = the_incident(desk)
    assert (incident.category, incident.incident_class) == ("question", "information")


def test_what_nobody_codes_in_time_is_uncoded() -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    ends(desk, call, 120.0)
    desk.timers.fire(120.0 + LIMIT_S - 1)
    assert the_incident(desk).incident_class is None
    desk.timers.fire(120.0 + LIMIT_S)
    incident = the_incident(desk)
    assert incident.incident_class is IncidentClass.UNCODED
    entry = timeline_of(desk, incident.id)[-1]
    assert (entry.by, entry.source, entry.at) == ("line", "line", 120.0 + LIMIT_S)
    dialled(desk, "*43", 2000.0)
    assert the_incident(desk).incident_class is IncidentClass.EMERGENCY, "late, but said"


def test_a_talk_that_lasts_is_not_uncoded_meanwhile() -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    desk.timers.fire(110.0 + 3 * LIMIT_S)
    assert the_incident(desk).incident_class is None
    ends(desk, call, 4000.0)
    desk.timers.fire(4000.0 + LIMIT_S)
    assert the_incident(desk).incident_class is IncidentClass.UNCODED


def test_the_next_engine_has_what_is_not_coded_in_hand() -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    ends(desk, call, 120.0)
    after = desk.next_engine(now=130.0)
    after.router.dispositions.say(call, "real", "1001", 140.0)
    incident = the_incident(after)
    assert (incident.version, incident.incident_class) == (2, IncidentClass.EMERGENCY)
    assert by_hand(after, 150.0).number == "1970-000002"
    late = desk.next_engine(now=120.0 + 5 * LIMIT_S)
    late.timers.fire(120.0 + 5 * LIMIT_S + AGAIN_S - 1)
    assert late.journal.tables.get(INCIDENTS, {}) == {}, "some time to code it in any case"
    late.timers.fire(120.0 + 5 * LIMIT_S + AGAIN_S)
    assert the_incident(late).incident_class is IncidentClass.UNCODED, "late by the outage"


def test_a_row_that_makes_no_sense_is_left_out() -> None:
    desk = LineDesk()
    desk.incidents.remember([{"id": "x", "state": "what"}, Incident(id="i").row()], 100.0)
    assert list(desk.incidents.in_hand) == ["i"]


def test_no_more_than_so_many_settled_ones_stay_in_hand() -> None:
    desk = LineDesk()
    for index in range(MOST_SETTLED + 5):
        one = by_hand(desk, 100.0 + index, calls=[f"c{index}"])
        desk.incidents.code(one, IncidentClass.EMERGENCY, SUPERVISOR, 100.0 + index)
    assert len(desk.incidents.in_hand) == MOST_SETTLED
    assert desk.incidents.of_call("c4") is None and desk.incidents.of_call("c5") is not None


def test_a_change_of_what_somebody_else_has_changed_is_refused_and_changes_nothing() -> None:
    desk = LineDesk()
    one = by_hand(desk)
    read = deepcopy(one)
    note = {"text": "a"}
    desk.incidents.change(one, EntryKind.NOTED, SUPERVISOR, 101.0, note, version=read.version)
    with pytest.raises(IncidentChanged, match="version 1, and it is 2 now"):
        desk.incidents.change(
            read, EntryKind.PRIORITISED, SUPERVISOR, 102.0, {"priority": 1}, version=read.version
        )
    assert kinds(desk, one.id) == ["opened", "noted"]


def test_a_move_that_makes_no_sense_is_refused_with_the_reason() -> None:
    desk = LineDesk()
    one = by_hand(desk)
    desk.incidents.move(one, IncidentState.CLOSED, SUPERVISOR, 101.0, "answered")
    with pytest.raises(
        IncidentRefused, match="is closed and cannot become on_scene; it can become"
    ):
        desk.incidents.move(one, IncidentState.ON_SCENE, SUPERVISOR, 102.0, "")


def test_ten_calls_about_one_fire_are_one_incident_with_ten_contacts() -> None:
    desk = LineDesk()
    for index in range(10):
        record = a_record(
            f"c{index}", caller_number=f"0812000{index}", operator_answered_at=100.0 + index
        )
        desk.incidents.call_answered(record, 100.0 + index)
    first, *others = desk.incidents.in_hand.values()
    before = deepcopy([first, *others])
    for one in others:
        desk.incidents.merge(one, first, SUPERVISOR, 120.0)
    assert {one.merged_into for one in others} == {first.id}
    assert sum(len(one.contacts) for one in (first, *others)) == 10
    for one in others:
        desk.incidents.unmerge(one, first, SUPERVISOR, 130.0)
    assert [content(one) for one in (first, *others)] == [content(one) for one in before]


def test_a_merge_needs_two_that_stand_for_themselves() -> None:
    desk = LineDesk()
    one, two, three = (by_hand(desk, 100.0 + index) for index in range(3))
    merge = desk.incidents.merge
    with pytest.raises(IncidentRefused, match="into itself"):
        merge(one, one, SUPERVISOR, 110.0)
    merge(one, two, SUPERVISOR, 111.0)
    for pair in ((one, three), (two, one), (three, one)):
        with pytest.raises(IncidentRefused, match="merged into another one already"):
            merge(*pair, SUPERVISOR, 112.0)
    with pytest.raises(IncidentRefused, match="not merged into incident 1970-000003"):
        desk.incidents.unmerge(one, three, SUPERVISOR, 113.0)
    with pytest.raises(IncidentRefused, match="unmerge this first"):
        desk.incidents.move(one, IncidentState.CLOSED, SUPERVISOR, 114.0, "")
    desk.incidents.change(one, EntryKind.NOTED, SUPERVISOR, 115.0, {"text": "told afterwards"})


def content(incident: Incident) -> dict[str, Any]:
    """All of an incident but how often and when it was changed last."""
    return incident.row() | {"version": 0, "changed_at": 0.0}


Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["merge", "unmerge"]), st.integers(0, 4), st.integers(0, 4)),
    max_size=25,
)


@given(STEPS)
def test_any_merges_and_unmerges_give_back_the_originals(steps: list[Step]) -> None:
    desk = LineDesk()
    all_of_them = [by_hand(desk, 100.0 + at, contact={"number": f"0811{at}"}) for at in range(5)]
    before = [content(one) for one in all_of_them]
    for at, (what, one, other) in enumerate(steps):
        with contextlib.suppress(IncidentRefused):
            getattr(desk.incidents, what)(
                all_of_them[one], all_of_them[other], SUPERVISOR, 200.0 + at
            )
    known = {one.id: one for one in all_of_them}
    for one in all_of_them:
        assert one.merged_into is None or known[one.merged_into] is not one
        root, seen = one, {one.id}
        while root.merged_into is not None:
            root = known[root.merged_into]
            assert root.id not in seen, "a circle"
            seen.add(root.id)
    while merged := [one for one in all_of_them if one.merged_into is not None]:
        for one in merged:
            desk.incidents.unmerge(one, known[str(one.merged_into)], SUPERVISOR, 300.0)
    assert [content(one) for one in all_of_them] == before
    for one in all_of_them:
        assert fold(one.id, timeline_of(desk, one.id)) == one


def test_a_call_is_linked_to_another_incident_with_its_caller() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    fire = by_hand(desk, 120.0)
    mine = desk.incidents.of_call(call.id)
    assert mine is not None
    desk.incidents.link(fire, call.record, mine, SUPERVISOR, 121.0)
    assert (mine.call_ids, fire.call_ids) == ([], [call.id])
    assert [one.number for one in fire.contacts] == ["08123"]
    assert desk.incidents.of_call(call.id) is fire
    assert desk.journal.tables[CALLS_OF][call.id]["incident_id"] == fire.id
    with pytest.raises(IncidentRefused, match="cannot be linked"):
        desk.incidents.link(fire, call.record, fire, SUPERVISOR, 122.0)


def test_a_call_that_is_answered_once_more_after_a_restart_opens_no_second_one() -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    dialled(desk, "*43", 115.0)
    after = desk.next_engine(now=130.0)
    after.incidents.call_answered(call.record, 140.0)
    after.incidents.call_ended(call.record, 150.0)
    assert after.journal.tables.get(INCIDENTS, {}) == {}


def test_a_code_for_what_is_not_in_hand_is_left_for_who_can_read_it() -> None:
    desk = LineDesk()
    asked: list[Said] = []
    desk.incidents.on_not_in_hand = asked.append
    desk.incidents.said("old", "prank", None, "1001", 100.0)
    assert [(one.call_id, one.incident_class, one.by.who) for one in asked] == [
        ("old", "prank", "1001")
    ]


def test_a_code_for_a_merged_incident_is_for_the_one_in_its_place() -> None:
    desk = LineDesk()
    call = desk.citizen_talks(now=110.0)
    mine, other = desk.incidents.of_call(call.id), by_hand(desk, 111.0)
    assert mine is not None
    desk.incidents.merge(mine, other, SUPERVISOR, 112.0)
    dialled(desk, "*43", 115.0)
    assert (other.incident_class, mine.incident_class) == (IncidentClass.EMERGENCY, None)


def test_a_row_grows_no_further_than_so_many_contacts_and_answers() -> None:
    desk = LineDesk()
    one = by_hand(desk)
    for index in range(MOST_CONTACTS):
        desk.incidents.change(one, EntryKind.CONTACT, SUPERVISOR, 101.0, {"number": f"08{index}"})
    with pytest.raises(IncidentRefused, match="has 50 of these already"):
        desk.incidents.change(one, EntryKind.CONTACT, SUPERVISOR, 101.0, {"number": "09"})
    again = {"number": "081", "name": "Sri"}
    desk.incidents.change(one, EntryKind.CONTACT, SUPERVISOR, 101.0, again)


def test_who_withholds_a_number_does_so_whoever_writes_down_the_name() -> None:
    desk = LineDesk()
    one = by_hand(desk, contact={"number": "0811", "withheld": True})
    desk.incidents.change(one, EntryKind.CONTACT, SUPERVISOR, 101.0, {"number": "0811"})
    assert [contact.withheld for contact in one.contacts] == [True]


def test_of_several_changes_none_is_made_when_the_last_is_refused() -> None:
    desk = LineDesk()
    incident = by_hand(desk, description="x")
    told: list[str] = []
    desk.incidents.on_coded = lambda one, now: told.append(one.id)
    steps: list[tuple[EntryKind, dict[str, Any]]] = [
        (EntryKind.CODED, {"class": "complaint"}),
        *((EntryKind.CONTACT, {"number": f"08{at:03}"}) for at in range(MOST_CONTACTS + 1)),
    ]
    before = deepcopy(incident), kinds(desk, incident.id)
    with pytest.raises(IncidentRefused):
        desk.incidents.change_all(incident, steps, SUPERVISOR, 110.0)
    assert (incident, kinds(desk, incident.id)) == before and not told
    changed = desk.incidents.change_all(incident, steps[:-1], SUPERVISOR, 110.0, version=1)
    assert len(changed.contacts) == MOST_CONTACTS and told == [incident.id]
    with pytest.raises(IncidentChanged):
        desk.incidents.change_all(incident, steps[:1], SUPERVISOR, 110.0, version=1)


def published(desk: LineDesk) -> Incident:
    incident = by_hand(desk, description="x")
    desk.incidents.code(incident, IncidentClass.COMPLAINT, SUPERVISOR, 110.0)
    return desk.incidents.change(
        incident, EntryKind.PUBLISHED, SUPERVISOR, 111.0, {"description": "Umum"}
    )


@pytest.mark.parametrize("what", [IncidentClass.EMERGENCY, IncidentClass.PRANK, None])
def test_what_is_no_complaint_any_more_is_not_public_any_more(what: IncidentClass | None) -> None:
    desk = LineDesk()
    incident = published(desk)
    desk.incidents.code(incident, IncidentClass.INFORMATION, SUPERVISOR, 112.0)
    assert incident.publication is not None
    desk.incidents.code(incident, what, SUPERVISOR, 113.0)
    assert (incident.publication, incident.published_at) == (None, None)
    assert kinds(desk, incident.id)[-2:] == ["coded", "unpublished"]
    assert fold(incident.id, timeline_of(desk, incident.id)) == incident
    desk.incidents.code(incident, IncidentClass.COMPLAINT, SUPERVISOR, 114.0)
    assert incident.publication is None


def test_what_is_merged_is_not_public_any_more() -> None:
    desk = LineDesk()
    incident, into = published(desk), published(desk)
    desk.incidents.merge(incident, into, SUPERVISOR, 120.0)
    assert incident.publication is None and into.publication is not None
