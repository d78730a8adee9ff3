"""What the lines of the local journal say."""

from __future__ import annotations

from typing import Any

import pytest
from factories import a_record

from acd.calls.record import Outcome
from journal.entries import as_now


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"outcome": "fallback", "ended_at": 9.0}, "lost_fallback"),
        ({"outcome": "fallback", "ended_at": 9.0, "operator_answered_at": 5.0}, "fallback"),
        ({"outcome": "fallback"}, "fallback"),
        ({"outcome": "answered", "ended_at": 9.0}, "answered"),
        ({}, None),
    ],
)
def test_who_was_not_answered_in_the_fallback_was_lost_there(
    changes: dict[str, Any], outcome: str | None
) -> None:
    row = a_record(ended_at=None, operator_answered_at=None, outcome=None).row() | changes
    before = dict(row)
    assert as_now(row) == row | {"outcome": outcome} and row == before
    assert outcome is None or outcome in list(Outcome)
