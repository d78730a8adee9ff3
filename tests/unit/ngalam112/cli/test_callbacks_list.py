"""The list of callbacks says whom *16 would not dial, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from ngalam112.cli.callbacks import _policy, _whom
from ngalam112.config.settings import load_settings


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("081234567890", "081234567890"),
        ("123", "123"),
        ("", "(withheld)"),
        ("+882112345678", "+882112345678 (not dialled: it is a satellite number)"),
        ("*21*1#", "*21*1# (not dialled: it holds * or #, an order to the network)"),
    ],
)
def test_who_is_not_dialled_has_the_reason(number: str, shown: str) -> None:
    settings = load_settings()
    assert _whom(number, False, settings, _policy(settings)) == shown


def test_a_file_that_cannot_be_read_hides_no_callback(tmp_path: Path) -> None:
    settings = load_settings(distribution_file=tmp_path / "none.toml")
    assert _whom("081234567890", False, settings, _policy(settings)) == "081234567890"
