"""How many operators each hour of the week needs, from the line's own calls; pure.

The load of an hour is that of its busiest quarter: a target of seconds is missed in a quarter of an
hour. What is read for it: `reports.staffing_facts`; the formulas: `reports.erlang`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

import msgspec

from reports.erlang import answered_within, operators_needed
from reports.errors import BadQuestion, TooLittleData

QUARTER_S, HOUR_S = 900, 3600
LEAST_ANSWERED, LEAST_DAYS = 100, 7
OWN_HANDLING = 30
"""From so many answered calls on, an hour has a handling time of its own; else that of all."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Key = tuple[int, int]
"""A weekday, from Monday = 0 on, and an hour of the day."""


class Target(NamedTuple):
    """That share of all calls is answered within so many seconds."""

    share: float
    seconds: float


class Quarter(NamedTuple):
    """The calls of 15 minutes from `at`, seconds since the epoch, on."""

    at: int
    offered: int
    answered: int
    talk_s: float
    wrap_up_s: float = 0.0


class Patience(NamedTuple):
    """How long all have waited together, and how many of them have given up."""

    waited_s: float
    abandoned: int

    @property
    def seconds(self) -> float:
        """The mean patience, most likely if it is exponential: who was answered says so too.

        Infinite where nobody gave up.
        """
        return self.waited_s / self.abandoned if self.abandoned else math.inf


class Ready(NamedTuple):
    """An operator was ready from `begin` on and before `end`, in seconds since the epoch."""

    begin: float
    end: float


class HourNeeds(msgspec.Struct, kw_only=True):
    """An hour of the week. `calls_per_hour`: on average; `peak_per_hour`: in its busiest quarter.

    `load`: of that quarter, in erlangs. `needed`: None if more than MOST_OPERATORS. `ready`: who
    was, on average; `reached_percent`: with them. Both are None where nobody knows.
    """

    weekday: str
    hour: int
    calls_per_hour: float
    peak_per_hour: float
    handling_s: float
    load: float
    needed: int | None
    ready: float | None = None
    reached_percent: float | None = None


class Staffing(msgspec.Struct, kw_only=True):
    """What the week needs. `patience_s`: None if nobody gave up, and then all wait (Erlang C)."""

    target_percent: float
    target_s: float
    since: datetime
    until: datetime
    calls: int
    answered: int
    abandoned: int
    patience_s: float | None
    handling_s: float
    wrap_up_s: float
    hours: list[HourNeeds]


def target_of(text: str) -> Target:
    """Read a target like 95/5: 95 % in 5 s; raises BadQuestion."""
    found = re.fullmatch(r"(\d{1,2}(?:\.\d{1,3})?)/(\d{1,4}(?:\.\d{1,3})?)", text, re.ASCII)
    if found is None or not 0 < float(found[1]) < 100:
        raise BadQuestion(
            f"{text[:20]!r} is no target; give per cent of the calls and seconds, like 95/5."
        )
    return Target(float(found[1]) / 100, float(found[2]))


def staffing(
    quarters: Sequence[Quarter],
    patience: Patience,
    target: Target,
    *,
    since: datetime,
    until: datetime,
    zone: tzinfo,
    ready: Iterable[Ready] | None = None,
    ready_since: float = 0.0,
    operators: int | None = None,
) -> Staffing:
    """Return what each hour of the week needs.

    `quarters`: those with calls, from `since` on and before `until`. `ready`: when operators were;
    None if nobody knows. What they did, wrap-ups too, is known from `ready_since` on. `operators`:
    so many in each hour instead.
    Raises TooLittleData.
    """
    begin = max(since.timestamp(), min((one.at for one in quarters), default=math.inf))
    end = until.timestamp()
    answered = sum(one.answered for one in quarters)
    check_enough(answered, (end - begin) / 86_400)
    wrap_up_s = _wrap_up(quarters, ready_since)
    handled = sum(one.talk_s for one in quarters) / answered + wrap_up_s
    weeks = _observed(begin, end, zone)
    there: Mapping[Key, float] = {}
    if operators is None and ready is not None:
        there = _mean_ready(ready, max(begin, ready_since), end, zone)
    elif operators is not None:
        there = dict.fromkeys(weeks, float(operators))
    by_key: dict[Key, list[Quarter]] = {}
    for one in quarters:
        by_key.setdefault(_key(one.at, zone), []).append(one)
    return Staffing(
        target_percent=round(target.share * 100, 3),
        target_s=target.seconds,
        since=datetime.fromtimestamp(begin, UTC),
        until=until,
        calls=sum(one.offered for one in quarters),
        answered=answered,
        abandoned=patience.abandoned,
        patience_s=round(patience.seconds, 1) if patience.abandoned else None,
        handling_s=round(handled, 1),
        wrap_up_s=round(wrap_up_s, 1),
        hours=[
            _hour(
                key,
                by_key.get(key, []),
                weeks[key],
                handled,
                wrap_up_s,
                ready_since,
                patience,
                target,
                there.get(key),
            )
            for key in sorted(weeks)
        ],
    )


def _wrap_up(quarters: Iterable[Quarter], since: float) -> float:
    """The mean wrap-up of an answered call, of those since which it is kept; 0 if of none."""
    kept = [one for one in quarters if one.at >= since]
    answered = sum(one.answered for one in kept)
    return sum(one.wrap_up_s for one in kept) / answered if answered else 0.0


def check_enough(answered: int, days: float) -> None:
    """Raise TooLittleData if nothing can be said from so many answered calls of so many days."""
    if answered < LEAST_ANSWERED or days < LEAST_DAYS:
        days = max(0.0, days) if math.isfinite(days) else 0.0
        raise TooLittleData(
            f"There are {answered} answered calls of {days:.1f} days, and staffing needs"
            f" {LEAST_ANSWERED} of {LEAST_DAYS} days at least; give an earlier --from, or wait."
        )


def _hour(
    key: Key,
    quarters: Sequence[Quarter],
    weeks: float,
    handled: float,
    wrap_up_s: float,
    ready_since: float,
    patience: Patience,
    target: Target,
    there: float | None,
) -> HourNeeds:
    answered = sum(one.answered for one in quarters)
    if answered >= OWN_HANDLING:
        kept = [one for one in quarters if one.at >= ready_since]
        if sum(one.answered for one in kept) >= OWN_HANDLING:
            wrap_up_s = _wrap_up(kept, ready_since)
        handled = sum(one.talk_s for one in quarters) / answered + wrap_up_s
    counts = [0, 0, 0, 0]
    for one in quarters:
        counts[one.at % HOUR_S // QUARTER_S] += one.offered
    peak = max(counts) * 4 / weeks
    load = peak / HOUR_S * handled
    model = (load, handled, patience.seconds)
    return HourNeeds(
        weekday=DAYS[key[0]],
        hour=key[1],
        calls_per_hour=round(sum(counts) / weeks, 2),
        peak_per_hour=round(peak, 2),
        handling_s=round(handled, 1),
        load=round(load, 3),
        needed=operators_needed(target.share, target.seconds, *model),
        ready=None if there is None else round(there, 2),
        reached_percent=None if there is None else _reached(target, there, *model),
    )


def _reached(target: Target, there: float, load: float, handled: float, patience_s: float) -> float:
    """The per cent answered in time; of 2.4 operators as of two in 60 % of the time, else three."""
    few, more = math.floor(there), there % 1
    with_few = answered_within(target.seconds, few, load, handled, patience_s)
    with_many = answered_within(target.seconds, few + 1, load, handled, patience_s)
    return round(100 * ((1 - more) * with_few + more * with_many), 1)


def _key(at: float, zone: tzinfo) -> Key:
    local = datetime.fromtimestamp(at, zone)
    return local.weekday(), local.hour


def _observed(begin: float, end: float, zone: tzinfo) -> dict[Key, float]:
    """How many hours of each kind there were."""
    found: dict[Key, float] = {}
    for key, seconds in _by_hour(begin, end, zone):
        found[key] = found.get(key, 0.0) + seconds / HOUR_S
    return found


def _mean_ready(ready: Iterable[Ready], begin: float, end: float, zone: tzinfo) -> dict[Key, float]:
    """How many operators were ready in each hour of the week, on average."""
    hours, sums = _observed(begin, end, zone), dict[Key, float]()
    for one in ready:
        for key, seconds in _by_hour(max(one.begin, begin), min(one.end, end), zone):
            sums[key] = sums.get(key, 0.0) + seconds / HOUR_S
    return {key: sums.get(key, 0.0) / length for key, length in hours.items()}


def _by_hour(begin: float, end: float, zone: tzinfo) -> Iterator[tuple[Key, float]]:
    """A time in pieces that lie in one hour each, with their seconds."""
    while begin < end:
        local = datetime.fromtimestamp(begin, zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        until = min(end, begin + HOUR_S - into.total_seconds())
        if until <= begin:  # what floating point has no number for
            until = begin + 1.0
        yield (local.weekday(), local.hour), until - begin
        begin = until
