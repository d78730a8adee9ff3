"""The times that people give mean moments in the line's zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.api.time_ranges import TimeError, begin, end, local, on_screen

ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)  # already the 23rd in Malang


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("today", "2026-11-23T00:00:00+07:00", "2026-11-24T00:00:00+07:00"),
        ("yesterday", "2026-11-22T00:00:00+07:00", "2026-11-23T00:00:00+07:00"),
        ("2026-02-28", "2026-02-28T00:00:00+07:00", "2026-03-01T00:00:00+07:00"),
        ("2026-11-23T08:00", "2026-11-23T08:00:00+07:00", "2026-11-23T08:00:00+07:00"),
        ("2026-11-23 08:00:30", "2026-11-23T08:00:30+07:00", "2026-11-23T08:00:30+07:00"),
        ("2026-11-23T01:00Z", "2026-11-23T01:00:00+00:00", "2026-11-23T01:00:00+00:00"),
    ],
)
def test_a_day_begins_at_midnight_and_belongs_to_the_time_that_it_ends(
    text: str, first: str, last: str
) -> None:
    assert begin(text, ZONE, NOW).isoformat() == first
    assert end(text, ZONE, NOW).isoformat() == last


@given(st.one_of(st.text(max_size=20), st.datetimes().map(str), st.dates().map(str)))
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    for read in (begin, end):
        try:
            moment = read(text, ZONE, NOW)
        except TimeError as error:
            assert "\n" not in str(error) and "2026-11-23" in str(error)
        else:
            assert moment.astimezone(UTC).tzinfo is UTC


def test_a_time_is_shown_as_the_clock_on_the_wall_shows_it() -> None:
    moment = local(1_776_056_400.1234, ZONE)
    assert moment.isoformat() == "2026-04-13T12:00:00.123000+07:00"
    assert on_screen(moment.isoformat(), ZONE) == "2026-04-13 12:00:00"
    assert on_screen("2026-04-13T05:00:00Z", ZONE) == "2026-04-13 12:00:00"
    assert on_screen(None, ZONE) == "-"
