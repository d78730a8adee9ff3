"""Opening hours hold at a minute of the day, and are told in UTC to the fallback."""

from __future__ import annotations

import pytest

from acd.agencies.hours import are_hours, in_utc, open_at


@pytest.mark.parametrize(
    ("hours", "clock", "open_"),
    [
        ("07:00-15:30", "07:00", True),
        ("07:00-15:30", "06:59", False),
        ("07:00-15:30", "15:30", False),
        ("22:00-06:00", "23:59", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("22:00-06:00", "12:00", False),
        ("00:00-24:00", "23:59", True),
        ("", "03:00", True),
    ],
)
def test_hours_may_go_over_midnight(hours: str, clock: str, open_: bool) -> None:
    hour, minute = clock.split(":")
    assert open_at(hours, int(hour) * 60 + int(minute)) is open_


@pytest.mark.parametrize("text", ["7-9", "07:00-15:60", "07:00-15:30\n", "25:00-26:00", ""])
def test_what_is_written_in_another_way_are_no_hours(text: str) -> None:
    assert not are_hours(text)


def test_hours_in_utc_are_earlier_where_local_time_is_ahead() -> None:
    assert in_utc("07:00-22:00", 420) == "00:00-15:00"
    assert in_utc("00:00-24:00", 420) == in_utc("", 420) == "*"
