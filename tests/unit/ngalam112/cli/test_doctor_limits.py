"""The doctor tells where the limits of callers contradict each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ngalam112.cli.doctor_limits import check_limits
from ngalam112.config.settings import PROJECT, load_settings

SHIPPED = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")


def said(tmp_path: Path, per_address: int = 0, **settings: Any) -> str:
    file = tmp_path / "distribution.toml"
    assert "at_once_per_address = 0" in SHIPPED
    file.write_text(
        SHIPPED.replace("at_once_per_address = 0", f"at_once_per_address = {per_address}"), "utf-8"
    )
    checks = check_limits(load_settings(home=tmp_path, distribution_file=file, **settings))
    return "; ".join(f"{one.state}: {one.found}" for one in checks)


def test_as_shipped_nothing_contradicts(tmp_path: Path) -> None:
    assert said(tmp_path) == (
        "ok: in turn 10 calls at once of a number, all of an address; 4000 of an address are let in"
    )


@pytest.mark.parametrize(
    ("per_address", "settings", "expected"),
    [
        (0, {"most_per_address": 5000}, "the audio ports are for 5000 calls"),
        (50, {"most_per_address": 40}, "at_once_per_address = 50 is never reached"),
        (50, {"place": False}, "at_once_per_address has no effect"),
        (0, {"place": False}, "calls that nobody acknowledges are not ended"),
    ],
)
def test_a_contradiction_is_told(
    tmp_path: Path, per_address: int, settings: dict[str, Any], expected: str
) -> None:
    found = said(tmp_path, per_address, **settings)
    assert "warning" in found and expected in found


def test_a_file_that_cannot_be_read_is_told_elsewhere(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, distribution_file=tmp_path / "none.toml")
    assert check_limits(settings) == []
