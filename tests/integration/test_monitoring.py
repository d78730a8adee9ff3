"""What a real engine answers at /metrics is what dashboard, rules and documentation name."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from promtool import checked, expressions_of, metrics_in
from served import ServedEngine, an_engine

from ngalam112.api.metrics import ANSWER_S, AnswerTimes
from ngalam112.config.settings import PROJECT
from ngalam112.engine.refusal_counts import TRUNK

BOARD = PROJECT / "deploy" / "grafana" / "ngalam112.json"
RULES = PROJECT / "deploy" / "prometheus" / "alerts.yml"
PAGE = PROJECT / "docs" / "monitoring.md"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    everything = {
        "warning_url": "https://127.0.0.1:1/list",
        "warning_hosts": ["127.0.0.1"],
        "recordings": "wav",
        "trunk_probe": ["sbc.example"],
    }
    async with an_engine(tmp_path, **everything) as one:
        one.engine.trunk_probe.up["sbc.example"] = True
        one.engine.refusals.totals[TRUNK, 488] += 1
        yield one


Samples = dict[str, dict[str, set[str]]]
"""By metric its labels, each with its values."""


async def samples(served: ServedEngine) -> tuple[bytes, Samples]:
    _, body = await served.raw("GET", "/metrics", token=served.settings.secrets.api_token)
    found: Samples = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return body, {name: labels for name, labels in found.items() if name.startswith("ngalam112_")}


async def test_what_dashboard_and_rules_name_is_there_and_documented(served: ServedEngine) -> None:
    body, found = await samples(served)
    checked("check", "metrics", given=body)
    panels = json.loads(BOARD.read_text("utf-8"))["panels"]
    rules = RULES.read_text("utf-8").replace("ngalam112-", "").split("- alert:")
    named = [one for text in (*expressions_of(panels), *rules) for one in metrics_in(text)]
    assert len(named) > 70
    for name, labels in named:
        assert name in found, f"{name} is not in /metrics"
        for label, (sign, value) in labels.items():
            if label in ("instance", "job"):
                continue
            values = found[name].get(label, set())
            matches = re.fullmatch if "~" in sign else (lambda a, b: a == b)
            assert any(matches(value, one) for one in values), (name, label, value)
    table = re.findall(r"^\| (`ngalam112_.*?`) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = set[str]()
    for cell in table:
        names = re.findall(r"`([a-z0-9_]+)`", cell)
        base = names[0].removesuffix("_bucket")
        documented |= {base + one if one.startswith("_") else one for one in names}
    assert documented == found.keys()


async def test_each_label_that_the_page_names_is_there(served: ServedEngine) -> None:
    _, found = await samples(served)
    row = re.compile(r"^\| `(ngalam112_\w+)`[^|]*\|([^|]*)\|", re.MULTILINE)
    rows = row.findall(PAGE.read_text("utf-8"))
    assert len(rows) > 30
    for name, told in rows:
        assert set(re.findall(r"`([a-z]+)`", told)) == found[name].keys(), name


def test_answer_times_are_counted_in_classes_each_with_those_below_it() -> None:
    times = AnswerTimes()
    for seconds in (1.0, 5.0, 5.1, 19.0, 400.0):
        times.add(seconds)
    counts = {one.labels["le"]: one.value for one in times.metric().samples if "le" in one.labels}
    assert counts == {
        "5.0": 2,
        "10.0": 3,
        "15.0": 3,
        "20.0": 4,
        "30.0": 4,
        "60.0": 4,
        "120.0": 4,
        "300.0": 4,
        "+Inf": 5,
    }
    assert len(counts) == len(ANSWER_S) + 1 and times.sum_s == pytest.approx(430.1)
