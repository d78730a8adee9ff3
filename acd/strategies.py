"""Who of the free operators gets a call: sort keys in one table; the smallest key wins.

A strategy reads its two arguments and nothing else, so the same state always gives the same choice;
`random` too, which draws from the ids.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from acd.calls import Call
from acd.operators import Operator

Strategy = Callable[[Operator, Call], tuple[Any, ...]]


def longest_idle(operator: Operator, call: Call) -> tuple[Any, ...]:
    """Who has been idle longest; then who has taken fewest calls."""
    return (operator.idle_since, operator.calls_taken, operator.id)


def fewest_calls(operator: Operator, call: Call) -> tuple[Any, ...]:
    """Who has taken fewest calls; then who has been idle longest."""
    return (operator.calls_taken, operator.idle_since, operator.id)


def least_talk_time(operator: Operator, call: Call) -> tuple[Any, ...]:
    """Who has talked least; then who has been idle longest."""
    return (operator.talk_s, operator.idle_since, operator.id)


def round_robin(operator: Operator, call: Call) -> tuple[Any, ...]:
    """Who was offered a call longest ago: everybody's turn comes, taken or missed."""
    return (operator.offered_at, operator.id)


def linear(operator: Operator, call: Call) -> tuple[Any, ...]:
    """Always the first in the order of their numbers."""
    return (len(operator.id), operator.id)


def random(operator: Operator, call: Call) -> tuple[Any, ...]:
    """Anybody, with the same chance for each."""
    return (zlib.crc32(f"{call.id} {operator.id}".encode()), operator.id)


STRATEGIES: dict[str, Strategy] = {
    "longest-idle": longest_idle,
    "fewest-calls": fewest_calls,
    "least-talk-time": least_talk_time,
    "round-robin": round_robin,
    "linear": linear,
    "random": random,
}
