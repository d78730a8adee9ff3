"""Who gets which call: the first of the queue goes to whom its strategy puts first, or to all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from factories import OFTEN, a_call, a_phone, an_operator
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.operators.operator import Device, Operator, Phone, Status, available
from acd.operators.states import State
from acd.queueing.allocation import Offer, allocate
from acd.queueing.queue import WaitingQueue
from acd.queueing.strategies import STRATEGIES, longest_idle
from acd.rules.rules import Category, Rules

NOW = 100.0
RULES = Rules()
ANY = a_call()
TIMES = st.floats(min_value=0.0, max_value=200.0)
PHONES = [f"{101 + one}" for one in range(6)]


@st.composite
def crews(draw: st.DrawFn) -> tuple[list[Operator], dict[str, Phone]]:
    """Operators in any status and state, at most one at a phone; phones in any state."""
    seats = draw(st.permutations(PHONES))
    operators = [
        an_operator(
            f"{1001 + one}",
            phone=draw(st.none() | st.just(seats[one])),
            status=draw(st.sampled_from(Status)),
            state=draw(st.sampled_from(State)),
            idle_since=draw(TIMES),
            not_before=draw(TIMES),
            calls_taken=draw(st.integers(0, 3)),
        )
        for one in range(draw(st.integers(0, 6)))
    ]
    known = draw(st.sets(st.sampled_from(PHONES)))
    phones = {one: a_phone(one, device=draw(st.sampled_from(Device))) for one in known}
    return operators, phones


def calls(count: int, category: str = "police") -> list[Call]:
    return [a_call(f"c{one}", at=90.0 + one, category=category) for one in range(count)]


def a_queue(waiting: Iterable[Call]) -> WaitingQueue:
    queue = WaitingQueue()
    for call in waiting:
        queue.add(call)
    return queue


def chosen(offers: list[Offer]) -> list[Operator]:
    """Who is offered a call, where no call is offered to two."""
    assert all(len(offer.desks) == 1 for offer in offers)
    return [offer.desks[0].operator for offer in offers]


@OFTEN
@given(crews(), st.integers(0, 8))
def test_no_operator_no_phone_and_no_call_is_in_two_offers(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    offers = allocate(a_queue(calls(waiting)), *crew, NOW, RULES)
    assert len({one.id for one in chosen(offers)}) == len(offers)
    assert len({offer.desks[0].phone.number for offer in offers}) == len(offers)
    assert len({offer.one.id for offer in offers}) == len(offers)


@OFTEN
@given(crews(), st.integers(0, 8))
def test_nobody_who_could_take_a_call_is_left_beside_a_waiting_one(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    operators, phones = crew
    free = [one for one in operators if available(one, phones, NOW)]
    offers = allocate(a_queue(calls(waiting)), operators, phones, NOW, RULES)
    assert len(offers) == min(len(free), waiting)


@OFTEN
@given(crews(), st.integers(0, 8))
def test_calls_are_served_in_the_order_of_the_queue_by_the_longest_idle(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    queue, (operators, phones) = calls(waiting), crew
    offers = allocate(a_queue(queue), operators, phones, NOW, RULES)
    assert [offer.one for offer in offers] == queue[: len(offers)]
    taken = [longest_idle(one, ANY) for one in chosen(offers)]
    assert taken == sorted(taken)
    passed_over = [
        longest_idle(one, ANY)
        for one in operators
        if available(one, phones, NOW) and longest_idle(one, ANY) not in taken
    ]
    assert not taken or all(key > taken[-1] for key in passed_over)


@OFTEN
@given(crews(), st.lists(st.booleans(), max_size=8), st.lists(st.booleans(), min_size=6))
def test_who_has_a_text_gets_no_other_one_and_a_call_if_nobody_without_one_is_free(
    crew: tuple[list[Operator], dict[str, Phone]], texts: list[bool], holds: list[bool]
) -> None:
    waiting, (operators, phones) = calls(len(texts)), crew
    for one, is_text in zip(waiting, texts, strict=True):
        one.is_text = is_text
    for operator, has_one in zip(operators, holds, strict=False):
        operator.text = "a-text" if has_one else None
    free = [one for one in operators if available(one, phones, NOW)]
    without = len([one for one in free if one.text is None])
    offers = allocate(a_queue(waiting), operators, phones, NOW, RULES)
    for offer, operator in zip(offers, chosen(offers), strict=True):
        assert operator.text is None or (without == 0 and not offer.one.is_text)
        without -= operator.text is None
    left = [one for one in waiting if one not in [offer.one for offer in offers]]
    assert without == 0 or not left
    assert len(offers) == len(free) or all(one.is_text for one in left)


@OFTEN
@given(crews(), st.integers(0, 8))
def test_deciding_changes_nothing(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    queue, (operators, phones) = calls(waiting), crew
    before = repr((operators, phones, [call.stage for call in queue]))
    lined_up = a_queue(queue)
    offers = allocate(lined_up, operators, phones, NOW, RULES)
    assert allocate(lined_up, operators, phones, NOW, RULES) == offers
    assert list(lined_up) == queue
    assert repr((operators, phones, [call.stage for call in queue])) == before


@pytest.mark.parametrize(
    "hindrance",
    [
        {"status": Status.PAUSED},
        {"status": Status.LOGGED_OUT},
        {"state": State.OFFERED},
        {"state": State.TALKING},
        {"state": State.WRAP_UP},
        {"not_before": NOW + 0.001},
        {"phone": None},
        {"phone": "199"},
    ],
    ids=str,
)
def test_an_operator_who_cannot_take_a_call_is_not_offered_one(
    hindrance: dict[str, Any],
) -> None:
    assert not available(an_operator(**hindrance), {"101": a_phone()}, NOW)


@pytest.mark.parametrize(
    ("device", "worth_a_try"),
    [
        (Device.FREE, True),
        (Device.UNKNOWN, True),
        (Device.IN_USE, False),
        (Device.UNREACHABLE, False),
    ],
)
def test_only_a_phone_that_can_ring_is_rung(device: Device, worth_a_try: bool) -> None:
    assert available(an_operator(), {"101": a_phone(device=device)}, NOW) is worth_a_try


def test_who_has_taken_fewer_calls_comes_first_among_equally_idle() -> None:
    busy, fresh = an_operator("1001", calls_taken=5), an_operator("1002", phone="102")
    phones = {"101": a_phone("101"), "102": a_phone("102")}
    assert chosen(allocate(a_queue(calls(1)), [busy, fresh], phones, NOW, RULES)) == [fresh]


def free(count: int, **changes: Any) -> tuple[list[Operator], dict[str, Phone]]:
    operators = [an_operator(f"{1001 + one}", phone=PHONES[one], **changes) for one in range(count)]
    return operators, {one: a_phone(one) for one in PHONES}


@OFTEN
@given(crews(), st.integers(0, 8), st.sampled_from(sorted(STRATEGIES)))
def test_whatever_the_strategy_nobody_is_offered_twice_or_left_over(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int, strategy: str
) -> None:
    rules = Rules(categories={"fire": Category("API", strategy=strategy)})
    offers = allocate(a_queue(calls(waiting, "fire")), *crew, NOW, rules)
    rung = [desk.operator.id for offer in offers for desk in offer.desks]
    count = len([one for one in crew[0] if available(one, crew[1], NOW)])
    assert len(set(rung)) == len(rung)
    if strategy == "ring-all":
        assert len(rung) == (count if waiting else 0)
    else:
        assert len(rung) == min(count, waiting)


def test_a_caller_who_calls_again_gets_the_operator_of_before_if_free() -> None:
    operators, phones = free(2)
    operators[1].idle_since = 90.0
    call = a_call()
    call.preferred = "1002"
    queue = a_queue([call])
    assert chosen(allocate(queue, operators, phones, NOW, RULES)) == [operators[1]]
    operators[1].status = Status.PAUSED
    assert chosen(allocate(queue, operators, phones, NOW, RULES)) == [operators[0]]


def test_the_operator_of_before_gets_no_call_that_needs_what_others_know() -> None:
    operators, phones = free(2)
    operators[1].skills = {"fire": 9}
    call = a_call()
    call.preferred = "1002"
    assert chosen(allocate(a_queue([call]), operators, phones, NOW, RULES)) == [operators[0]]


RING_ALL = Rules(categories={"fire": Category("API", strategy="ring-all")}, ring_all_most=3)


def test_ring_all_rings_every_eligible_phone_and_leaves_none_for_the_next_call() -> None:
    operators, phones = free(4)
    operators[0].skills = {"police": 9}
    operators[1].status = Status.PAUSED
    queue = a_queue(calls(2, "fire"))
    [offer] = allocate(queue, operators, phones, NOW, RING_ALL)
    assert offer.one.id == "call-c0"
    assert [desk.operator.id for desk in offer.desks] == ["1003", "1004"]
    assert [desk.phone.number for desk in offer.desks] == ["103", "104"]


def test_ring_all_rings_no_more_than_it_may_and_those_who_were_idle_longest() -> None:
    operators, phones = free(5)
    for one, idle_since in zip(operators, (5.0, 4.0, 3.0, 2.0, 1.0), strict=True):
        one.idle_since = idle_since
    first, second = allocate(a_queue(calls(2, "fire")), operators, phones, NOW, RING_ALL)
    assert [desk.operator.id for desk in first.desks] == ["1005", "1004", "1003"]
    assert [desk.operator.id for desk in second.desks] == ["1002", "1001"]
