"""Deadlines come once, in order, and not when cancelled."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.timers import Timers

MOMENTS = st.lists(st.floats(min_value=0.0, max_value=100.0), max_size=30)


@OFTEN
@given(MOMENTS, st.floats(min_value=0.0, max_value=100.0))
def test_just_what_is_due_comes_once_and_earliest_first(moments: list[float], now: float) -> None:
    timers = Timers()
    came: list[tuple[float, float]] = []
    for when in moments:
        timers.at(when, lambda at, when=when: came.append((when, at)))  # type: ignore[misc]
    timers.fire(now)
    timers.fire(now)
    assert came == [(when, now) for when in sorted(moments) if when <= now]
    assert timers.next() == min((when for when in moments if when > now), default=None)


def test_deadlines_of_one_moment_come_in_the_order_in_which_they_were_set() -> None:
    timers, came = Timers(), list[str]()
    for name in "abc":
        timers.at(1.0, lambda _, name=name: came.append(name))  # type: ignore[misc]
    timers.fire(1.0)
    assert came == ["a", "b", "c"]


def test_a_cancelled_deadline_never_comes_and_is_not_waited_for() -> None:
    timers, came = Timers(), list[float]()
    early = timers.at(1.0, came.append)
    timers.at(2.0, came.append)
    early.cancel()
    early.cancel()
    assert timers.next() == 2.0
    timers.fire(3.0)
    assert came == [3.0]


def test_a_deadline_may_cancel_or_set_others_that_are_due_at_once() -> None:
    timers, came = Timers(), list[str]()
    timers.at(1.0, lambda _: second.cancel())
    second = timers.at(2.0, lambda _: came.append("cancelled"))

    def set_another(now: float) -> None:
        timers.at(now, lambda _: came.append("new"))

    timers.at(3.0, set_another)
    timers.fire(5.0)
    assert came == ["new"]
    assert timers.next() is None


def test_a_deadline_that_fails_does_not_take_the_others_with_it() -> None:
    timers, came = Timers(), list[float]()

    def fail(_: float) -> None:
        raise ZeroDivisionError

    timers.at(1.0, fail)
    timers.at(1.0, came.append)
    with pytest.raises(ZeroDivisionError):
        timers.fire(1.0)
    timers.fire(1.0)
    assert came == [1.0]


def test_cancelling_a_deadline_that_has_come_is_harmless() -> None:
    timers, came = Timers(), list[float]()
    timer = timers.at(1.0, came.append)
    timers.fire(1.0)
    timer.cancel()
    assert came == [1.0]
    assert timers.next() is None
