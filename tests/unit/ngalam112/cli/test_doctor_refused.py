"""What the doctor says of calls that Asterisk refused, and when it cannot know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ngalam112.cli.doctor_refused import check_refused, refused
from ngalam112.config.settings import load_settings


def told(**changes: Any) -> dict[str, Any]:
    return {
        "source": "10.0.0.7",
        "trunk": True,
        "status": 488,
        "reason": "no audio in common",
        "dialled": "112",
        "calls": 3,
        "since": "2026-12-01T06:00:00+07:00",
        "at": "2026-12-01T07:00:00+07:00",
    } | changes


@pytest.mark.parametrize(
    ("changes", "mend"),
    [
        ({}, "PCMA"),
        ({"status": 401, "dialled": "0112"}, "dial 112 there"),
        ({"status": 500}, "look at an INVITE of 10.0.0.7"),
        ({"trunk": False, "status": 401}, "add 10.0.0.7 to NGALAM112_TRUNK_MATCH"),
    ],
)
def test_each_reason_has_something_to_do(
    changes: dict[str, Any], mend: str, tmp_path: Path
) -> None:
    (found,) = refused([told(**changes)], load_settings(home=tmp_path))
    assert found.state == "warning" and mend in found.mend
    assert "10.0.0.7" in found.found and "3 with" in found.found


def test_without_refused_calls_all_is_well(tmp_path: Path) -> None:
    assert [one.state for one in refused([], load_settings(home=tmp_path))] == ["ok"]


def test_without_copies_or_an_engine_nobody_knows(tmp_path: Path) -> None:
    for settings in (load_settings(home=tmp_path, place=False), load_settings(home=tmp_path)):
        assert [one.state for one in check_refused(settings)] == ["unknown"]
