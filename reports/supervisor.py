"""Lays out the supervisor's reports of calls: which figures stand in which table. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from reports.figures import Figures
from reports.parts import Cell, Part, part, seconds, share, tenth
from reports.summary import Summary

TOTAL = "total"

_STAGES = {
    "lost_menu": "in the menu",
    "lost_queue": "in the queue",
    "lost_ringing": "while ringing",
    "lost_fallback": "in the fallback",
}
OUTCOMES = {
    "answered": "answered",
    "information": "information heard",
    "lost_menu": "lost in the menu",
    "lost_queue": "lost in the queue",
    "lost_ringing": "lost while ringing",
    "fallback": "answered in the fallback",
    "lost_fallback": "lost in the fallback",
    "live": "not ended yet",
}
"""The outcomes of calls that were offered, in the words of people; they add up to `offered`."""


def summary_parts(found: Summary, beside: Mapping[str, int]) -> list[Part]:
    """What became of the calls, how fast, and what is told beside them (`beside`)."""
    outcomes: list[list[Cell]] = [["offered", found.offered, share(found.offered, found.offered)]]
    for name, said in OUTCOMES.items():
        count = getattr(found, name)
        outcomes.append([said, count, share(count, found.offered)])
    outcomes.append(["adds up", "yes" if found.adds_up else "no", None])
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
    short = f"without_short=% without lost in {found.short_s:g} s"
    rows: list[list[Cell]] = [
        [
            f"{one.seconds} s",
            one.answered,
            tenth(one.of_offered_percent),
            tenth(one.without_short_percent),
            tenth(one.app_queue_percent),
        ]
        for one in found.service_levels
    ]
    columns = f"within, answered, of_offered=% of offered, {short}, app_queue=% app_queue SL2"
    parts = [
        part("service_level", "Service level", columns, rows),
        part(
            "answer_time",
            "Answer time, s",
            "from, mean, p50=median, p90=90 %, p95=95 %, longest_tenth=mean of longest 10 %",
            [
                ["arrival", *(seconds(one) for one in _answer(found))],
                ["queue", *(seconds(one) for one in _queue(found))],
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
        limits = [one.seconds for one in found.service_levels]
        levels = ", ".join(f"within_{limit}s={limit} s" for limit in limits)
        columns = f"{_by(found)}, offered, answered, {levels}, mean=mean s, longest_tenth=10 % s"
        title = f"By {found.by}, % in {limits[0]} to {limits[-1]} s"
        parts.append(part("groups", title, columns, rows))
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
    rows.append(["lost, all", lost, share(lost, found.offered), None, None, None])
    within = f"of them within {found.short_s:g} s"
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
        titles = f"{_by(found)}, offered, {columns}, short=short"
        parts.append(part("groups", f"Lost by {found.by}", titles, rows))
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
        f"{_by(found)}, offered, answered, percent=%, lost, within_10s=% 10 s,"
        " p50=med. s, p95=95 % s, talk_mean=talk s"
    )
    if found.by == "trunk":
        refused = _refused_by_source(found)
        columns += ", refused"
        for row in rows:
            row.append(refused[str(row[0])])
    return [part(called, f"By {found.by}", columns, rows)]


def with_total(found: Summary) -> Iterable[tuple[str, Figures]]:
    """The groups under the names that people read, and the whole at last."""
    for name, one in found.groups.items():
        yield name.replace("T", " ")[:16] if found.by in ("hour", "15min") else name, one
    yield TOTAL, found


def busiest(found: Summary) -> Part:
    """The five times with the most calls, and with the longest answer times."""
    some = [(name, one) for name, one in with_total(found)][:-1]
    most = sorted(some, key=lambda one: -one[1].offered)[:5]
    rows: list[list[Cell]] = [
        [name, one.offered, one.lost, tenth(one.within_10s_percent), seconds(one.answer_p95_ms)]
        for name, one in most
    ]
    columns = f"{_by(found)}, offered, lost, within_10s=% 10 s, p95=95 % s"
    return part("busiest", "The busiest", columns, rows)


def _talks(found: Figures) -> Part:
    rows: list[list[Cell]] = [
        ["times an operator began to speak", found.taken, None],
        ["mean talk", None, seconds(found.talk_mean_ms)],
        ["calls on hold, and for how long in each", found.held, seconds(found.held_mean_ms)],
    ]
    return part("talks", "Talks", "what, times, seconds=s", rows)


def _beside(beside: Mapping[str, int]) -> Part:
    rows: list[list[Cell]] = [[name, count] for name, count in beside.items()]
    return part("beside", "Beside the calls", "what, count", rows)


def _refused(found: Summary) -> Iterable[Part]:
    rows: list[list[Cell]] = [
        [one.source, one.status, one.reason, one.calls] for one in found.refused_before
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


def _by(found: Summary) -> str:
    return f"group={found.by}"
