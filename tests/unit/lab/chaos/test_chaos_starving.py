"""A line that was starved has to get back to what it served before."""

from __future__ import annotations

import pytest

from lab.chaos.play import Moment
from lab.chaos.surge import AS_BEFORE, Starving


@pytest.mark.parametrize(
    ("after", "late"), [(10.0, False), (10.0 * AS_BEFORE, False), (6.9, True), (0.0, True)]
)
def test_fewer_calls_than_the_bound_are_late(after: float, late: bool) -> None:
    one = Starving(before=10.0, during=1.0, after=after, up={"queued": 40}, begun=Moment(0.0, 0.0))
    assert bool(one.late()) is late
    assert one.details()["served_cps"]["after"] == round(after, 1)
