"""Lays out the supervisor's reports of calls: which figures stand in which table. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from reports.figures import Figures
from reports.figures_count import NONE
from reports.parts import Cell, Part, part, seconds, share, tenth
from reports.refused import ELSEWHERE
from reports.said import TIMES, NamedTime, Said
from reports.summary import Summary

TOTAL = Said("total")

_STAGES = {
    "lost_menu": Said("in the menu"),
    "lost_queue": Said("in the queue"),
    "lost_ringing": Said("while ringing"),
    "lost_fallback": Said("in the fallback"),
}
OUTCOMES = {
    "answered": Said("answered"),
    "information": Said("information heard"),
    "lost_menu": Said("lost in the menu"),
    "lost_queue": Said("lost in the queue"),
    "lost_ringing": Said("lost while ringing"),
    "fallback": Said("answered in the fallback"),
    "lost_fallback": Said("lost in the fallback"),
    "live": Said("not ended yet"),
}
"""The outcomes of calls that were offered, in the words of people; they add up to `offered`."""


def summary_parts(found: Summary, beside: Mapping[str, int]) -> list[Part]:
    """What became of the calls, how fast, and what is told beside them (`beside`)."""
    outcomes: list[list[Cell]] = [
        [Said("offered"), found.offered, share(found.offered, found.offered)]
    ]
    for name, said in OUTCOMES.items():
        count = getattr(found, name)
        outcomes.append([said, count, share(count, found.offered)])
    outcomes.append([Said("adds up"), Said("yes") if found.adds_up else Said("no"), None])
    return [
        part("outcomes", "Calls", "outcome, calls, percent=%", outcomes),
        *service_parts(found, groups=False),
        _talks(found),
        _beside(beside),
        *_refused(found),
        *group_parts(found),
    ]


def service_parts(found: Summary, *, groups: bool = True) -> list[Part]:
    """How many were answered in which time, in three variants, and how long it took."""
    short = "without_short=% without lost in {short} s"
    rows: list[list[Cell]] = [
        [
            _limit(one.seconds),
            one.answered,
            tenth(one.of_offered_percent),
            tenth(one.without_short_percent),
            tenth(one.app_queue_percent),
        ]
        for one in found.service_levels
    ]
    columns = f"within, answered, of_offered=% of offered, {short}, app_queue=% app_queue SL2"
    parts = [
        part("service_level", "Service level", columns, rows, short=found.short_s),
        part(
            "answer_time",
            "Answer time, s",
            "from, mean, p50=median, p90=90 %, p95=95 %, longest_tenth=mean of longest 10 %",
            [
                [Said("arrival"), *(seconds(one) for one in _answer(found))],
                [Said("queue"), *(seconds(one) for one in _queue(found))],
            ],
        ),
    ]
    if groups and found.groups:
        rows = [
            [
                name,
                one.offered,
                one.answered,
                *(tenth(level.of_offered_percent) for level in one.service_levels),
                seconds(one.answer_mean_ms),
                seconds(one.answer_longest_tenth_mean_ms),
            ]
            for name, one in with_total(found)
        ]
        limits = {f"limit_{one.seconds}": _limit(one.seconds) for one in found.service_levels}
        levels = ", ".join(f"within_{name.removeprefix('limit_')}s={{{name}}}" for name in limits)
        columns = f"group={{by}}, offered, answered, {levels}, mean=mean s, longest_tenth=10 % s"
        title = "By {by}, % in {first} to {last} s"
        first, last = (found.service_levels[index].seconds for index in (0, -1))
        values = {**limits, "first": first, "last": last, "by": _by(found)}
        parts.append(part("groups", title, columns, rows, **values))
    return parts


def loss_parts(found: Summary) -> list[Part]:
    """Where calls were lost, and after how long."""
    rows: list[list[Cell]] = [
        [
            _STAGES[one.stage],
            one.calls,
            tenth(one.percent),
            seconds(one.mean_ms),
            seconds(one.p50_ms),
            seconds(one.p95_ms),
        ]
        for one in found.losses
    ]
    lost = sum(one.calls for one in found.losses)
    rows.append([Said("lost, all"), lost, share(lost, found.offered), None, None, None])
    within = Said("of them within {short} s", short=found.short_s)
    rows.append([within, found.short, share(found.short, found.offered), None, None, None])
    parts = [
        part(
            "losses",
            "Lost calls",
            "stage=lost, calls, percent=% of offered, mean=mean s, p50=median s, p95=95 % s",
            rows,
        )
    ]
    if found.groups:
        rows = [
            [name, one.offered, *(getattr(one, stage) for stage in _STAGES), one.short]
            for name, one in with_total(found)
        ]
        columns = "lost_menu=menu, lost_queue=queue, lost_ringing=ringing, lost_fallback=fallback"
        titles = f"group={{by}}, offered, {columns}, short=short"
        parts.append(part("groups", "Lost by {by}", titles, rows, by=_by(found)))
    return parts


def group_parts(found: Summary, called: str = "groups") -> list[Part]:
    """Each group with the figures that are looked at first, and the total."""
    if not found.groups:
        return []
    rows: list[list[Cell]] = [
        [
            name,
            one.offered,
            one.answered,
            share(one.answered, one.offered),
            one.lost,
            tenth(one.within_10s_percent),
            seconds(one.answer_p50_ms),
            seconds(one.answer_p95_ms),
            seconds(one.talk_mean_ms),
        ]
        for name, one in with_total(found)
    ]
    columns = (
        "group={by}, offered, answered, percent=%, lost, within_10s=% 10 s,"
        " p50=med. s, p95=95 % s, talk_mean=talk s"
    )
    if found.by == "trunk":
        refused = _refused_by_source(found)
        columns += ", refused"
        for row in rows:
            row.append(refused[str(row[0])])
    return [part(called, "By {by}", columns, rows, by=_by(found))]


def with_total(found: Summary) -> Iterable[tuple[str, Figures]]:
    """The groups under the names that people read, and the whole at last."""
    for name, one in found.groups.items():
        yield _named(found, name), one
    yield TOTAL, found


def busiest(found: Summary) -> Part:
    """The five times with the most calls, and with the longest answer times."""
    some = [(name, one) for name, one in with_total(found)][:-1]
    most = sorted(some, key=lambda one: -one[1].offered)[:5]
    rows: list[list[Cell]] = [
        [name, one.offered, one.lost, tenth(one.within_10s_percent), seconds(one.answer_p95_ms)]
        for name, one in most
    ]
    columns = "group={by}, offered, lost, within_10s=% 10 s, p95=95 % s"
    return part("busiest", "The busiest", columns, rows, by=_by(found))


def _talks(found: Figures) -> Part:
    rows: list[list[Cell]] = [
        [Said("times an operator began to speak"), found.taken, None],
        [Said("mean talk"), None, seconds(found.talk_mean_ms)],
        [Said("calls on hold, and for how long in each"), found.held, seconds(found.held_mean_ms)],
    ]
    return part("talks", "Talks", "what, times, seconds=s", rows)


def _beside(beside: Mapping[str, int]) -> Part:
    rows: list[list[Cell]] = [[Said(name), count] for name, count in beside.items()]
    return part("beside", "Beside the calls", "what, count", rows)


def _refused(found: Summary) -> Iterable[Part]:
    rows: list[list[Cell]] = [
        [
            Said(ELSEWHERE) if one.source == ELSEWHERE else one.source,
            one.status,
            Said(one.reason),
            one.calls,
        ]
        for one in found.refused_before
    ]
    if rows:
        columns = "source=from, status=SIP status, reason, calls"
        yield part("refused_before", "Refused before the line", columns, rows)


def _refused_by_source(found: Summary) -> Counter[str]:
    """How many calls from each address were refused before the line, and in all."""
    counts = Counter[str]()
    for one in found.refused_before:
        counts[one.source] += one.calls
        counts[TOTAL] += one.calls
    return counts


def _answer(one: Figures) -> list[int | None]:
    return [
        *(one.answer_mean_ms, one.answer_p50_ms, one.answer_p90_ms, one.answer_p95_ms),
        one.answer_longest_tenth_mean_ms,
    ]


def _queue(one: Figures) -> list[int | None]:
    return [
        *(one.queue_mean_ms, one.queue_p50_ms, one.queue_p90_ms, one.queue_p95_ms),
        one.queue_longest_tenth_mean_ms,
    ]


def _limit(seconds: int) -> Said:
    return Said("{seconds} s", seconds=seconds)


def _by(found: Summary) -> Said:
    return Said(str(found.by))


def _named(found: Summary, name: str) -> str:
    if found.by in TIMES:
        return NamedTime(name, found.by)
    if found.by == "trunk" and name == ELSEWHERE:
        return Said(ELSEWHERE)
    return Said(NONE) if name == NONE else name
