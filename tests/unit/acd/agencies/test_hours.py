"""Opening hours hold at a minute of the day, and are told in UTC to the fallback."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.agencies.hours import are_hours, in_utc, next_opening, open_at


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


WIB = timezone(timedelta(hours=7))
MINUTES = st.integers(0, 1439)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ("07:00-15:30", "2026-12-01 06:59:59", "2026-12-01 07:00"),
        ("07:00-15:30", "2026-12-01 07:00", None),
        ("07:00-15:30", "2026-12-01 15:30", "2026-12-02 07:00"),
        ("22:00-06:00", "2026-12-01 05:59", None),
        ("22:00-06:00", "2026-12-01 06:00", "2026-12-01 22:00"),
        ("22:00-06:00", "2026-12-01 23:00", None),
        ("00:00-24:00", "2026-12-01 23:59", None),
        ("08:00-08:00", "2026-12-01 07:59", None),
        ("", "2026-12-01 03:00", None),
        ("18:00-24:00", "2026-12-31 17:00", "2026-12-31 18:00"),
    ],
)
def test_they_begin_next(hours: str, now: str, opens: str | None) -> None:
    assert next_opening(hours, at(now)) == (None if opens is None else at(opens))


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ("07:00-15:30", "2026-12-24 16:00", "2026-12-26 07:00"),
        ("07:00-15:30", "2026-12-25 10:00", "2026-12-26 07:00"),
        ("", "2026-12-25 10:00", "2026-12-26 00:00"),
        ("", "2026-12-24 23:59", None),
        ("22:00-06:00", "2026-12-25 03:00", None),  # those of the day before
        ("22:00-06:00", "2026-12-25 23:00", "2026-12-26 22:00"),
        ("22:00-06:00", "2026-12-26 03:00", "2026-12-26 22:00"),
    ],
)
def test_hours_that_would_begin_on_a_holiday_do_not(hours: str, now: str, opens: str) -> None:
    found = next_opening(hours, at(now), lambda day: day == date(2026, 12, 25))
    assert found == (None if opens is None else at(opens))


def test_where_none_begin_in_a_year_nothing_waits() -> None:
    assert next_opening("07:00-15:30", at("2026-12-01 03:00"), lambda day: True) is None


@given(first=MINUTES, last=st.integers(0, 1440), minute=MINUTES)
def test_they_begin_at_the_first_minute_at_which_they_hold(
    first: int, last: int, minute: int
) -> None:
    hours = f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"
    now = at("2026-12-01 00:00") + timedelta(minutes=minute)
    opens = next_opening(hours, now)
    assert (opens is None) is open_at(hours, minute)
    if opens is not None:
        until = round((opens - now).total_seconds() / 60)
        assert 0 < until < 1440
        closed = (open_at(hours, (minute + one) % 1440) for one in range(until))
        assert not any(closed)
        assert open_at(hours, (minute + until) % 1440)
