"""The alert rules and the dashboard as Prometheus and Grafana read them."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from promtool import checked, expressions_of

from ngalam112.config.settings import PROJECT

PROMETHEUS = PROJECT / "deploy" / "prometheus"
BOARD = json.loads((PROJECT / "deploy" / "grafana" / "ngalam112.json").read_text("utf-8"))


def test_the_rules_are_what_prometheus_takes_and_do_what_their_tests_say() -> None:
    assert "SUCCESS" in checked("check", "rules", PROMETHEUS / "alerts.yml")
    assert "SUCCESS" in checked("test", "rules", "alerts_test.yml", cwd=PROMETHEUS)


def test_a_rule_that_is_wrong_is_found(tmp_path: Path) -> None:
    text = (PROMETHEUS / "alerts.yml").read_text("utf-8")
    (tmp_path / "alerts.yml").write_text(text.replace("seconds > 20", "seconds > 40"), "utf-8")
    tests = (PROMETHEUS / "alerts_test.yml").read_text("utf-8")
    (tmp_path / "alerts_test.yml").write_text(tests, "utf-8")
    with pytest.raises(AssertionError, match="Ngalam112LongWait"):
        checked("test", "rules", "alerts_test.yml", cwd=tmp_path)


def test_the_example_of_a_configuration_is_one(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "alerts.yml"):
        (tmp_path / name).write_text((PROMETHEUS / name).read_text("utf-8"), "utf-8")
    (tmp_path / "ngalam112.token").write_text("secret\n", "utf-8")
    assert "SUCCESS" in checked("check", "config", "prometheus.yml", cwd=tmp_path)


def test_the_dashboards_expressions_are_what_prometheus_takes(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{n}", "expr": one.replace("$__rate_interval", "1m")}
        for n, one in enumerate(expressions_of(BOARD["panels"]))
    ]
    assert len(rules) > 40
    file = tmp_path / "board.json"
    file.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}), "utf-8")
    assert f"SUCCESS: {len(rules)} rules found" in checked("check", "rules", file)


def test_the_dashboards_panels_have_places_of_their_own() -> None:
    panels = BOARD["panels"]
    assert max(Counter(one["id"] for one in panels).values()) == 1
    taken = Counter(
        (x, y)
        for place in (one["gridPos"] for one in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    )
    assert max(taken.values()) == 1 and max(x for x, _ in taken) == 23
    for one in panels:
        assert one["title"] and (one["type"] == "row" or one["targets"])


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    _, *alerts = (PROMETHEUS / "alerts.yml").read_text("utf-8").split("- alert: ")
    names = [one.split("\n", 1)[0] for one in alerts]
    assert len(set(names)) == len(names) > 20
    for one in alerts:
        assert re.search(r"^ +labels: \{severity: (critical|warning|info)\}$", one, re.MULTILINE)
        assert re.search(r"^ +summary: .+\n +description: .+$", one, re.MULTILINE), one
