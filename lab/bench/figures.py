"""What is computed from measured values: percentiles, medians with their spread, ratios. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True):
    """The median of several runs, and the lowest and the highest of them."""

    median: float
    low: float
    high: float


def percentile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that at least `part` (0 to 1) of the values do not exceed.

    Raises ValueError if there are none.
    """
    if not values:
        raise ValueError("There is no percentile of no values.")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Return the middle of the values, or the mean of the two in the middle."""
    if not values:
        raise ValueError("There is no median of no values.")
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def spread(values: Sequence[float]) -> Spread:
    """Return median, lowest and highest."""
    return Spread(median(values), min(values), max(values))


def ratios(ours: Sequence[float], others: Sequence[float]) -> list[float]:
    """Return ours over the other's, pair by pair; a pair whose other is 0 says nothing."""
    return [one / other for one, other in zip(ours, others, strict=True) if other]
