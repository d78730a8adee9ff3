"""Waiting calls are served by arrival, with their head start, and first of all beyond the cap."""

from __future__ import annotations

from typing import Any

import pytest
from factories import OFTEN, a_call
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.queueing.queue import WaitingQueue, cap_at, head_start, lane_of, service_key
from acd.rules.rules import Category, Rules

ARRIVALS = st.lists(st.floats(min_value=0.0, max_value=9.0), max_size=30)


@OFTEN
@given(ARRIVALS)
def test_the_order_is_by_arrival_however_calls_joined(arrivals: list[float]) -> None:
    calls = [a_call(f"c{one}", at=at) for one, at in enumerate(arrivals)]
    queue = WaitingQueue()
    for call in calls:
        queue.add(call)
    assert list(queue) == sorted(calls, key=service_key)
    assert len(queue) == len(calls)


@OFTEN
@given(ARRIVALS, st.data())
def test_a_call_that_comes_back_gets_its_old_place(
    arrivals: list[float], data: st.DataObject
) -> None:
    calls = [a_call(f"c{one}", at=at) for one, at in enumerate([1.0, *arrivals])]
    queue = WaitingQueue()
    places = {call.id: queue.add(call) for call in sorted(calls, key=service_key)}
    one = data.draw(st.sampled_from(calls))
    before = list(queue)
    assert queue.remove(one)
    assert one not in queue
    assert queue.add(one) == places[one.id]
    assert list(queue) == before


@OFTEN
@given(ARRIVALS)
def test_a_position_counts_from_one(arrivals: list[float]) -> None:
    queue = WaitingQueue()
    for one, at in enumerate(arrivals):
        call = a_call(f"c{one}", at=at)
        assert queue.add(call) == list(queue).index(call) + 1


def test_a_call_is_in_the_queue_once_however_often_it_is_added() -> None:
    queue, call = WaitingQueue(), a_call()
    assert (queue.add(call), queue.add(call)) == (1, 1)
    assert list(queue) == [call]


def test_taking_out_a_call_that_does_not_wait_changes_nothing() -> None:
    queue, call, other = WaitingQueue(), a_call("c1"), a_call("c2")
    queue.add(call)
    assert not queue.remove(other)
    assert queue.remove(call)
    assert not queue.remove(call)
    assert (len(queue), list(queue)) == (0, [])


@OFTEN
@given(st.lists(st.tuples(st.floats(0.0, 99.0), st.sampled_from([0.0, 5.0, 30.0])), max_size=30))
def test_a_head_start_passes_others_but_never_one_that_has_waited_so_much_longer(
    arrivals: list[tuple[float, float]],
) -> None:
    queue = WaitingQueue()
    for one, (at, seconds) in enumerate(arrivals):
        call = a_call(f"c{one}", at=at)
        call.head_start_s = seconds
        queue.add(call)
    served = list(queue)
    for place, call in enumerate(served):
        for later in served[place + 1 :]:
            passed_by = call.record.arrived_at - later.record.arrived_at
            assert passed_by <= call.head_start_s - later.head_start_s + 1e-9


WAITING = st.lists(
    st.builds(
        dict,
        at=st.floats(0.0, 99.0) | st.sampled_from([10.0, 10.0, 40.0]),
        category=st.sampled_from(["police", "fire", None]),
        language=st.sampled_from(["id", "en"]),
        head_start_s=st.sampled_from([0.0, 5.0, 0.1, 30.0]),
        aged=st.booleans(),
    ),
    max_size=25,
)


def several(waiting: list[dict[str, Any]]) -> list[Call]:
    """Calls of many lanes."""
    calls = []
    for one, given_ in enumerate(waiting):
        call = a_call(f"c{one}", at=given_["at"], category=given_["category"])
        call.record.language = given_["language"]
        call.head_start_s, call.aged = given_["head_start_s"], given_["aged"]
        calls.append(call)
    return calls


@OFTEN
@given(WAITING)
def test_the_order_and_the_positions_go_over_all_lanes(waiting: list[dict[str, Any]]) -> None:
    calls, queue = several(waiting), WaitingQueue()
    for call in calls:
        position = queue.add(call)
        assert position == queue.position(call) == list(queue).index(call) + 1
    assert list(queue) == sorted(calls, key=service_key)
    assert [queue.position(call) for call in queue] == list(range(1, len(calls) + 1))


@OFTEN
@given(WAITING)
def test_the_lanes_hold_every_call_once_by_arrival(waiting: list[dict[str, Any]]) -> None:
    calls, queue = several(waiting), WaitingQueue()
    for call in calls:
        queue.add(call)
    lanes = [list(lane) for lane in queue.lanes()]
    assert sorted(call.id for lane in lanes for call in lane) == sorted(call.id for call in calls)
    for lane in lanes:
        assert lane
        assert len({lane_of(call) for call in lane}) == 1
        arrivals = [call.record.arrived_at for call in lane]
        assert arrivals == sorted(arrivals)


@OFTEN
@given(WAITING, st.data())
def test_who_is_beyond_the_cap_goes_to_the_front_by_arrival(
    waiting: list[dict[str, Any]], data: st.DataObject
) -> None:
    calls, queue = several(waiting), WaitingQueue()
    for call in calls:
        queue.add(call)
    for call in data.draw(st.permutations(calls)) if calls else []:
        queue.age(call)
        aged = [one for one in calls if one.aged]
        assert list(queue)[: len(aged)] == sorted(
            aged, key=lambda one: (one.record.arrived_at, one.id)
        )
        assert len(queue) == len(calls)


def test_a_call_that_ages_while_a_phone_rings_comes_back_to_the_front() -> None:
    queue, old, urgent = WaitingQueue(), a_call("c1", at=100.0), a_call("c2", at=110.0)
    urgent.head_start_s = 600.0
    queue.add(urgent)
    queue.age(old)
    assert (old.aged, old in queue, len(queue)) == (True, False, 1)
    assert queue.add(old) == 1


def test_who_does_not_wait_has_no_position() -> None:
    queue = WaitingQueue()
    assert queue.position(a_call()) is None


def test_a_call_can_be_taken_out_whatever_has_changed_since_it_was_added() -> None:
    queue, call = WaitingQueue(), a_call("c1", category="police")
    queue.add(call)
    call.record.category, call.record.language, call.head_start_s = "fire", "en", 30.0
    call.aged = True
    assert queue.position(call) == 1
    assert queue.remove(call)
    assert (len(queue), list(queue), queue.lanes()) == (0, [], [])


RULES = Rules(
    categories={"fire": Category("API", head_start_s=60.0, cap_s=90.0)},
    resource_priority={"esnet.2": 20.0, "wps.0": 50.0},
    silent_head_start_s=5.0,
)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 60.0),
        ({"resource_priority": "esnet.2"}, 80.0),
        ({"resource_priority": "ESNET.2"}, 80.0),
        ({"resource_priority": "esnet.2, wps.0"}, 110.0),
        ({"resource_priority": "wps.0,dsn.flash"}, 110.0),
        ({"resource_priority": "esnet.2/wps.0/"}, 110.0),  # as the dialplan writes it
        ({"resource_priority": "dsn.flash"}, 60.0),
        ({"resource_priority": " ,,;\x00esnet.2x"}, 60.0),
        ({"silent": True}, 65.0),
        ({"silent": True, "resource_priority": "wps.0"}, 115.0),
    ],
)
def test_the_head_start_is_the_sum_of_the_category_and_of_what_the_call_brings(
    changes: dict[str, Any], seconds: float
) -> None:
    call = a_call(category="fire")
    for name, value in changes.items():
        setattr(call, name, value)
    assert head_start(call, RULES) == seconds


def test_more_urgent_is_more_of_a_head_start_in_every_namespace_that_we_ship() -> None:
    def seconds(value: str) -> float:
        call = a_call()
        call.resource_priority = value
        return head_start(call, Rules())

    for most_urgent_first in ("wps.0 wps.1 wps.2 wps.3 wps.4", "esnet.4 esnet.3 esnet.2 esnet.1"):
        shipped = [seconds(value) for value in most_urgent_first.split()]
        assert shipped == sorted(shipped, reverse=True)
        assert (shipped[0], shipped[-1]) == (60.0, 0.0)


def test_the_cap_is_the_categorys_and_counts_from_the_arrival() -> None:
    assert cap_at(a_call(at=100.0, category="fire"), RULES) == 190.0
    assert cap_at(a_call(at=100.0, category="police"), RULES) == 220.0
