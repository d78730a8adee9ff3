"""How `incident show` tells the agreed time that runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ngalam112.cli.incidents import _due


@pytest.mark.parametrize(
    ("hours", "days", "says"),
    [
        (1, 0, "(today)"),
        (-1, 0, "(over)"),
        (-30, -1, "(1 working day ago)"),
        (60, 2, "(2 working days)"),
    ],
)
def test_a_time_that_is_over_is_not_called_today(hours: int, days: int, says: str) -> None:
    at = (datetime.now(UTC) + timedelta(hours=hours)).isoformat()
    assert says in _due({"for": "agency", "at": at, "working_days": days})
