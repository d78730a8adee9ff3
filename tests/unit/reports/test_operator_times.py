"""The times of operators: cut at the ends of the range, and the parts are the whole."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from acd.operators.operator import Status
from acd.operators.states import State
from reports.operator_times import (
    NO_REASON,
    Change,
    OperatorTimes,
    all_times,
    intervals,
    is_logged_in,
    times_of,
)

PARTS = ("idle", "offered", "talking", "holding", "calling", "wrap_up", "paused")


def change(at: int, status: str, state: str = "idle", reason: str | None = None) -> Change:
    return Change("1001", at, status, state, reason)


SHIFT = [
    change(1_000, "ready"),
    change(5_000, "ready", "offered"),
    change(6_000, "ready", "talking"),
    change(16_000, "ready", "holding"),
    change(20_000, "ready", "talking"),
    change(30_000, "ready", "wrap_up"),
    change(35_000, "ready", "idle"),
    change(45_000, "paused", "idle", "prayer"),
    change(65_000, "paused", "idle"),
    change(70_000, "ready", "calling"),
    change(75_000, "ready", "idle"),
    change(80_000, "logged_out"),
]


def found(begin: int, end: int, changes: list[Change] = SHIFT) -> dict[str, Any]:
    one = times_of("1001", intervals(changes, begin, end))
    shown = {name: getattr(one, f"{name}_ms") for name in ("logged_in", *PARTS)}
    return {name: ms for name, ms in shown.items() if ms}


def test_a_shift_is_taken_apart_by_what_was_done() -> None:
    assert found(0, 100_000) == {
        "logged_in": 79_000,
        "idle": 19_000,
        "offered": 1_000,
        "talking": 20_000,
        "holding": 4_000,
        "wrap_up": 5_000,
        "calling": 5_000,
        "paused": 25_000,
    }
    one = times_of("1001", intervals(SHIFT, 0, 100_000))
    assert one.paused == {"prayer": 20_000, NO_REASON: 5_000}
    assert one.occupancy_percent == round(100 * 35_000 / (79_000 - 25_000), 1)


def test_what_goes_on_over_an_end_of_the_range_is_cut_there() -> None:
    assert found(10_000, 32_000) == {
        "logged_in": 22_000,
        "talking": 16_000,
        "holding": 4_000,
        "wrap_up": 2_000,
    }
    assert found(90_000, 100_000) == {}
    assert found(0, 1_000) == {}


def test_the_last_state_goes_on_to_the_end() -> None:
    assert found(0, 9_000, SHIFT[:3]) == {
        "logged_in": 8_000,
        "idle": 4_000,
        "offered": 1_000,
        "talking": 3_000,
    }


def test_who_logs_out_in_a_call_is_logged_in_until_it_is_over() -> None:
    changes = [
        change(0, "ready", "talking"),
        change(10, "logged_out", "talking"),
        change(30, "logged_out", "wrap_up"),
        change(35, "logged_out"),
    ]
    assert found(0, 100, changes) == {"logged_in": 35, "talking": 30, "wrap_up": 5}


def test_a_call_that_a_paused_operator_has_is_no_pause() -> None:
    changes = [change(0, "paused", "talking", "meal"), change(10, "paused", "idle", "meal")]
    assert found(0, 30, changes) == {"logged_in": 30, "talking": 10, "paused": 20}


def test_who_was_only_paused_has_no_occupancy() -> None:
    one = times_of("1001", intervals([change(0, "paused")], 0, 10))
    assert one.occupancy_percent is None


def test_operators_are_kept_apart_and_who_was_not_there_is_left_out() -> None:
    other = [Change("1002", 50, "logged_out", "idle")]
    third = [Change("1003", 70, "ready", "idle")]
    times = all_times([*SHIFT, *other, *third], 0, 100_000)
    assert [(one.operator, one.logged_in_ms) for one in times] == [
        ("1001", 79_000),
        ("1003", 99_930),
    ]


_CHANGES = st.lists(
    st.builds(
        change,
        st.integers(0, 1000),
        st.sampled_from(list(Status)),
        st.sampled_from(list(State)),
        st.sampled_from([None, "meal", "prayer"]),
    ),
    max_size=12,
).map(lambda some: sorted(some, key=lambda one: one.at))


@settings(max_examples=150, deadline=None)
@given(_CHANGES, st.integers(0, 1000), st.integers(0, 1000))
def test_the_parts_are_the_time_logged_in_exactly(
    changes: list[Change], begin: int, end: int
) -> None:
    one = times_of("1001", intervals(changes, begin, end))
    assert sum(getattr(one, f"{name}_ms") for name in PARTS) == one.logged_in_ms
    assert sum(one.paused.values()) == one.paused_ms
    # counted another way: millisecond by millisecond
    there = 0
    for at in range(begin, end):
        last = [change for change in changes if change.at <= at]
        there += bool(last) and is_logged_in(last[-1])
    assert one.logged_in_ms == there


@settings(max_examples=80, deadline=None)
@given(_CHANGES, st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 1000))
def test_two_ranges_that_meet_are_as_much_as_both_in_one(
    changes: list[Change], first: int, second: int, third: int
) -> None:
    begin, middle, end = sorted((first, second, third))

    def times(since: int, until: int) -> OperatorTimes:
        return times_of("1001", intervals(changes, since, until))

    for name in ("logged_in", *PARTS):
        field = f"{name}_ms"
        both = getattr(times(begin, middle), field) + getattr(times(middle, end), field)
        assert both == getattr(times(begin, end), field)
