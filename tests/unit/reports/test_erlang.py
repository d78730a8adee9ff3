"""Erlang C and Erlang A against sums, an integral, published values and what must always hold."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reports.erlang import (
    FOR_EVER_S,
    MOST_OPERATORS,
    answered_within,
    erlang_b,
    erlang_c,
    operators_needed,
)

OPERATORS = st.integers(1, 60)
LOADS = st.floats(0.01, 80.0)
SECONDS = st.floats(0.0, 120.0)
HANDLING = st.floats(20.0, 600.0)
PATIENCE = st.floats(5.0, 900.0)


# --- published values ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operators", "waits", "within_20_s"),
    [(11, 0.6821182, 0.3896138), (14, 0.1741319, 0.88835)],
)
def test_erlang_c_gives_the_published_values(
    operators: int, waits: float, within_20_s: float
) -> None:
    """README of the CRAN package ErlangC: 100 calls in 30 minutes of 180 s are 10 erlangs."""
    assert erlang_c(operators, 10.0) == pytest.approx(waits, abs=5e-8)
    assert answered_within(20, operators, 10.0, 180) == pytest.approx(within_20_s, abs=5e-8)


def test_erlang_c_of_a_textbook_example() -> None:
    """Tanner's (mitan.co.uk): 360 calls in 30 minutes of 240 s, 55 operators: 23.9 % wait."""
    assert round(erlang_c(55, 48.0), 3) == 0.239


# --- closed formulas ----------------------------------------------------------------------------


def waits_by_sums(n: int, a: Fraction) -> Fraction:
    """Erlang's formula as it is printed, in exact fractions."""
    terms = [a**k / math.factorial(k) for k in range(n + 1)]
    last = terms[-1] * n / (n - a)
    return last / (sum(terms[:-1]) + last)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 25), st.integers(1, 99))
def test_the_recursion_is_the_direct_sum(operators: int, per_cent: int) -> None:
    load = Fraction(operators * per_cent, 100)
    expected = float(waits_by_sums(operators, load))
    assert erlang_c(operators, float(load)) == pytest.approx(expected, rel=1e-9)


def integrated(seconds: float, n: int, load: float, handling_s: float, patience_s: float) -> float:
    """The share answered in time by the integral of M/M/n+M for the offered wait (Simpson)."""
    rate, leave, serve = load / handling_s, 1 / patience_s, 1 / handling_s

    def weight(x: float) -> float:
        return math.exp(rate * (1 - math.exp(-leave * x)) / leave - n * serve * x)

    def area(end: float, steps: int, stays: float) -> float:
        width = end / steps
        total = 0.0
        for i in range(steps + 1):
            x = i * width
            factor = 1 if i in (0, steps) else 4 if i % 2 else 2
            total += factor * math.exp(-stays * x) * weight(x)
        return total * width / 3

    free = 1 / erlang_b(n - 1, load)
    far = 40 * max(patience_s, handling_s / n)
    return (free + rate * area(seconds, 200, leave)) / (free + rate * area(far, 4000, 0.0))


@pytest.mark.parametrize(
    "case",
    [
        (5, 3, 2.0, 120, 60),
        (20, 10, 12.0, 180, 45),
        (5, 1, 0.3, 100, 50),
        (30, 50, 60.0, 200, 90),
        (5, 4, 3.9, 120, 300),
    ],
)
def test_erlang_a_is_its_integral(case: tuple[float, int, float, float, float]) -> None:
    assert answered_within(*case) == pytest.approx(integrated(*case), abs=2e-4)


@settings(max_examples=60, deadline=None)
@given(SECONDS, st.integers(1, 40), st.floats(0.05, 0.9), HANDLING)
def test_with_endless_patience_erlang_a_is_erlang_c(
    seconds: float, operators: int, busy: float, handling_s: float
) -> None:
    case = (seconds, operators, operators * busy, handling_s)
    patience_s = FOR_EVER_S * 0.999
    # who gives up all the same, at the rate 1/patience, is one of a queue that is seldom long
    few = 2 * handling_s / patience_s * busy / (1 - busy) ** 2
    nearly = answered_within(*case, patience_s)
    assert nearly == pytest.approx(answered_within(*case), abs=few)
    assert answered_within(*case, FOR_EVER_S) == answered_within(*case, math.inf)


# --- what must always hold ----------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(SECONDS, OPERATORS, LOADS, HANDLING, PATIENCE | st.just(math.inf))
def test_more_operators_and_more_time_never_answer_less_and_more_load_never_more(
    seconds: float, operators: int, load: float, handling_s: float, patience_s: float
) -> None:
    share = answered_within(seconds, operators, load, handling_s, patience_s)
    assert 0.0 <= share <= 1.0
    slack = 1e-9
    more = answered_within(seconds, operators + 1, load, handling_s, patience_s)
    later = answered_within(seconds + 5, operators, load, handling_s, patience_s)
    busier = answered_within(seconds, operators, load * 1.1, handling_s, patience_s)
    assert more >= share - slack
    assert later >= share - slack
    assert busier <= share + slack


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 0.99), SECONDS, LOADS, HANDLING, PATIENCE | st.just(math.inf))
def test_the_fewest_operators_reach_the_target_and_one_less_does_not(
    share: float, seconds: float, load: float, handling_s: float, patience_s: float
) -> None:
    needed = operators_needed(share, seconds, load, handling_s, patience_s)
    assume(needed is not None)
    assert needed is not None
    model = (load, handling_s, patience_s)
    assert answered_within(seconds, needed, *model) >= share
    assert answered_within(seconds, needed - 1, *model) < share


@pytest.mark.parametrize("patience_s", [1.0, 60.0, 6_000.0, math.inf])
@pytest.mark.parametrize("load", [1e-9, 1.0, 250.0, 499.9, 500.0, 2_000.0])
def test_up_to_the_most_operators_nothing_overflows(load: float, patience_s: float) -> None:
    for operators in (1, 2, 499, MOST_OPERATORS):
        share = answered_within(5, operators, load, 120, patience_s)
        assert math.isfinite(share) and 0.0 <= share <= 1.0
    assert 0.0 <= erlang_b(MOST_OPERATORS, load) <= 1.0


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 50), st.floats(2.0, 40.0), st.floats(3_000.0, 9_000.0))
def test_in_an_overload_all_are_busy_and_the_others_give_up(
    operators: int, times: float, patience_s: float
) -> None:
    # long after, all calls that so many operators can handle are answered
    share = answered_within(1e6, operators, operators * times, 120, patience_s)
    assert share == pytest.approx(1 / times, rel=1e-3)


def test_without_calls_nobody_is_needed_and_too_many_are_said_to_be() -> None:
    assert operators_needed(0.95, 5, 0.0, 120) == 0
    assert operators_needed(0.95, 5, 600.0, 120) is None
    assert answered_within(5, 0, 1.0, 120, 60) == 0.0
