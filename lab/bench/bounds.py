"""What the bench must reach, each bound by name, and the verdict on what was measured. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

Figures = dict[str, Any]


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """One bound: `read` finds the figure, or None if it was not measured.

    `most`: the figure must not be above it; `least`: not below it. Exactly one of them is given.
    `wish`: what would be better still, and is not judged.
    """

    name: str
    read: Callable[[Figures], float | None]
    most: float | None = None
    least: float | None = None
    wish: float | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How one bound came out; `wrong` is a sentence if it was not reached."""

    name: str
    bound: str
    measured: float
    reached: bool
    wish: float | None = None
    wrong: str = ""


def _value(*path: str) -> Callable[[Figures], Any]:
    """Read what is there by its path; None if there is nothing."""

    def read(figures: Figures) -> Any:
        value: Any = figures
        for key in path:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return value

    return read


def _at(*path: str) -> Callable[[Figures], float | None]:
    """Read one figure by its path; None if there is none."""
    find = _value(*path)

    def read(figures: Figures) -> float | None:
        value = find(figures)
        return None if value is None else float(value)

    return read


def _worst(values: Callable[[Figures], Any]) -> Callable[[Figures], float | None]:
    """Read the smallest of several figures; None if there are none."""

    def read(figures: Figures) -> float | None:
        found = values(figures)
        return min(map(float, found)) if found else None

    return read


def _over(one: Callable[[Figures], float | None], other: Callable[[Figures], float | None]) -> Any:
    """Read one figure over another one; None if one of them is not there."""

    def read(figures: Figures) -> float | None:
        above, below = one(figures), other(figures)
        return None if above is None or not below else above / below

    return read


def _sum(one: Callable[[Figures], float | None], other: Callable[[Figures], float | None]) -> Any:
    """Read both and add them up; None if one of them is not there."""

    def read(figures: Figures) -> float | None:
        first, second = one(figures), other(figures)
        return None if first is None or second is None else first + second

    return read


def _slowest(database: str) -> Callable[[Figures], float | None]:
    """Read the greatest p95 of all questions about incidents; None if none was asked."""
    find = _value("incidents", database, "questions")

    def read(figures: Figures) -> float | None:
        return max((float(one["p95_ms"]) for one in (find(figures) or {}).values()), default=None)

    return read


def _longest(database: str, span: str) -> Callable[[Figures], float | None]:
    """Read how long the slowest report of a month or a year took; None if none was asked."""
    find = _value("reports", database, "reports")

    def read(figures: Figures) -> float | None:
        return max(
            (float(one[f"{span}_s"]) for one in (find(figures) or {}).values()), default=None
        )

    return read


_FREE = "free operator, {count} on duty: {part} against app_queue's"
BOUNDS = (
    *(
        Bound(
            name=_FREE.format(count=count, part=part),
            read=_at("free_operator_ratio", count, part),
            most=most,
        )
        for count in ("1", "5", "20")
        for part, most in (("p50", 1 / 50), ("p99", 1 / 20))
    ),
    Bound(
        name="free operator p50, 2,000 waiting against 10",
        read=_over(
            _at("growth", "ours", "2000", "free_p50_ms"), _at("growth", "ours", "10", "free_p50_ms")
        ),
        most=2.0,
    ),
    Bound(
        name="throughput, 200 operators, against app_queue's",
        read=_over(_at("throughput_cps", "ours"), _at("throughput_cps", "app_queue")),
        least=0.85,
        wish=1.0,
    ),
    Bound(
        name="throughput, 200 operators, against app_queue's, in the worst pair",
        read=_worst(_value("throughput_ratio", "app_queue")),
        least=0.6,
    ),
    *(
        bound
        for rate in ("40", "60", "60 impatient", "100", "200")
        for bound in (
            Bound(
                name=f"surge of {rate} calls a second: not served, or out of turn",
                read=_sum(_at("surge", rate, "lost"), _at("surge", rate, "ours", "out_of_turn")),
                most=0.0,
            ),
            Bound(
                name=f"surge of {rate} calls a second: rings of the fallback",
                read=_at("surge", rate, "ours", "rings_of_fallback"),
                most=0.0,
            ),
        )
    ),
    # of the greater ones app_queue's time is told, and no more
    Bound(
        name="surge of 60 calls a second: time against app_queue's",
        read=_at("surge", "60", "seconds_ratio"),
        most=0.8,
    ),
    *(
        Bound(
            name=f"served while {often} times as many come as can be served, a second",
            read=_at("goodput_cps", "ours", often),
            least=13.3,  # 0.8 of what 20 operators can serve
        )
        for often in ("2", "3", "6")
    ),
    Bound(
        name="served beside four busy loops, against app_queue's, in the worst pair",
        read=_worst(_value("busy", "during_ratio")),
        least=0.6,
        wish=1.0,
    ),
    Bound(
        name="served from 5 s after the loops' end, against before, in the worst pair",
        read=_worst(_value("busy", "back_ratio")),
        least=0.8,
    ),
    Bound(
        name="Asterisk dead beside busy loops",
        read=_at("busy", "dead"),
        most=0.0,
    ),
    Bound(
        name="engine CPU of a call alone, in ms",
        read=_at("engine_alone", "engine_cpu_ms_per_call"),
        most=3.0,
        wish=2.0,
    ),
    Bound(
        name="Asterisk CPU of a call against app_queue's",
        read=_over(
            _at("asterisk_cpu_ms_per_call", "ours"), _at("asterisk_cpu_ms_per_call", "app_queue")
        ),
        most=1.15,
        wish=1.0,
    ),
    Bound(
        name="digit to the phone's INVITE, 20 calls a second, p95 in ms",
        read=_at("setup_ms", "ours", "20", "digit", "p95"),
        most=50.0,
    ),
    *(
        Bound(
            name=f"incidents on {database}: the slowest question, p95 in ms",
            read=_slowest(database),
            most=100.0,
        )
        for database in ("sqlite", "postgresql")
    ),
    *(
        Bound(
            name=f"reports on {database}: the slowest of a {span}, in s",
            read=_longest(database, span),
            most=most,
        )
        for database in ("sqlite", "postgresql")
        for span, most in (("month", 2.0), ("year", 10.0))
    ),
    Bound(
        name="the engine's loop beside ten reports at once, p95 against without",
        read=_at("report_crowd", "p95_ratio"),
        most=1.5,
        wish=1.0,
    ),
    Bound(
        name="engine memory, 2,000 waiting, in MB",
        read=_at("growth", "ours", "2000", "engine_mb"),
        most=150.0,
    ),
)
"""What "ahead of app_queue" means, in figures."""


def verdicts(figures: Figures) -> list[Verdict]:
    """Judge every bound whose figure was measured."""
    found = []
    for bound in BOUNDS:
        measured = bound.read(figures)
        if measured is not None:
            found.append(_judged(bound, measured))
    return found


def _judged(bound: Bound, measured: float) -> Verdict:
    if bound.most is not None:
        reached, limit = measured <= bound.most, f"at most {bound.most:.3g}"
    else:
        assert bound.least is not None
        reached, limit = measured >= bound.least, f"at least {bound.least:.3g}"
    wrong = "" if reached else f"{bound.name} is {measured:.3g}, but must be {limit}."
    return Verdict(
        name=bound.name,
        bound=limit,
        measured=measured,
        reached=reached,
        wish=bound.wish,
        wrong=wrong,
    )
