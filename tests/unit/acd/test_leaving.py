"""Nobody but the erasure changes a record for a while after it was let go."""

from __future__ import annotations

from acd.leaving import Leaving
from acd.timers import Timers


def test_a_record_that_is_let_go_twice_is_left_alone_until_the_later_time() -> None:
    timers = Timers()
    leaving = Leaving(timers)
    leaving.add(["a", "b"], 60.0)
    leaving.add(["a"], 70.0)
    assert "a" in leaving and "b" in leaving and "c" not in leaving
    timers.fire(60.0)
    assert "a" in leaving and "b" not in leaving
    timers.fire(70.0)
    assert "a" not in leaving
