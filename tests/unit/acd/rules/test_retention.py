"""How long records are kept: shipped as the docs say, and refused where it makes no sense."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from factories import THE_DISTRIBUTION

from acd.rules.retention import (
    CALL_CLASSES,
    THREE_YEARS,
    Keep,
    Retention,
    retention_problems,
)


def test_what_we_ship_is_what_a_file_without_the_section_has_and_no_statistics_go() -> None:
    shipped, default = THE_DISTRIBUTION.retention.by_name(), Retention().by_name()
    assert shipped == {**default, "calls.test": Keep(personal=31)}
    rows = {name for name, keep in shipped.items() if keep.row is not None}
    assert rows == {"operator_states", "trail", "logs"}
    assert shipped["calls.answered"] == Keep(personal=THREE_YEARS)
    assert {f"calls.{name}" for name in CALL_CLASSES} <= shipped.keys()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"calls": {"prnak": {"personal": 1}}}, "retention.calls: 'prnak' is none of answered"),
        ({"calls": {"prank": {"personal": 0}}}, "calls.prank: days must be between 1 and 36500"),
        ({"texts": {"row": 99_999}}, "texts: days must be"),
        ({"callbacks": {"personal": 90, "row": 30}}, "callbacks: row must not be below personal"),
        ({"calls": {"answered": {"row": 2000}}}, "calls.answered: give personal too"),
        ({"texts": {"row": 2000}}, "texts: give personal too"),
        ({"trail": {"personal": 30, "row": 60}}, "trail has rows only"),
    ],
)
def test_what_makes_no_sense_is_said(given: dict[str, Any], said: str) -> None:
    (found,) = list(retention_problems(msgspec.convert(given, Retention)))
    assert said in found


def test_a_word_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="day"):
        msgspec.convert({"texts": {"day": 3}}, Retention)
