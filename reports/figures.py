"""The figures of some calls: what each one means, and how it is computed. Pure.

Per cents are of all calls offered unless it is said otherwise. A percentile is the nearest rank, so
it is a time that really happened. What is counted: `reports.figures_count`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import msgspec

SERVICE_S = (5, 10, 15, 20)
"""The seconds in which a service level is told."""

SHORT_S = 5.0
"""Who is lost within so many seconds is a short abandon, unless the city says otherwise."""


class ServiceLevel(msgspec.Struct, kw_only=True):
    """How many were answered within `seconds`, in three ways that other centres use.

    `of_offered`: of all that were offered, by the time from arrival. `without_short`: the same,
    without the short abandons. `app_queue`: app_queue's ServicelevelPerf2: who was answered, or
    gave up, within the time, of those who were answered or gave up; from the entry into the queue.
    """

    seconds: int
    answered: int
    of_offered_percent: float | None
    without_short_percent: float | None
    app_queue_percent: float | None


class Loss(msgspec.Struct, kw_only=True):
    """The calls that were lost at one stage, and how long after their arrival."""

    stage: str
    calls: int
    percent: float | None
    mean_ms: int | None
    p50_ms: int | None
    p95_ms: int | None


class Figures(msgspec.Struct, kw_only=True):
    """The totals of some calls. A figure is None where there is no call to compute it from.

    `live`: not ended yet. `within_*`: a person had answered within so many seconds of the arrival.
    `fallback`: answered there while no engine served; `lost_fallback`: not answered there either.
    Answer times run from the arrival to an operator's answer and leave out the calls that the
    fallback served, although those count as offered; `queue_*`: the same from the entry into the
    queue, of calls that have ended. `*_longest_tenth_mean_ms`: the mean of the longest 10 %.
    `wait_*`: time in the queue, answered or not.
    `taken`: how often an operator began to speak with a citizen, out of the queue, by a transfer or
    in a conference; a call that is handed over is taken more than once.
    `short`: lost within `short_s` seconds. `held`: calls in which the citizen was on hold, which
    took `held_mean_ms` in each of them.
    """

    offered: int
    live: int
    answered: int
    lost_menu: int
    lost_queue: int
    lost_ringing: int
    fallback: int
    information: int
    adds_up: bool
    within_5s_percent: float | None
    within_10s_percent: float | None
    within_15s_percent: float | None
    within_20s_percent: float | None
    answer_p50_ms: int | None
    answer_p95_ms: int | None
    answer_longest_tenth_mean_ms: int | None
    wait_p50_ms: int | None
    wait_p95_ms: int | None
    talk_mean_ms: int | None
    lost_menu_percent: float | None
    lost_queue_percent: float | None
    lost_ringing_percent: float | None
    by_category: dict[str, int]
    taken: int = 0
    lost_fallback: int = 0
    lost_fallback_percent: float | None = None
    answer_mean_ms: int | None = None
    answer_p90_ms: int | None = None
    queue_mean_ms: int | None = None
    queue_p50_ms: int | None = None
    queue_p90_ms: int | None = None
    queue_p95_ms: int | None = None
    queue_longest_tenth_mean_ms: int | None = None
    held: int = 0
    held_mean_ms: int | None = None
    short_s: float = SHORT_S
    short: int = 0
    service_levels: list[ServiceLevel] = []
    losses: list[Loss] = []

    @property
    def lost(self) -> int:
        """How many were lost, at whatever stage."""
        return self.lost_menu + self.lost_queue + self.lost_ringing + self.lost_fallback


@lru_cache(10_000)  # in a report by hours there are many small groups
def percent(part: int, whole: int) -> float | None:
    """Return how many per cent of the whole a part is; None of nothing."""
    return round(100 * part / whole, 2) if whole else None


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Return the nearest rank of ordered values; None if there are none."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None


def mean(values: Sequence[int]) -> int | None:
    """Return the mean, in whole units; None if there are no values."""
    return round(sum(values) / len(values)) if values else None


def longest_tenth(ordered: Sequence[int]) -> Sequence[int]:
    """Return the longest 10 % of ordered values, at least one of them if there is any."""
    return ordered[len(ordered) - math.ceil(len(ordered) / 10) :]
