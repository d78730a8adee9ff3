"""The call record is what its events say, whatever happens to a call."""

from __future__ import annotations

import math
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.record import (
    CallEvent,
    CallRecord,
    CategorySource,
    EventKind,
    Outcome,
    apply,
    fold,
)
from models.rows import fit, plain
from models.tables import CallEventRow, CallRow

K = EventKind
DATA: dict[EventKind, dict[str, Any]] = {
    K.ARRIVED: {"asterisk_id": "1.1", "caller_number": "0812", "called_number": "112"},
    K.DIGIT: {"digit": "3", "menu": "main"},
    K.KEY: {"digit": "4", "stage": "talking", "means": "yes"},
    K.DISPOSITION: {"disposition": "prank", "operator": "1001"},
    K.MENU_DONE: {"category": "fire", "category_source": "menu"},
    K.LANGUAGE: {"language": "jv"},
    K.INFORMATION_STARTED: {"information": "covid"},
    K.INFORMATION_HEARD: {"information": "covid", "prompt": "a", "ms": 9000, "whole": False},
    K.NOTICE_HEARD: {"notice": "n1", "ms": 9000, "whole": True, "enough": True},
    K.CALLBACK_WANTED: {},
    K.QUEUED: {"category": "fire", "position": 1},
    K.OFFERED: {"operator": "1001", "phone": "101"},
    K.RINGING: {"operator": "1001", "phone": "101"},
    K.OFFER_FAILED: {"operator": "1001", "phone": "101", "reason": "busy", "cause": 17},
    K.ANSWERED: {"operator": "1001", "phone": "101", "leg": "l1"},
    K.OVERFLOW: {"step": 1, "to": "all_phones"},
    K.CALLED_BACK: {"operator": "1001", "phone": "101", "leg": "l3", "to": "0812"},
    K.HELD: {"operator": "1001", "phone": "101", "leg": "l1"},
    K.RESUMED: {"operator": "1001", "phone": "101", "leg": "l1", "held_ms": 1500},
    K.TRANSFER_STARTED: {"operator": "1001", "phone": "101", "kind": "operator", "to": "1002"},
    K.TRANSFER_FAILED: {"operator": "1001", "phone": "101", "kind": "operator", "to": "1002"},
    K.JOINED: {"operator": "1002", "phone": "102", "leg": "l2", "how": "transfer"},
    K.LEFT: {"operator": "1001", "phone": "101", "leg": "l1", "reason": "transferred"},
    K.TRANSFERRED: {"operator": "1001", "phone": "101", "kind": "operator", "to": "1002"},
    K.LOCATED: {
        "source": "value",
        "lat": -7.98,
        "lon": 112.63,
        "radius_m": 25.0,
        "place": "Kauman",
    },
    K.QUALITY: {"leg": "citizen", "loss_percent": 0.5, "jitter_ms": 3.0},
    K.PUT_FIRST: {"by": "budi"},
    K.MOVED: {"category": "fire", "by": "budi"},
    K.TROUBLE: {"what": "a prompt did not start"},
    K.ENDED: {"ended_by": "caller", "hangup_cause": 16},
    K.FALLBACK: {"status": "answered", "phone": "101", "answered_at": None},
    K.ERASED: {"why": "request 7"},
}

BEFORE_THE_END = [kind for kind in EventKind if kind not in (K.ARRIVED, K.ENDED)]
PAUSES = st.floats(min_value=0.0, max_value=600.0)


def events_of(*kinds: EventKind, step: float = 1.0, start: float = 100.0) -> list[CallEvent]:
    """Events of one call, `step` seconds apart."""
    return [
        CallEvent(call_id="one", seq=seq, at=start + step * (seq - 1), kind=kind, data=DATA[kind])
        for seq, kind in enumerate(kinds, 1)
    ]


@st.composite
def calls(draw: st.DrawFn, ended: bool = True) -> list[CallEvent]:
    """Any call at all: it arrives, anything happens in any order, and it ends."""
    middle = draw(st.lists(st.sampled_from(BEFORE_THE_END), max_size=25))
    at = draw(st.floats(min_value=1.0, max_value=4e9))
    events = []
    for seq, kind in enumerate([K.ARRIVED, *middle, *([K.ENDED] if ended else [])], 1):
        data = DATA[kind]
        if kind is K.FALLBACK:
            status = draw(st.sampled_from(["answered", "unanswered", "taken_back"]))
            data = data | {"status": status, "answered_at": at if status == "answered" else None}
        events.append(CallEvent(call_id="one", seq=seq, at=at, kind=kind, data=data))
        at += draw(PAUSES)
    return events


def first(moments: list[float]) -> float | None:
    return moments[0] if moments else None


def last(moments: list[float]) -> float | None:
    return moments[-1] if moments else None


def times(events: list[CallEvent], *kinds: EventKind) -> list[float]:
    return [event.at for event in events if event.kind in kinds]


@given(calls())
def test_every_call_that_ends_has_exactly_one_outcome_and_it_fits_its_events(
    events: list[CallEvent],
) -> None:
    record = fold("one", events)
    happened = {event.kind for event in events}
    if fallback_has_it(events):
        expected = {Outcome.LOST_FALLBACK if answer(events) is None else Outcome.FALLBACK}
    elif K.ANSWERED in happened:
        expected = {Outcome.ANSWERED}
    elif K.QUEUED in happened:
        expected = {Outcome.LOST_QUEUE, Outcome.LOST_RINGING}
    elif K.INFORMATION_STARTED in happened:
        expected = {Outcome.INFORMATION}
    else:
        expected = {Outcome.LOST_MENU}
    assert record.outcome in expected


def fallback_has_it(events: list[CallEvent]) -> bool:
    """Whether the fallback answered first, or tried last and no engine went on with the call."""
    has_it = False
    for event in events:
        if event.kind is K.FALLBACK and event.data["status"] != "taken_back":
            has_it = True
            if event.data["answered_at"] is not None:
                return True
        elif event.kind is K.ANSWERED:
            return False
        elif event.kind is K.QUEUED:
            has_it = False
    return has_it


@given(calls(ended=False))
def test_a_call_that_has_not_ended_has_no_outcome_unless_the_fallback_served_it(
    events: list[CallEvent],
) -> None:
    record = fold("one", events)
    assert record.ended_at is None
    assert record.talk_ms is None
    assert record.outcome is (Outcome.FALLBACK if fallback_has_it(events) else None)


def pending_offer(events: list[CallEvent]) -> float | None:
    """The time of the last offer that neither failed nor ended by waiting again unanswered."""
    pending, answered = None, False
    for event in events:
        if event.kind is K.OFFERED and not answered:
            pending = event.at
        elif event.kind in (K.OFFER_FAILED, K.QUEUED) and not answered:
            pending = None
        elif event.kind is K.FALLBACK and event.data["status"] != "taken_back" and not answered:
            pending, answered = None, event.data["answered_at"] is not None
        answered = answered or event.kind is K.ANSWERED
    return pending


def answer(events: list[CallEvent]) -> float | None:
    """The time of the first answer; what the fallback tells counts."""
    for event in events:
        if event.kind is K.ANSWERED:
            return event.at
        if event.kind is K.FALLBACK and event.data["answered_at"] is not None:
            return float(event.data["answered_at"])
    return None


@given(calls())
def test_the_times_of_a_record_are_those_of_its_events(events: list[CallEvent]) -> None:
    record = fold("one", events)
    assert record.arrived_at == times(events, K.ARRIVED)[0]
    assert record.ended_at == times(events, K.ENDED)[0]
    assert record.menu_done_at == last(times(events, K.MENU_DONE))
    assert record.queued_at == first(times(events, K.QUEUED))
    assert record.first_offer_at == first(times(events, K.OFFERED))
    assert record.operator_answered_at == answer(events)
    assert record.last_offer_at == pending_offer(events)


@given(calls())
def test_durations_are_there_just_when_the_call_got_so_far_and_never_negative(
    events: list[CallEvent],
) -> None:
    record = fold("one", events)
    assert (record.wait_ms is None) == (record.queued_at is None)
    assert (record.talk_ms is None) == (record.operator_answered_at is None)
    for duration in (record.wait_ms, record.ring_ms, record.talk_ms):
        assert duration is None or duration >= 0
    if record.operator_answered_at is not None and record.ended_at is not None:
        talked = record.ended_at - record.operator_answered_at
        assert record.talk_ms == round(talked * 1000)


@given(calls())
def test_counts_are_those_of_the_events(events: list[CallEvent]) -> None:
    record = fold("one", events)
    assert record.events == len(events)
    assert record.offers == len(times(events, K.OFFERED))
    assert record.informed == bool(times(events, K.INFORMATION_STARTED))
    assert len(record.legs) == len(times(events, K.ANSWERED, K.JOINED))
    assert record.holds == len(times(events, K.HELD))
    assert record.held_ms == 1500 * len(times(events, K.RESUMED))
    assert record.transfers == len(times(events, K.TRANSFERRED))


def test_every_one_who_spoke_with_the_citizen_has_a_leg_with_its_times() -> None:
    record = fold("one", events_of(K.ARRIVED, K.ANSWERED, K.JOINED, K.LEFT, K.ENDED))
    first_leg, second_leg = record.legs
    assert (first_leg.operator, first_leg.how, first_leg.joined_at) == ("1001", "answered", 101.0)
    assert (first_leg.left_at, first_leg.reason) == (103.0, "transferred")
    assert (second_leg.operator, second_leg.how) == ("1002", "transfer")
    assert (second_leg.left_at, second_leg.reason) == (104.0, "caller")
    assert (record.operator, record.talk_ms) == ("1001", 3000)


@given(calls())
def test_a_record_kept_up_step_by_step_equals_the_fold_of_its_events(
    events: list[CallEvent],
) -> None:
    record = CallRecord(call_id="one")
    for number, event in enumerate(events, 1):
        apply(record, event)
        assert record == fold("one", events[:number])


@given(calls())
def test_events_that_were_written_and_read_again_give_the_same_record(
    events: list[CallEvent],
) -> None:
    again = msgspec.json.decode(msgspec.json.encode(events), type=list[CallEvent])
    assert fold("one", again) == fold("one", events)


def test_the_usual_call() -> None:
    record = fold(
        "one", events_of(K.ARRIVED, K.MENU_DONE, K.QUEUED, K.OFFERED, K.ANSWERED, K.ENDED)
    )
    assert record.outcome is Outcome.ANSWERED
    assert (record.category, record.category_source) == ("fire", CategorySource.MENU)
    assert (record.operator, record.phone, record.offers) == ("1001", "101", 1)
    assert (record.wait_ms, record.ring_ms, record.talk_ms) == (2000, 1000, 1000)
    assert (record.ended_by, record.hangup_cause) == ("caller", 16)


@pytest.mark.parametrize(
    ("kinds", "outcome", "ring_ms"),
    [
        ((K.ARRIVED, K.ENDED), Outcome.LOST_MENU, None),
        ((K.ARRIVED, K.DIGIT, K.ENDED), Outcome.LOST_MENU, None),
        ((K.ARRIVED, K.INFORMATION_STARTED, K.ENDED), Outcome.INFORMATION, None),
        ((K.ARRIVED, K.INFORMATION_STARTED, K.QUEUED, K.ENDED), Outcome.LOST_QUEUE, None),
        ((K.ARRIVED, K.QUEUED, K.OFFERED, K.RINGING, K.ENDED), Outcome.LOST_RINGING, 2000),
        ((K.ARRIVED, K.QUEUED, K.OFFERED, K.OFFER_FAILED, K.ENDED), Outcome.LOST_QUEUE, None),
        ((K.ARRIVED, K.FALLBACK, K.ENDED), Outcome.LOST_FALLBACK, None),
    ],
)
def test_where_a_call_was_lost(
    kinds: tuple[EventKind, ...], outcome: Outcome, ring_ms: int | None
) -> None:
    record = fold("one", events_of(*kinds))
    assert (record.outcome, record.ring_ms) == (outcome, ring_ms)


def test_an_offer_that_failed_leaves_no_operator_behind_and_the_next_counts_anew() -> None:
    kinds = (K.ARRIVED, K.QUEUED, K.OFFERED, K.OFFER_FAILED)
    assert fold("one", events_of(*kinds)).operator is None
    record = fold("one", events_of(*kinds, K.OFFERED, K.ANSWERED, K.ENDED))
    assert (record.offers, record.ring_ms, record.wait_ms) == (2, 1000, 4000)
    assert record.first_offer_at == 102.0


def rung_for(*numbers: str) -> list[tuple[EventKind, dict[str, Any]]]:
    """A citizen for whom all these operators' phones ring at once."""
    offers = [(K.OFFERED, {"operator": f"100{one}", "phone": f"10{one}"}) for one in numbers]
    return [(K.ARRIVED, DATA[K.ARRIVED]), (K.QUEUED, DATA[K.QUEUED]), *offers]


def charged_to(*steps: tuple[EventKind, dict[str, Any]]) -> tuple[str | None, str | None]:
    events = [
        CallEvent(call_id="one", seq=seq, at=100.0 + seq, kind=kind, data=data)
        for seq, (kind, data) in enumerate([*steps, (K.ENDED, DATA[K.ENDED])], 1)
    ]
    record = fold("one", events)
    assert record.outcome is Outcome.LOST_RINGING
    return record.operator, record.phone


def test_a_call_that_rang_for_several_is_no_ones_loss() -> None:
    assert charged_to(*rung_for("1", "2", "3")) == (None, None)


def test_a_call_that_rings_on_for_one_of_several_is_the_loss_of_that_one() -> None:
    refused = {"operator": "1002", "phone": "102", "reason": "rejected", "ringing": 1}
    still = {"operator": "1001", "phone": "101"}
    assert charged_to(*rung_for("1", "2"), (K.OFFER_FAILED, {**refused, "still": still})) == (
        "1001",
        "101",
    )


def test_the_columns_of_the_table_are_the_fields_of_the_record() -> None:
    assert tuple(CallRow.__table__.columns.keys()) == CallRecord.__struct_fields__
    assert tuple(CallEventRow.__table__.columns.keys()) == CallEvent.__struct_fields__


@given(calls())
def test_a_record_comes_back_from_the_types_of_the_columns_as_it_was(
    events: list[CallEvent],
) -> None:
    record = fold("one", events)
    again = msgspec.convert(plain(fit(CallRow, record.row())), CallRecord)
    for name, value in record.row().items():
        kept = again.row()[name]
        is_time = name.endswith("_at") and value is not None
        # a column keeps whole microseconds
        assert kept == (pytest.approx(value, rel=0, abs=2e-6) if is_time else value), name


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
ANY_TEXT = st.text(st.characters(exclude_categories=[]), max_size=400)


@given(ANY_TEXT, st.floats(), st.integers(), ANY_JSON)
def test_whatever_comes_from_outside_is_made_to_fit(
    text: str, at: float, number: int, data: object
) -> None:
    row = fit(
        CallRow,
        {"caller_name": text, "arrived_at": at, "hangup_cause": number, "loss_percent": at},
    )
    assert len(row["caller_name"]) <= 128
    assert "\0" not in row["caller_name"]
    row["caller_name"].encode()
    assert isinstance(row["arrived_at"], datetime)
    assert -(2**31) < row["hangup_cause"] < 2**31
    assert row["loss_percent"] is None or math.isfinite(row["loss_percent"])
    kept = fit(CallEventRow, {"data": {"x": data}})["data"]
    encoded = msgspec.json.encode(kept)
    assert b"\\u0000" not in encoded
    msgspec.json.decode(encoded)


@given(st.lists(st.floats(min_value=0, max_value=4e9), min_size=2, max_size=20))
def test_moments_keep_the_order_of_the_seconds(seconds: list[float]) -> None:
    rows = [fit(CallRow, {"arrived_at": one}) for one in sorted(seconds)]
    assert all(one["arrived_at"] <= other["arrived_at"] for one, other in pairwise(rows))


def about(status: str, answered_at: float | None = None) -> dict[str, object]:
    return {"status": status, "phone": "105", "answered_at": answered_at}


def told(*events: tuple[EventKind, float, dict[str, object]]) -> list[CallEvent]:
    return [
        CallEvent(call_id="one", seq=seq, at=at, kind=kind, data=data)
        for seq, (kind, at, data) in enumerate(events, 1)
    ]


BEGIN = [(K.ARRIVED, 100.0, DATA[K.ARRIVED]), (K.QUEUED, 101.0, DATA[K.QUEUED])]


@pytest.mark.parametrize("order", [1, -1])
def test_whom_an_engine_took_back_and_an_operator_answered_was_answered(order: int) -> None:
    between = [(K.FALLBACK, 110.0, about("taken_back")), (K.ANSWERED, 120.0, DATA[K.ANSWERED])]
    end = (K.ENDED, 130.0, DATA[K.ENDED])
    record = fold("one", told(*BEGIN, *between[::order], end))
    assert (record.outcome, record.operator_answered_at) == (Outcome.ANSWERED, 120.0)
    assert (record.operator, record.talk_ms) == (DATA[K.ANSWERED]["operator"], 10_000)


def test_what_the_fallback_tells_after_a_guessed_end_counts() -> None:
    guess = (K.ENDED, 105.0, {"ended_by": "unknown", "hangup_cause": 0})
    truth = [(K.FALLBACK, 110.0, about("answered", 110.0)), (K.ENDED, 130.0, DATA[K.ENDED])]
    record = fold("one", told(*BEGIN, guess, *truth))
    assert (record.outcome, record.phone) == (Outcome.FALLBACK, "105")
    assert (record.wait_ms, record.talk_ms, record.ended_at) == (9_000, 20_000, 130.0)


def test_who_is_lost_in_the_queue_after_the_fallback_tried_in_vain_is_lost_there() -> None:
    again = [(K.FALLBACK, 110.0, about("unanswered")), (K.QUEUED, 120.0, DATA[K.QUEUED])]
    record = fold("one", told(*BEGIN, *again, (K.ENDED, 130.0, DATA[K.ENDED])))
    assert record.outcome is Outcome.LOST_QUEUE
