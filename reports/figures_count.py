"""Counts calls one after the other, and makes their figures of it. Pure.

Nothing of a call is kept but how long it took, so a year of calls needs a few bytes for each.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, repeat
from operator import is_
from typing import Any, NamedTuple

from acd.calls.record import COUNTED, REFUSED, Outcome
from reports.figures import (
    SERVICE_S,
    SHORT_S,
    Figures,
    Loss,
    ServiceLevel,
    longest_tenth,
    mean,
    percent,
    percentile,
)

NONE = "none"
"""The group of the calls that have no category, or no operator."""

LOST = tuple(
    one.value
    for one in (
        Outcome.LOST_MENU,
        Outcome.LOST_QUEUE,
        Outcome.LOST_RINGING,
        Outcome.LOST_FALLBACK,
    )
)
"""The outcomes of calls that nobody answered, in the order of their stages."""

ENDS = tuple(one.value for one in COUNTED)
"""The outcomes of all calls that were offered and have ended."""

IN_QUEUE = (Outcome.LOST_QUEUE.value, Outcome.LOST_RINGING.value)
"""... of those who gave up in the queue, or while a phone rang."""

_MS, _HALF = timedelta(milliseconds=1), timedelta(microseconds=500)
_MANY = 2000
_FALLBACK = Outcome.FALLBACK.value
_ANSWERED = Outcome.ANSWERED.value


class CallFacts(NamedTuple):
    """What a total needs to know of a call; the names are columns of `calls`."""

    arrived_at: datetime
    operator_answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    category: str | None
    operator: str | None
    wait_ms: int | None
    talk_ms: int | None
    legs: Sequence[Mapping[str, Any]] = ()
    held_ms: int = 0
    kecamatan: str | None = None
    trunk: str | None = None


COUNTED_OF = (
    *("arrived_at", "operator_answered_at", "ended_at", "outcome", "category"),
    *("wait_ms", "talk_ms", "held_ms"),
)
"""What is counted of a call; the names as in CallFacts."""


class Tally:
    """What was counted of some calls. Times are in milliseconds."""

    __slots__ = (
        *("answer", "by_category", "ends", "held", "held_calls", "lost", "lost_waits", "offered"),
        *("queue", "taken", "talk", "talks", "wait"),
    )

    def __init__(self) -> None:
        self.offered = self.taken = 0
        self.talk = self.talks = self.held = self.held_calls = 0
        self.ends: Counter[tuple[str | None, bool]] = Counter()  # by outcome, and whether it lives
        self.by_category: Counter[str | None] = Counter()
        self.answer, self.queue, self.wait = array("q"), array("q"), array("q")
        self.lost = {stage: array("q") for stage in LOST}  # from the arrival on
        self.lost_waits = array("q")  # of those who gave up in the queue or ringing

    def add(self, columns: Sequence[Sequence[Any]]) -> None:
        """Count calls that were offered, many at once: a column for each of COUNTED_OF.

        Column by column is four times as fast as call by call. What has not ended has no outcome.
        """
        arrived, answered, ended, outcomes, categories, waits, talks, holds = columns
        self.offered += len(arrived)
        self.by_category.update(categories)
        self.ends.update(zip(outcomes, map(is_, ended, repeat(None)), strict=False))
        took = [
            (end - begin + _HALF) // _MS
            for begin, end, outcome in zip(arrived, answered, outcomes, strict=True)
            if end is not None and outcome != _FALLBACK
        ]
        self.answer.extend(took if min(took, default=0) >= 0 else [max(0, ms) for ms in took])
        waited = [(end, ms) for end, ms in zip(outcomes, waits, strict=True) if ms is not None]
        self.wait.extend([ms for _, ms in waited])
        self.queue.extend([ms for end, ms in waited if end == _ANSWERED])
        self.lost_waits.extend([ms for end, ms in waited if end in IN_QUEUE])
        talked = [one for one in talks if one is not None]
        self.talk, self.talks = self.talk + sum(talked), self.talks + len(talked)
        held = [one for one in holds if one]
        self.held, self.held_calls = self.held + sum(held), self.held_calls + len(held)
        for begin, end, outcome in zip(arrived, ended, outcomes, strict=True):
            if outcome in self.lost and end is not None:
                self.lost[outcome].append(_ms(begin, end))

    def merge(self, other: Tally) -> None:
        """Count what another tally has counted as well."""
        for name in ("offered", "taken", "talk", "talks", "held", "held_calls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.ends.update(other.ends)
        self.by_category.update(other.by_category)
        for name in ("answer", "queue", "wait", "lost_waits"):
            getattr(self, name).extend(getattr(other, name))
        for stage, times in other.lost.items():
            self.lost[stage].extend(times)

    def figures(self, short_s: float = SHORT_S) -> Figures:
        """Compute the figures. `short_s`: who is lost within it is a short abandon."""
        offered = self.offered
        counts = {outcome: self.ends[outcome, False] for outcome in ENDS}
        live = sum(count for (_, lives), count in self.ends.items() if lives)
        by_category = Counter({one or NONE: count for one, count in self.by_category.items()})
        answer, queue, wait = in_order(self.answer), in_order(self.queue), in_order(self.wait)
        lost = {stage: in_order(times) for stage, times in self.lost.items()}
        gave_up = in_order(self.lost_waits)
        short = sum(_within(times, short_s) for times in lost.values())
        levels = [self._level(limit, answer, queue, gave_up, short) for limit in SERVICE_S]
        within = [one.of_offered_percent for one in levels]
        return Figures(
            offered=offered,
            live=live,
            **counts,
            adds_up=offered == live + sum(counts.values()) == by_category.total(),
            within_5s_percent=within[0],
            within_10s_percent=within[1],
            within_15s_percent=within[2],
            within_20s_percent=within[3],
            answer_mean_ms=mean(answer),
            answer_p50_ms=percentile(answer, 50),
            answer_p90_ms=percentile(answer, 90),
            answer_p95_ms=percentile(answer, 95),
            answer_longest_tenth_mean_ms=mean(longest_tenth(answer)),
            queue_mean_ms=mean(queue),
            queue_p50_ms=percentile(queue, 50),
            queue_p90_ms=percentile(queue, 90),
            queue_p95_ms=percentile(queue, 95),
            queue_longest_tenth_mean_ms=mean(longest_tenth(queue)),
            wait_p50_ms=percentile(wait, 50),
            wait_p95_ms=percentile(wait, 95),
            talk_mean_ms=round(self.talk / self.talks) if self.talks else None,
            held=self.held_calls,
            held_mean_ms=round(self.held / self.held_calls) if self.held_calls else None,
            lost_menu_percent=percent(counts["lost_menu"], offered),
            lost_queue_percent=percent(counts["lost_queue"], offered),
            lost_ringing_percent=percent(counts["lost_ringing"], offered),
            lost_fallback_percent=percent(counts["lost_fallback"], offered),
            by_category=dict(sorted(by_category.items())),
            taken=self.taken,
            short_s=short_s,
            short=short,
            service_levels=levels,
            losses=[_loss(stage, times, offered) for stage, times in lost.items()],
        )

    def _level(
        self,
        limit: int,
        answer: Sequence[int],
        queue: Sequence[int],
        gave_up: Sequence[int],
        short: int,
    ) -> ServiceLevel:
        answered = _within(answer, limit)
        over = len(queue) + len(gave_up)
        return ServiceLevel(
            seconds=limit,
            answered=answered,
            of_offered_percent=percent(answered, self.offered),
            without_short_percent=percent(answered, self.offered - short),
            app_queue_percent=percent(_within(queue, limit) + _within(gave_up, limit), over),
        )


def in_order(times: Sequence[int]) -> list[int]:
    """Return times in their order: of many, how often there is each is counted, which is faster."""
    if len(times) < _MANY:
        return sorted(times)
    counts = Counter(times)
    return list(chain.from_iterable(repeat(ms, counts[ms]) for ms in sorted(counts)))


def _ms(begin: datetime, end: datetime) -> int:
    """How long it took, to the nearest millisecond."""
    return max(0, (end - begin + _HALF) // _MS)


def takers(legs: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    """The operator of each leg that took a call while it lived."""
    for leg in legs:
        if has_taken(leg["operator"], leg["how"], leg.get("reason")):
            yield leg["operator"]


def has_taken(operator: str | None, how: str, reason: str | None) -> bool:
    """Whether the operator of a leg took a call with it while the call lived."""
    return bool(operator) and how != "callback" and reason != REFUSED


def _within(ordered: Sequence[int], seconds: float) -> int:
    """How many of ordered times are not longer."""
    return bisect_right(ordered, seconds * 1000)


def _loss(stage: str, times: Sequence[int], offered: int) -> Loss:
    if not times:  # in most groups of a quarter of an hour
        none = percent(0, offered)
        return Loss(stage=stage, calls=0, percent=none, mean_ms=None, p50_ms=None, p95_ms=None)
    return Loss(
        stage=stage,
        calls=len(times),
        percent=percent(len(times), offered),
        mean_ms=mean(times),
        p50_ms=percentile(times, 50),
        p95_ms=percentile(times, 95),
    )
