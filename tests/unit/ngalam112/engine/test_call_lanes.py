"""What belongs to one call takes one lane; calls are spread over all that there are for them."""

from __future__ import annotations

import pytest

from ngalam112.engine import call_lanes
from ngalam112.engine.call_lanes import CallLanes


def test_all_of_a_call_takes_its_citizens_lane() -> None:
    lanes = CallLanes(5)
    lanes.of("another citizen")
    lane = lanes.of("citizen")
    assert lanes.add("leg", "citizen") == lanes.add("bridge", "leg") == lane
    assert [lanes.of(one) for one in ("leg", "bridge", "citizen")] == [lane] * 3


def test_who_comes_to_another_call_does_so_on_the_old_lane_and_stays_on_the_new() -> None:
    lanes = CallLanes(5)
    lane, other = lanes.of("citizen"), lanes.of("a phone that dials")
    lanes.add("leg", "a phone that dials")
    assert lanes.move("leg", "citizen") == other != lane
    assert lanes.of("leg") == lanes.move("leg", "citizen") == lane
    assert lanes.move("unknown", "citizen") == lanes.of("unknown") == lane


def test_calls_take_the_lanes_by_turns_and_leave_the_event_socket_alone() -> None:
    lanes = CallLanes(5)
    assert [lanes.of(f"c{number}") for number in range(8)] == [1, 2, 3, 4, 1, 2, 3, 4]


def test_with_one_socket_all_goes_over_that() -> None:
    lanes = CallLanes(1)
    assert [lanes.of("c1"), lanes.of("c2"), lanes.add("leg", "c2")] == [0, 0, 0]


def test_what_is_long_over_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_lanes, "_REMEMBERED", 2)
    lanes = CallLanes(5)
    assert [lanes.of("c1"), lanes.of("c2"), lanes.of("c3")] == [1, 2, 3]
    assert [lanes.of("c3"), lanes.of("c2"), lanes.of("c1")] == [3, 2, 4]
