"""The bench's verdict: a bound that is reached passes, one that is not says so, none is skipped."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from lab.bench.bounds import BOUNDS, verdicts
from lab.bench.picture import picture


def measured(**changes: Any) -> dict[str, Any]:
    """A result in which every bound is just reached."""
    found: dict[str, Any] = {
        "free_operator_ratio": {count: {"p50": 0.02, "p99": 0.05} for count in ("1", "5", "20")},
        "growth": {
            "ours": {
                "10": {"free_p50_ms": 5.0, "engine_mb": 90.0},
                "2000": {"free_p50_ms": 10.0, "engine_mb": 150.0},
            }
        },
        "throughput_cps": {"ours": 85.0, "app_queue": 100.0, "bare": 200.0},
        "throughput_ratio": {"app_queue": [0.85, 0.6, 1.0]},
        "engine_cpu_ms_per_call": 4.0,
        "engine_alone": {"engine_cpu_ms_per_call": 3.0},
        "asterisk_cpu_ms_per_call": {"ours": 11.5, "app_queue": 10.0, "bare": 3.0},
        "setup_ms": {"ours": {"20": {"digit": {"p95": 50.0}}}},
        "surge": {
            rate: {
                "ours": {"out_of_turn": 0, "rings_of_fallback": 0},
                "lost": 0,
                "seconds_ratio": 0.8,
            }
            for rate in ("40", "60", "60 impatient", "100", "200")
        },
        "busy": {"during_ratio": [0.6, 1.2], "back_ratio": [0.8, 1.0], "dead": 0},
        "goodput_cps": {"ours": {"2": 16.0, "3": 15.0, "6": 13.3}},
        "incidents": {
            name: {"questions": {"slow": {"p95_ms": 100.0}, "quick": {"p95_ms": 1.0}}}
            for name in ("sqlite", "postgresql")
        },
        "reports": {
            name: {"reports": {"slow": {"month_s": 2.0, "year_s": 10.0}}}
            for name in ("sqlite", "postgresql")
        },
        "report_crowd": {"p95_ratio": 1.5},
    }
    return found | changes


def test_what_is_just_reached_is_reached() -> None:
    judged = verdicts(measured())
    assert len(judged) == len(BOUNDS)
    assert [one.wrong for one in judged] == [""] * len(BOUNDS)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"throughput_cps": {"ours": 84.0, "app_queue": 100.0}}, "throughput"),
        ({"throughput_ratio": {"app_queue": [0.9, 0.59]}}, "throughput"),
        ({"engine_alone": {"engine_cpu_ms_per_call": 3.01}}, "engine CPU"),
        ({"asterisk_cpu_ms_per_call": {"ours": 11.6, "app_queue": 10.0}}, "Asterisk CPU"),
        ({"setup_ms": {"ours": {"20": {"digit": {"p95": 50.1}}}}}, "digit"),
        (
            {"free_operator_ratio": {"5": {"p50": 0.021, "p99": 0.01}}},
            "free operator, 5 on duty: p50",
        ),
        (
            {"free_operator_ratio": {"20": {"p50": 0.01, "p99": 0.051}}},
            "free operator, 20 on duty: p99",
        ),
    ],
)
def test_what_is_missed_by_a_little_is_named_with_its_figure(
    changes: dict[str, Any], name: str
) -> None:
    missed = [one for one in verdicts(measured(**changes)) if not one.reached]
    assert len(missed) == 1 and missed[0].name.startswith(name)
    assert missed[0].wrong.startswith(name) and f"{missed[0].measured:.3g}" in missed[0].wrong


def test_a_queue_that_makes_operators_wait_is_seen() -> None:
    found = measured()
    found["growth"]["ours"]["2000"] = {"free_p50_ms": 10.1, "engine_mb": 151.0}
    assert len([one for one in verdicts(found) if not one.reached]) == 2


def test_what_was_not_measured_is_not_judged() -> None:
    judged = verdicts({"engine_alone": {"engine_cpu_ms_per_call": 1.0}})
    assert [one.name for one in judged] == ["engine CPU of a call alone, in ms"]
    assert judged[0].wish == 2.0


def test_every_bound_is_on_one_side_and_has_a_name_of_its_own() -> None:
    assert all((one.most is None) != (one.least is None) for one in BOUNDS)
    assert len({one.name for one in BOUNDS}) == len(BOUNDS)


def test_the_picture_is_a_drawing_with_a_bar_for_every_figure() -> None:
    distribution = {"p50": 7.0, "p99": 9.0}
    found = measured(
        free_operator_ms={"app_queue": {"5": distribution}, "ours": {"5": distribution}},
        machine={"cpu": "A <fast> & cheap one", "cores": "2", "asterisk": "22.10.1"},
        pairs=5,
        seed=1,
    )
    drawn = ElementTree.fromstring(picture(found))  # noqa: S314 - our own text
    space = "{http://www.w3.org/2000/svg}"
    bars = [one for one in drawn.iter(f"{space}rect") if one.get("rx")]
    # 2 by 2 free operators, 3 throughputs, 3 goodputs, 4 CPU times, 1 digit, 2 lengths of queues
    assert len(bars) == 4 + 3 + 3 + 4 + 1 + 2
    assert all(0 < float(one.get("width", "0")) <= 470 for one in bars)
