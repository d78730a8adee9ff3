"""Who of the eligible operators gets a call: sort keys in one table; the smallest key wins.

A strategy reads its two arguments and nothing else, so the same state always gives the same choice;
`random` and `weighted-random` too, which draw from the ids.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, NamedTuple

from acd.operators.operator import Operator
from acd.queueing.eligibility import level
from acd.queueing.waiting import Waiting

SortKey = Callable[[Operator, Waiting], tuple[Any, ...]]


class Strategy(NamedTuple):
    """The order of the operators for a call, and whether the phones of all of them ring."""

    key: SortKey
    rings_all: bool = False


def longest_idle(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Who has been idle longest; then who has taken fewest calls."""
    return (operator.idle_since, operator.calls_taken, operator.id)


def fewest_calls(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Who has taken fewest calls; then who has been idle longest."""
    return (operator.calls_taken, operator.idle_since, operator.id)


def least_talk_time(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Who has talked least; then who has been idle longest."""
    return (operator.talk_s, operator.idle_since, operator.id)


def round_robin(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Who was offered a call longest ago: everybody's turn comes, taken or missed."""
    return (operator.offered_at, operator.id)


def linear(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Always the first in the order of their numbers."""
    return (len(operator.id), operator.id)


def random(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Anybody, with the same chance for each."""
    return (_draw(operator, call), operator.id)


def weighted_random(operator: Operator, call: Waiting) -> tuple[Any, ...]:
    """Anybody, with a chance that grows with the weight times the level of the skill.

    Who came in by the last ring, without the skill, counts as level 1. A weight of 0 is for who
    shall have a call only if nobody else can.
    """
    weight = max(operator.weight, 0) * max(level(operator, call), 1)
    # a race: the time to the first event of a process of this rate; twice the rate, twice the wins
    time = -math.log(_draw(operator, call)) / weight if weight else math.inf
    return (time, operator.id)


def _draw(operator: Operator, call: Waiting) -> float:
    """Draw a number above 0 and up to 1; another one each time that the call is offered."""
    # a real hash: the checksums of similar texts differ by the same bits, which is no fair draw
    text = f"{call.id} {call.offers} {operator.id}"
    drawn = int.from_bytes(blake2b(text.encode(), digest_size=6).digest(), "big")
    return (drawn + 1) / 2**48


STRATEGIES: dict[str, Strategy] = {
    "longest-idle": Strategy(longest_idle),
    "fewest-calls": Strategy(fewest_calls),
    "least-talk-time": Strategy(least_talk_time),
    "round-robin": Strategy(round_robin),
    "linear": Strategy(linear),
    "random": Strategy(random),
    "weighted-random": Strategy(weighted_random),
    # where more are free than may ring, those who have been idle longest do
    "ring-all": Strategy(longest_idle, rings_all=True),
}
