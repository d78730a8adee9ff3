"""A record of the fallback becomes a call record."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spooled import ARRIVED, HUNG_UP, STARTED, served

from acd.calls.record import Outcome, fold
from ngalam112.engine.clock import Anchor
from ngalam112.recovery.fallback_files import SpoolError, by_clock
from ngalam112.recovery.fallback_records import events_of


def test_an_answered_call_becomes_a_record_of_the_fallback() -> None:
    call_id, events = events_of(served())
    record = fold(call_id, events)
    assert [event.kind for event in events] == ["arrived", "fallback", "ended"]
    assert [event.seq for event in events] == [1, 2, 3]
    assert (record.outcome, record.phone, record.ended_by) == (Outcome.FALLBACK, "101", "operator")
    assert (record.caller_number, record.caller_name) == ("0812", "Warga")
    assert (record.asterisk_id, record.called_number) == ("1800000000.1", "112")
    assert (record.arrived_at, record.operator_answered_at) == (ARRIVED, ARRIVED + 2)
    assert (record.ended_at, record.talk_ms) == (ARRIVED + 32, 30_000)


def test_a_call_that_nobody_answered_is_lost_in_the_fallback() -> None:
    call_id, events = events_of(served(status="unanswered", answered_at=None, phone=None))
    record = fold(call_id, events)
    assert (record.outcome, record.talk_ms) == (Outcome.LOST_FALLBACK, None)


def test_who_hung_up_before_anybody_took_the_call_counts_as_lost() -> None:
    call_id, events = events_of(HUNG_UP)
    assert fold(call_id, events).outcome == Outcome.LOST_MENU


def test_who_hung_up_before_the_arrival_was_noted_has_arrived_then() -> None:
    call_id, events = events_of({**HUNG_UP, "arrived_at": None, "began_at": None})
    record = fold(call_id, events)
    assert record.arrived_at == record.ended_at == HUNG_UP["ended_at"]
    assert record.outcome == Outcome.LOST_MENU


def test_the_same_call_has_the_same_id_and_another_one_another() -> None:
    assert events_of(served()) == events_of(served())
    assert events_of(served())[0] != events_of(served(asterisk_id="1800000000.2"))[0]
    nameless = [events_of(served(asterisk_id="", arrived_at=ARRIVED - at))[0] for at in (0, 1)]
    assert len(set(nameless)) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3},
        {"status": "lost"},
        {"arrived_at": "yesterday"},
        {"arrived_at": -1},
        {"ended_at": None},
        {"ended_at": float("inf")},
        {"ended_at": float("nan")},
        {"ended_at": 1.8e305},
        {"caller_number": None},
        {"phone": 101},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SpoolError):
        events_of(served(**change))


def test_a_field_that_is_missing_is_named() -> None:
    record = served()
    del record["caller_number"]
    with pytest.raises(SpoolError, match="caller_number"):
        events_of(record)


times = st.one_of(st.none(), st.floats())
statuses = st.sampled_from(["started", "answered", "unanswered", "hung_up"])


@given(st.text(), st.text(), times, times, times, statuses)
def test_whatever_the_file_says_the_record_has_one_outcome_and_times_in_order(
    asterisk_id: str, number: str, arrived: Any, answered: Any, ended: Any, status: str
) -> None:
    said = {"arrived_at": arrived, "answered_at": answered, "ended_at": ended}
    record = served(asterisk_id=asterisk_id, caller_number=number, status=status, **said)
    try:
        call_id, events = events_of(record)
    except SpoolError:
        return
    call = fold(call_id, events)
    lost = (Outcome.LOST_FALLBACK, Outcome.LOST_MENU)
    assert call.outcome in (lost if call.operator_answered_at is None else (Outcome.FALLBACK,))
    assert call.ended_at is not None
    assert call.arrived_at <= (call.operator_answered_at or call.arrived_at) <= call.ended_at
    assert len(call_id) <= 40


def test_a_record_is_told_by_the_engines_clock() -> None:
    content = served(boot="this", offset=1_000.0)
    told = by_clock(content, Anchor("this", 4_600.0))
    names = ("arrived_at", "began_at", "answered_at", "ended_at")
    assert [told[name] - content[name] for name in names] == [3600.0] * 4
    unanswered = by_clock(STARTED | {"boot": "this", "offset": 1.0}, Anchor("this", 2.0))
    assert (unanswered["answered_at"], unanswered["arrived_at"]) == (None, ARRIVED + 1)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"boot": "another", "offset": 1_000.0},
        {"boot": "this", "offset": math.nan},
        {"boot": "this", "offset": "x"},
        {"boot": "this"},
        {"boot": "this", "offset": 1_000.0, "asterisk_id": ""},
    ],
    ids=str,
)
def test_where_nothing_tells_how_two_clocks_differ_the_times_stay(change: dict[str, Any]) -> None:
    content = served(**change)
    assert by_clock(content, Anchor("this", 4_600.0)) is content
    assert by_clock(content, None) is content
