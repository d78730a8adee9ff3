"""Waiting calls are served in the order in which they arrived at the line."""

from __future__ import annotations

from factories import OFTEN, a_call
from hypothesis import given
from hypothesis import strategies as st

from acd.queue import WaitingQueue, service_key

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
    for one, (at, head_start) in enumerate(arrivals):
        call = a_call(f"c{one}", at=at)
        call.head_start_s = head_start
        queue.add(call)
    served = list(queue)
    for place, call in enumerate(served):
        for later in served[place + 1 :]:
            passed_by = call.record.arrived_at - later.record.arrived_at
            assert passed_by <= call.head_start_s - later.head_start_s + 1e-9
