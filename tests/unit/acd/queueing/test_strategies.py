"""Whom a strategy puts first; those that draw lots draw fairly, and the same for the same state."""

from __future__ import annotations

import functools
from collections import Counter

import pytest
from factories import a_call, an_operator

from acd.calls.call import Call
from acd.operators.operator import Operator
from acd.queueing.strategies import STRATEGIES


def first(strategy: str, operators: list[Operator], call: Call) -> str:
    key = STRATEGIES[strategy].key
    return min(operators, key=lambda one: key(one, call)).id


def crew(count: int) -> list[Operator]:
    return [an_operator(f"{1001 + one}") for one in range(count)]


@functools.cache
def calls(count: int) -> list[Call]:
    return [a_call(f"c{one}") for one in range(count)]


def shares(strategy: str, operators: list[Operator], draws: int = 3000) -> list[float]:
    """What part of the calls each operator is drawn for."""
    drawn = Counter(first(strategy, operators, one) for one in calls(draws))
    return [drawn[one.id] / draws for one in operators]


@pytest.mark.parametrize(
    ("strategy", "field"),
    [
        ("longest-idle", "idle_since"),
        ("fewest-calls", "calls_taken"),
        ("least-talk-time", "talk_s"),
        ("round-robin", "offered_at"),
        ("ring-all", "idle_since"),
    ],
)
def test_a_strategy_prefers_the_least_of_what_it_is_about(strategy: str, field: str) -> None:
    operators = crew(3)
    for one, value in zip(operators, (3, 1, 2), strict=True):
        setattr(one, field, value)
    assert first(strategy, operators, a_call()) == "1002"


def test_linear_always_takes_the_first_number_and_nine_comes_before_ten() -> None:
    assert first("linear", [an_operator("10"), an_operator("9")], a_call()) == "9"


@pytest.mark.parametrize("strategy", ["random", "weighted-random"])
@pytest.mark.parametrize("count", [2, 3, 5, 7])
def test_lots_give_everybody_about_the_same_share(strategy: str, count: int) -> None:
    fair = 1 / count
    # five standard deviations of 3,000 draws are less than 0.046
    assert shares(strategy, crew(count)) == pytest.approx([fair] * count, abs=0.046)


def test_weighted_lots_give_shares_by_weight_and_level() -> None:
    heavy, skilled, plain = operators = crew(3)
    heavy.weight, heavy.skills = 3, {"police": 1}
    skilled.skills = {"police": 4}
    assert plain.weight == 1
    assert shares("weighted-random", operators) == pytest.approx([3 / 8, 4 / 8, 1 / 8], abs=0.046)


def test_who_came_in_without_the_skill_still_has_a_chance() -> None:
    skilled, stranger = operators = crew(2)
    skilled.skills, stranger.skills = {"police": 1}, {"fire": 9}
    assert shares("weighted-random", operators) == pytest.approx([0.5, 0.5], abs=0.046)


def test_who_weighs_nothing_is_drawn_only_if_nobody_else_can_be() -> None:
    nothing, other = operators = crew(2)
    nothing.weight = 0
    assert shares("weighted-random", operators) == [0.0, 1.0]
    assert first("weighted-random", [nothing], a_call()) == nothing.id
    assert other.weight == 1


@pytest.mark.parametrize("strategy", ["random", "weighted-random"])
def test_lots_are_the_same_for_the_same_state_and_drawn_anew_for_the_next_offer(
    strategy: str,
) -> None:
    operators, call = crew(4), a_call()
    drawn = []
    for offers in range(40):
        call.record.offers = offers
        drawn.append(first(strategy, operators, call))
        assert first(strategy, list(reversed(operators)), call) == drawn[-1]
    assert set(drawn) == {one.id for one in operators}


def test_only_ring_all_rings_all() -> None:
    assert [name for name, one in STRATEGIES.items() if one.rings_all] == ["ring-all"]
