"""Who gets which call: the first of the queue goes to whoever has been idle longest."""

from __future__ import annotations

from typing import Any

import pytest
from factories import OFTEN, a_call, a_phone, an_operator
from hypothesis import given
from hypothesis import strategies as st

from acd.allocation import allocate, available
from acd.calls import Call
from acd.operators import Device, Operator, Phone, State, Status
from acd.rules import Category, Rules
from acd.strategies import STRATEGIES, longest_idle

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


def calls(count: int) -> list[Call]:
    return [a_call(f"c{one}", at=float(one)) for one in range(count)]


@OFTEN
@given(crews(), st.integers(0, 8))
def test_no_operator_no_phone_and_no_call_is_in_two_offers(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    offers = allocate(calls(waiting), *crew, NOW, RULES)
    assert len({offer.operator.id for offer in offers}) == len(offers)
    assert len({offer.phone.number for offer in offers}) == len(offers)
    assert len({offer.call.id for offer in offers}) == len(offers)


@OFTEN
@given(crews(), st.integers(0, 8))
def test_nobody_who_could_take_a_call_is_left_beside_a_waiting_one(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    operators, phones = crew
    free = [one for one in operators if available(one, phones, NOW)]
    assert len(allocate(calls(waiting), operators, phones, NOW, RULES)) == min(len(free), waiting)


@OFTEN
@given(crews(), st.integers(0, 8))
def test_calls_are_served_in_the_order_of_the_queue_by_the_longest_idle(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    queue, (operators, phones) = calls(waiting), crew
    offers = allocate(queue, operators, phones, NOW, RULES)
    assert [offer.call for offer in offers] == queue[: len(offers)]
    chosen = [longest_idle(offer.operator, ANY) for offer in offers]
    assert chosen == sorted(chosen)
    passed_over = [
        longest_idle(one, ANY)
        for one in operators
        if available(one, phones, NOW) and longest_idle(one, ANY) not in chosen
    ]
    assert not chosen or all(key > chosen[-1] for key in passed_over)


@OFTEN
@given(crews(), st.integers(0, 8))
def test_deciding_changes_nothing(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int
) -> None:
    queue, (operators, phones) = calls(waiting), crew
    before = repr((operators, phones, [call.stage for call in queue]))
    assert allocate(queue, operators, phones, NOW, RULES) == allocate(
        queue, operators, phones, NOW, RULES
    )
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
    assert allocate(calls(1), [busy, fresh], phones, NOW, RULES)[0].operator is fresh


def free(count: int, **changes: Any) -> tuple[list[Operator], dict[str, Phone]]:
    operators = [an_operator(f"{1001 + one}", phone=PHONES[one], **changes) for one in range(count)]
    return operators, {one: a_phone(one) for one in PHONES}


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ("longest-idle", "idle_since"),
        ("fewest-calls", "calls_taken"),
        ("least-talk-time", "talk_s"),
        ("round-robin", "offered_at"),
    ],
)
def test_a_strategy_prefers_the_least_of_what_it_is_about(strategy: str, field: str) -> None:
    operators, phones = free(3)
    for one, value in zip(operators, (3, 1, 2), strict=True):
        setattr(one, field, value)
    rules = Rules(categories={"fire": Category("API", strategy=strategy)})
    offers = allocate([a_call(category="fire")], operators, phones, NOW, rules)
    assert [offer.operator.id for offer in offers] == ["1002"]


def test_linear_always_takes_the_first_number_and_nine_comes_before_ten() -> None:
    operators, phones = free(2)
    operators[0].id, operators[1].id = "10", "9"
    rules = Rules(categories={"fire": Category("API", strategy="linear")})
    offers = allocate([a_call(category="fire")], operators, phones, NOW, rules)
    assert [offer.operator.id for offer in offers] == ["9"]


def test_random_gives_everybody_about_the_same_share() -> None:
    operators, phones = free(4)
    rules = Rules(categories={"fire": Category("API", strategy="random")})
    taken = [
        allocate([a_call(f"c{one}", category="fire")], operators, phones, NOW, rules)[0].operator.id
        for one in range(400)
    ]
    assert all(60 < taken.count(one.id) < 140 for one in operators)


@OFTEN
@given(crews(), st.integers(0, 8), st.sampled_from(sorted(STRATEGIES)))
def test_whatever_the_strategy_nobody_is_offered_twice_or_left_over(
    crew: tuple[list[Operator], dict[str, Phone]], waiting: int, strategy: str
) -> None:
    rules = Rules(categories={"fire": Category("API", strategy=strategy)})
    queue = [a_call(f"c{one}", category="fire") for one in range(waiting)]
    offers = allocate(queue, *crew, NOW, rules)
    count = len([one for one in crew[0] if available(one, crew[1], NOW)])
    assert len({offer.operator.id for offer in offers}) == len(offers) == min(count, waiting)


def test_a_caller_who_calls_again_gets_the_operator_of_before_if_free() -> None:
    operators, phones = free(2)
    operators[1].idle_since = 90.0
    call = a_call()
    call.preferred = "1002"
    assert allocate([call], operators, phones, NOW, RULES)[0].operator.id == "1002"
    operators[1].status = Status.PAUSED
    assert allocate([call], operators, phones, NOW, RULES)[0].operator.id == "1001"
