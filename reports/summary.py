"""The totals of a time: how many calls, what became of them, and how fast they were answered.

Calls that the line has made, to call citizens back, were not offered and are in no total.
The question that every total must pass is `adds_up`: each call that was offered is counted once.
Test calls are no citizens' and are in no total.
Per cents are of all calls offered. A percentile is the nearest rank, so it is a time that really
happened.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import COUNTED, REFUSED, Outcome
from models.tables import CallRow
from reports.calls import arrived
from reports.errors import BadQuestion

By = Literal["hour", "category", "operator"]

NONE = "none"
"""The group of the calls that have no category, or no operator."""


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


class Figures(msgspec.Struct, kw_only=True):
    """The totals of some calls. A figure is None where there is no call to compute it from.

    `live`: not ended yet. `within_*`: a person had answered within so many seconds of the arrival.
    `fallback`: answered there while no engine served; `lost_fallback`: not answered there either.
    Answer times run from the arrival to an operator's answer and leave out the calls that the
    fallback served, although those count as offered. `wait_*`: time in the queue, answered or not.
    `taken`: how often an operator began to speak with a citizen, out of the queue, by a transfer or
    in a conference; a call that is handed over is taken more than once.
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


class Summary(Figures, kw_only=True):
    """The totals of the calls that arrived from `since` on and before `until`, and of each group.

    `groups`: by category or operator in the order of their names, and a call is of the operator who
    answered it first, while `taken` is of whoever took it; by hour in the order of time,
    named like 2026-04-13T07:00+07:00 after the hour's begin in the time zone `tz`.
    """

    since: datetime | None
    until: datetime | None
    tz: str
    by: By | None
    groups: dict[str, Figures]


async def summary(
    session: AsyncSession,
    since: datetime | None = None,
    until: datetime | None = None,
    by: By | None = None,
    tz: str = "Asia/Jakarta",
) -> Summary:
    """Sum up the calls that arrived in a time, which needs a time zone. Raises BadQuestion."""
    key_of = grouping(by, tz)
    columns = [CallRow.__table__.c[name] for name in CallFacts._fields]
    no_test = CallRow.outcome.is_distinct_from(Outcome.TEST.value)
    query = (
        select(*columns)
        .where(*arrived(since, until), CallRow.callback_of.is_(None), no_test)
        .order_by(CallRow.arrived_at)
    )
    calls = [CallFacts(*row) for row in await session.execute(query)]
    total = figures(calls)
    groups = grouped(calls, key_of) if key_of is not None else {}
    if by == "operator":
        _give_taken(groups, calls)
    if by is not None and by != "hour":
        groups = dict(sorted(groups.items()))
    total.adds_up = total.adds_up and (by is None or _same_sums(total, groups.values()))
    return Summary(
        **msgspec.structs.asdict(total), since=since, until=until, tz=tz, by=by, groups=groups
    )


def grouping(by: str | None, tz: str) -> Callable[[CallFacts], str] | None:
    """Return what names the group of a call; None for no groups. Raises BadQuestion."""
    try:
        zone = ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadQuestion(f"There is no time zone {tz!r}; give one like Asia/Jakarta.") from None
    choices: dict[str | None, Callable[[CallFacts], str] | None] = {
        None: None,
        "hour": lambda call: _hour(call.arrived_at, zone),
        "category": lambda call: call.category or NONE,
        "operator": lambda call: call.operator or NONE,
    }
    if by not in choices:
        names = ", ".join(get_args(By))
        raise BadQuestion(f"There is no grouping by {by!r}; choose one of {names}.")
    return choices[by]


def grouped(calls: Iterable[CallFacts], key_of: Callable[[CallFacts], str]) -> dict[str, Figures]:
    """Return the figures of every group, in the order in which the groups first appear."""
    groups: dict[str, list[CallFacts]] = {}
    for call in calls:
        groups.setdefault(key_of(call), []).append(call)
    return {key: figures(members) for key, members in groups.items()}


def _give_taken(groups: dict[str, Figures], calls: Iterable[CallFacts]) -> None:
    """Count what was taken for whoever took it; who only took over has a group of no calls."""
    taken = Counter(_takers(calls))
    for name in {*groups, *taken}:
        groups.setdefault(name, figures(())).taken = taken[name]


def _takers(calls: Iterable[CallFacts]) -> Iterable[str]:
    """The operator of each leg that took a call while it lived."""
    for call in calls:
        for leg in call.legs:
            if leg["operator"] and leg["how"] != "callback" and leg.get("reason") != REFUSED:
                yield leg["operator"]


def figures(calls: Sequence[CallFacts]) -> Figures:
    """Compute the totals of some calls."""
    offered = len(calls)
    outcomes = Counter(call.outcome for call in calls if call.ended_at is not None)
    counts = {outcome.value: outcomes[outcome.value] for outcome in COUNTED}
    live = sum(call.ended_at is None for call in calls)
    by_category = Counter(call.category or NONE for call in calls)
    answer = sorted(_answer_times(calls))
    wait = sorted(call.wait_ms for call in calls if call.wait_ms is not None)
    talk = [call.talk_ms for call in calls if call.talk_ms is not None]
    longest = answer[len(answer) - math.ceil(len(answer) / 10) :]

    def within(seconds: int) -> float | None:
        return percent(sum(ms <= seconds * 1000 for ms in answer), offered)

    return Figures(
        offered=offered,
        live=live,
        **counts,
        adds_up=offered == live + sum(counts.values()) == by_category.total(),
        within_5s_percent=within(5),
        within_10s_percent=within(10),
        within_15s_percent=within(15),
        within_20s_percent=within(20),
        answer_p50_ms=percentile(answer, 50),
        answer_p95_ms=percentile(answer, 95),
        answer_longest_tenth_mean_ms=_mean(longest),
        wait_p50_ms=percentile(wait, 50),
        wait_p95_ms=percentile(wait, 95),
        talk_mean_ms=_mean(talk),
        lost_menu_percent=percent(counts["lost_menu"], offered),
        lost_queue_percent=percent(counts["lost_queue"], offered),
        lost_ringing_percent=percent(counts["lost_ringing"], offered),
        lost_fallback_percent=percent(counts["lost_fallback"], offered),
        by_category=dict(sorted(by_category.items())),
        taken=sum(1 for _ in _takers(calls)),
    )


def _answer_times(calls: Iterable[CallFacts]) -> Iterable[int]:
    for call in calls:
        if call.operator_answered_at is not None and call.outcome != Outcome.FALLBACK:
            took = (call.operator_answered_at - call.arrived_at).total_seconds()
            yield max(0, round(took * 1000))


def _hour(moment: datetime, zone: ZoneInfo) -> str:
    local = moment.astimezone(zone)
    return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")


def _same_sums(total: Figures, groups: Iterable[Figures]) -> bool:
    names = ("offered", "live", "taken", *(outcome.value for outcome in COUNTED))
    parts = list(groups)
    return all(getattr(total, name) == sum(getattr(one, name) for one in parts) for name in names)


def percent(part: int, whole: int) -> float | None:
    """Return how many per cent of the whole a part is; None of nothing."""
    return round(100 * part / whole, 2) if whole else None


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """Return the nearest rank of ordered values; None if there are none."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None


def _mean(values: Sequence[int]) -> int | None:
    return round(sum(values) / len(values)) if values else None
