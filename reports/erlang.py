"""How many operators a load needs: Erlang C, and Erlang A, where who waits too long gives up. Pure.

Calls arrive at random (Poisson), handling times are exponential and so is patience; `load` is in
erlangs (arrivals times mean handling time), times are in seconds. Sources: docs/staffing.md.
"""

from __future__ import annotations

from math import exp, inf, log

MOST_OPERATORS = 500
FOR_EVER_S = 86_400.0
"""Who would wait for a day gives up as little as who would wait for ever."""

_EXACT = 1e-16
_LARGE = 1e200


def erlang_b(operators: int, load: float) -> float:
    """The share of calls that find all operators busy, if such calls were refused.

    By recursion over the operators: every step is between 0 and 1, so nothing overflows.
    """
    refused = 1.0
    for n in range(1, operators + 1):
        refused = load * refused / (n + load * refused)
    return refused


def erlang_c(operators: int, load: float) -> float:
    """The share of calls that have to wait, if all wait until they are answered."""
    if operators <= load:
        return 1.0
    refused = erlang_b(operators, load)
    return refused / (1 - load / operators * (1 - refused))


def answered_within(
    seconds: float, operators: int, load: float, handling_s: float, patience_s: float = inf
) -> float:
    """The share of all calls that are answered within `seconds`; who gives up is not answered."""
    if load <= 0:
        return 1.0
    if operators <= 0:
        return 0.0
    if patience_s >= FOR_EVER_S:
        late = exp(-max(0.0, operators - load) * seconds / handling_s)
        return 1 - erlang_c(operators, load) * late
    # what the queue does, as a birth and death process: n operators end calls at the rate n,
    # and each of those who wait gives up at the rate 1/patience; all in units of handling time
    c, y = operators * patience_s / handling_s, load * patience_s / handling_s
    refused, busy = erlang_b(operators, load), load / operators
    still = exp(-seconds / patience_s)
    whole, size = _queue_sum(c, y)
    rest, rest_size = _queue_sum(c, y * still)
    rest_size += y * (1 - still) - c * seconds / patience_s
    scale = exp(-size)  # in an overload the sums are large, and only their ratio counts
    answered = busy * (1 - refused) * scale + refused * (whole - rest * exp(rest_size - size))
    return min(1.0, max(0.0, answered / (busy * (scale + refused * whole))))


def _queue_sum(c: float, y: float) -> tuple[float, float]:
    """The sum over k >= 1 of y^k / ((c+1)...(c+k)), as a number and the logarithm of its factor."""
    term, found, size, k = 1.0, 0.0, 0.0, 0
    while term > _EXACT * found:
        k += 1
        term *= y / (c + k)
        found += term
        if found > _LARGE:
            term, found, size = term / _LARGE, found / _LARGE, size + log(_LARGE)
        if term == 0.0:
            break
    return found, size


def operators_needed(
    share: float, seconds: float, load: float, handling_s: float, patience_s: float = inf
) -> int | None:
    """The fewest operators with whom that share of all calls is answered within `seconds`.

    None if not even MOST_OPERATORS do.
    """
    if load <= 0:
        return 0

    def enough(operators: int) -> bool:
        return answered_within(seconds, operators, load, handling_s, patience_s) >= share

    few, many = 0, MOST_OPERATORS
    if not enough(many):
        return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many
