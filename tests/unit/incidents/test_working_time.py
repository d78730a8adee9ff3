"""Working days and working time, against a table made by hand, and what holds for any calendar.

The table's calendar is Malang's: no summer time, Monday to Thursday 08:00-16:00, Friday with a
break. 2026-11-02 is a Monday.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from factories import OFTEN
from hypothesis import assume, given
from hypothesis import strategies as st

from incidents.working_calendar import CalendarError, DayHours, Hours, WorkingCalendar
from incidents.working_time import (
    MOST_PAUSES,
    Pause,
    add_working_days,
    add_working_time,
    received,
    working_days_between,
    working_time_between,
)

JAKARTA, BERLIN = "Asia/Jakarta", "Europe/Berlin"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def hours(*shown: str) -> DayHours:
    """Hours as they are written: `08:00-16:00`."""
    marks = [[60 * int(mark[:2]) + int(mark[3:]) for mark in one.split("-")] for one in shown]
    return tuple(Hours(opens, closes) for opens, closes in marks)


DAY, FRIDAY, ALWAYS = (
    hours("08:00-16:00"),
    hours("08:00-11:30", "13:00-16:00"),
    hours("00:00-24:00"),
)
MALANG = WorkingCalendar(
    timezone=JAKARTA,
    weekly=(DAY, DAY, DAY, DAY, FRIDAY, (), ()),
    holidays={date(2026, 3, 19): "Nyepi", date(2026, 8, 25): "Maulid"},
    yearly_holidays={(1, 1): "Tahun Baru", (5, 1): "Buruh", (8, 17): "Merdeka", (12, 25): "Natal"},
    half_days={
        date(2026, 10, 10): hours("08:00-12:00"),  # a Saturday
        date(2026, 12, 24): hours("08:00-11:30"),
        date(2026, 12, 31): hours("08:00-12:00"),
    },
)
OFFICE = hours("09:00-17:00")
BERLIN_OFFICE = WorkingCalendar(timezone=BERLIN, weekly=(*[OFFICE] * 5, (), ()))
BERLIN_ALWAYS = WorkingCalendar(timezone=BERLIN, weekly=(ALWAYS,) * 7)


def at(shown: str, zone: str = JAKARTA) -> datetime:
    """What the clock shows: `11-02 09:00` of 2026, or with its year."""
    text = shown if shown[4] == "-" else f"2026-{shown}"
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def paused(text: str, zone: str = JAKARTA) -> list[Pause]:
    """Pauses as the table has them: `11-03 10:00/11-03 10:05, ...`."""
    ends = [one.strip().split("/") for one in text.split(",") if one]
    return [Pause(at(since, zone), at(until, zone)) for since, until in ends]


DAYS = [
    # what a working day is
    ("the day of receipt does not count", "11-02 09:00", 1, "", "11-03 16:00"),
    ("three days of one week", "11-02 09:00", 3, "", "11-05 16:00"),
    ("the weekend does not count", "11-02 09:00", 5, "", "11-09 16:00"),
    ("ten days are two weeks", "11-02 09:00", 10, "", "11-16 16:00"),
    ("a day with a break ends in the afternoon", "11-05 09:00", 1, "", "11-06 16:00"),
    ("zero days end with the day of receipt", "11-02 09:00", 0, "", "11-02 16:00"),
    ("fifty days", "09-01 09:00", 50, "", "11-09 16:00"),
    # receipt at the edges of and outside of hours
    ("received at the opening", "11-02 08:00", 1, "", "11-03 16:00"),
    ("received in the last second", "11-02 15:59:59", 1, "", "11-03 16:00"),
    ("received when it has just closed", "11-02 16:00", 1, "", "11-04 16:00"),
    ("received before the opening", "11-02 06:00", 1, "", "11-03 16:00"),
    ("received just after midnight", "11-03 00:00", 1, "", "11-04 16:00"),
    ("received in the evening", "11-02 20:00", 1, "", "11-04 16:00"),
    ("received in the Friday break", "11-06 12:00", 1, "", "11-09 16:00"),
    ("zero days in the Friday break", "11-06 11:30", 0, "", "11-06 16:00"),
    ("zero days on Friday evening", "11-06 16:00", 0, "", "11-09 16:00"),
    ("zero days on a Saturday", "11-07 10:00", 0, "", "11-09 16:00"),
    ("received on a Saturday", "11-07 10:00", 1, "", "11-10 16:00"),
    ("received on a Sunday night", "11-08 23:59", 3, "", "11-12 16:00"),
    # what SP4N-LAPOR agrees, for a complaint of a Friday evening
    ("forwarded within three", "11-27 17:00", 3, "", "12-03 16:00"),
    ("answered within five", "11-27 17:00", 5, "", "12-07 16:00"),
    ("closed after ten", "11-27 17:00", 10, "", "12-14 16:00"),
    # holidays
    ("a yearly holiday on a Monday", "08-14 09:00", 1, "", "08-18 16:00"),
    ("received on a holiday", "08-17 09:00", 1, "", "08-19 16:00"),
    ("zero days on a holiday", "08-17 09:00", 0, "", "08-18 16:00"),
    ("a holiday in the middle", "08-24 09:00", 3, "", "08-28 16:00"),
    ("two holidays in two weeks", "08-14 09:00", 10, "", "09-01 16:00"),
    ("the day before a holiday", "03-18 09:00", 1, "", "03-20 16:00"),
    ("the evening before a holiday", "03-18 18:00", 1, "", "03-23 16:00"),
    ("a holiday and a weekend", "04-30 09:00", 1, "", "05-04 16:00"),
    # half days
    ("due at the end of a half day", "12-23 09:00", 1, "", "12-24 11:30"),
    ("a half day is a whole day", "12-23 09:00", 2, "", "12-28 16:00"),
    ("received on a half day", "12-24 09:00", 1, "", "12-28 16:00"),
    ("zero days on a half day", "12-24 09:00", 0, "", "12-24 11:30"),
    ("received after a half day's end", "12-24 12:00", 0, "", "12-28 16:00"),
    ("a Saturday with hours of its own", "10-09 09:00", 1, "", "10-10 12:00"),
    ("received on that Saturday", "10-10 09:00", 1, "", "10-12 16:00"),
    ("received on that Saturday afternoon", "10-10 12:00", 1, "", "10-13 16:00"),
    # the year's end
    ("the last day of the year", "12-30 09:00", 1, "", "12-31 12:00"),
    ("over the year's end", "12-30 09:00", 2, "", "2027-01-04 16:00"),
    ("received on New Year's Eve in the afternoon", "12-31 13:00", 0, "", "2027-01-04 16:00"),
    ("received on New Year's Day", "2027-01-01 10:00", 3, "", "2027-01-07 16:00"),
    ("ten days over Christmas", "12-14 09:00", 10, "", "12-29 16:00"),
    ("the holidays of a year that is not known", "2028-08-16 09:00", 1, "", "2028-08-18 16:00"),
    # pauses
    ("a day that a pause touches", "11-02 09:00", 3, "11-03 10:00/11-03 10:05", "11-06 16:00"),
    ("a pause of two days", "11-02 09:00", 3, "11-03 10:00/11-04 14:00", "11-09 16:00"),
    ("a pause overnight", "11-02 09:00", 3, "11-03 16:00/11-04 08:00", "11-05 16:00"),
    ("a pause over a weekend", "11-05 09:00", 3, "11-06 16:00/11-09 08:00", "11-10 16:00"),
    ("a pause in the Friday break", "11-05 09:00", 1, "11-06 11:30/11-06 13:00", "11-06 16:00"),
    ("a pause over a holiday", "08-14 09:00", 1, "08-17 08:00/08-17 16:00", "08-18 16:00"),
    ("a pause on the day of receipt", "11-02 09:00", 1, "11-02 10:00/11-02 11:00", "11-03 16:00"),
    ("the same with zero days", "11-02 09:00", 0, "11-02 10:00/11-02 11:00", "11-03 16:00"),
    ("a pause before the receipt", "11-02 09:00", 0, "11-02 08:00/11-02 08:30", "11-02 16:00"),
    (
        "a pause that is on at the receipt",
        "11-02 09:00",
        0,
        "11-02 08:00/11-02 09:30",
        "11-03 16:00",
    ),
    ("the last minute is paused", "11-02 09:00", 3, "11-05 15:59/11-05 16:00", "11-06 16:00"),
    ("a pause after the end", "11-02 09:00", 3, "11-06 08:00/11-09 08:00", "11-05 16:00"),
    ("only the break is paused", "11-06 12:00", 0, "11-06 10:00/11-06 12:30", "11-06 16:00"),
    ("an empty pause", "11-02 09:00", 3, "11-03 10:00/11-03 10:00", "11-05 16:00"),
    ("a pause of a month", "11-02 09:00", 1, "11-03 08:00/12-03 08:00", "12-03 16:00"),
    (
        "two pauses that overlap",
        *("11-02 09:00", 1, "11-04 08:00/11-05 09:00, 11-03 09:00/11-04 09:00", "11-06 16:00"),
    ),
    (
        "a pause within a pause",
        *("11-02 09:00", 1, "11-03 08:00/11-05 12:00, 11-03 09:00/11-03 10:00", "11-06 16:00"),
    ),
    (
        "two pauses on one day cost one day",
        *("11-02 09:00", 2, "11-03 08:00/11-03 09:00, 11-03 14:00/11-03 15:00", "11-05 16:00"),
    ),
]


@pytest.mark.parametrize(
    ("start", "days", "pauses", "due"), [one[1:] for one in DAYS], ids=[one[0] for one in DAYS]
)
def test_working_days_are_due_as_the_table_says(
    start: str, days: int, pauses: str, due: str
) -> None:
    assert add_working_days(MALANG, at(start), days, paused(pauses)) == at(due)


def test_the_table_has_more_than_forty_cases() -> None:
    assert len(DAYS) > 40
    assert len({one[0] for one in DAYS}) == len(DAYS)


TIMES = [
    ("within a day", "11-02 09:00", "3:00", "", "11-02 12:00"),
    ("to the end of a day", "11-02 15:00", "1:00", "", "11-02 16:00"),
    ("into the next day", "11-02 15:00", "2:00", "", "11-03 09:00"),
    ("over the Friday break", "11-06 11:00", "1:00", "", "11-06 13:30"),
    ("to the Friday break", "11-06 11:00", "0:30", "", "11-06 11:30"),
    ("over the weekend", "11-06 15:00", "2:00", "", "11-09 09:00"),
    ("from a Saturday", "11-07 12:00", "1:00", "", "11-09 09:00"),
    ("a week", "11-02 08:00", "38:30", "", "11-06 16:00"),
    ("nothing, in hours", "11-02 10:00", "0:00", "", "11-02 10:00"),
    ("nothing, on a Saturday", "11-07 12:00", "0:00", "", "11-09 08:00"),
    ("nothing, when it has just closed", "11-02 16:00", "0:00", "", "11-03 08:00"),
    ("nothing, in a pause", "11-02 09:00", "0:00", "11-02 08:30/11-02 10:00", "11-02 10:00"),
    ("over a half day", "12-24 11:00", "1:00", "", "12-28 08:30"),
    ("over the year's end", "12-31 11:00", "2:00", "", "2027-01-04 09:00"),
    ("over a pause", "11-02 09:00", "2:00", "11-02 10:00/11-02 11:00", "11-02 12:00"),
    ("a pause at its very end", "11-02 09:00", "1:00", "11-02 10:00/11-02 11:00", "11-02 10:00"),
    ("from within a pause", "11-02 09:00", "1:00", "11-02 08:00/11-02 11:00", "11-02 12:00"),
    ("over a paused night", "11-02 15:00", "2:00", "11-02 15:30/11-03 08:30", "11-03 10:00"),
    (
        "over two pauses",
        *("11-02 09:00", "2:00", "11-02 09:30/11-02 10:00, 11-02 10:30/11-02 12:00", "11-02 13:00"),
    ),
]


@pytest.mark.parametrize(
    ("start", "amount", "pauses", "end"), [one[1:] for one in TIMES], ids=[one[0] for one in TIMES]
)
def test_working_time_ends_as_the_table_says(
    start: str, amount: str, pauses: str, end: str
) -> None:
    hour, minute = amount.split(":")
    worked = timedelta(hours=int(hour), minutes=int(minute))
    assert add_working_time(MALANG, at(start), worked, paused(pauses)) == at(end)
    assert working_time_between(MALANG, at(start), at(end), paused(pauses)) == worked


def test_time_that_is_overdue_is_negative() -> None:
    assert working_time_between(MALANG, at("11-03 09:00"), at("11-02 15:00")) == -2 * HOUR


def test_no_working_time_lies_in_a_weekend_or_a_holiday() -> None:
    assert working_time_between(MALANG, at("11-06 16:00"), at("11-09 08:00")) == timedelta()
    assert working_time_between(MALANG, at("08-16 00:00"), at("08-18 00:00")) == timedelta()


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("11-02 09:00", "11-02 15:00", 0),
        ("11-02 09:00", "11-02 16:00", 0),
        ("11-02 09:00", "11-02 16:01", 1),
        ("11-02 09:00", "11-03 08:00", 1),
        ("11-06 09:00", "11-08 12:00", 1),  # what is done on a Sunday counts as done on Monday
        ("11-06 17:00", "11-09 09:00", 0),
        ("12-23 09:00", "2027-01-04 09:00", 6),
        ("11-09 09:00", "11-02 09:00", 0),
    ],
)
def test_days_that_something_took(start: str, end: str, days: int) -> None:
    assert working_days_between(MALANG, at(start), at(end)) == days


def test_a_moment_counts_in_the_citys_time_whatever_zone_it_is_given_in() -> None:
    sunday_in_utc = datetime(2026, 11, 1, 17, 30, tzinfo=UTC)  # Monday 00:30 in Malang
    assert add_working_days(MALANG, sunday_in_utc, 1) == at("11-03 16:00")
    in_new_york = sunday_in_utc.astimezone(ZoneInfo("America/New_York"))
    assert add_working_days(MALANG, in_new_york, 1) == at("11-03 16:00")


def test_what_is_returned_is_in_utc() -> None:
    start = datetime(2026, 3, 27, 10, tzinfo=ZoneInfo(BERLIN))
    for found in (
        add_working_days(BERLIN_OFFICE, start, 1),
        add_working_time(BERLIN_OFFICE, start, HOUR),
        received(BERLIN_OFFICE, start),
    ):
        assert found.tzinfo is UTC


# --- summer time -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-03-27 10:00", "2026-03-30T15:00Z"),  # 17:00 on the clock, before and after
        ("2026-10-23 10:00", "2026-10-26T16:00Z"),
        ("2026-03-29 02:30", "2026-03-31T15:00Z"),  # a time that no clock has shown
        ("2026-10-25 02:30", "2026-10-27T16:00Z"),
    ],
)
def test_a_working_day_ends_by_the_clock_on_both_sides_of_a_change(start: str, due: str) -> None:
    assert add_working_days(BERLIN_OFFICE, at(start, BERLIN), 1) == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("start", "amount", "end"),
    [
        ("2026-03-27 16:00", 2, "2026-03-30 10:00"),
        ("2026-10-23 16:00", 2, "2026-10-26 10:00"),
    ],
)
def test_office_hours_are_not_longer_or_shorter_by_a_change(
    start: str, amount: int, end: str
) -> None:
    assert add_working_time(BERLIN_OFFICE, at(start, BERLIN), amount * HOUR) == at(end, BERLIN)


def test_a_day_that_is_worked_through_has_23_or_25_hours() -> None:
    for day, length in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-01", 24)):
        begins = at(f"{day} 00:00", BERLIN)
        ends = at(f"{date.fromisoformat(day) + timedelta(days=1)} 00:00", BERLIN)
        assert working_time_between(BERLIN_ALWAYS, begins, ends) == length * HOUR


def test_a_day_of_time_is_a_day_of_time_over_a_change() -> None:
    found = add_working_time(BERLIN_ALWAYS, at("2026-03-28 12:00", BERLIN), 24 * HOUR)
    assert found == at("2026-03-29 13:00", BERLIN)
    found = add_working_time(BERLIN_ALWAYS, at("2026-10-24 12:00", BERLIN), 24 * HOUR)
    assert found == at("2026-10-25 11:00", BERLIN)


@pytest.mark.parametrize(
    ("shown", "day", "begins", "ends"),
    [
        ("02:30-05:00", "2026-03-29", "01:00", "03:00"),  # begins in the hour that is left out
        ("01:00-02:30", "2026-03-29", "00:00", "01:00"),  # ends in it
        ("02:30-04:00", "2026-10-25", "00:30", "03:00"),  # begins in the hour that is there twice
        ("01:00-02:30", "2026-10-25", "23:00", "00:30"),  # ends in it
    ],
)
def test_hours_that_meet_a_change_are_cut_at_it(
    shown: str, day: str, begins: str, ends: str
) -> None:
    calendar = WorkingCalendar(timezone=BERLIN, weekly=(*[()] * 6, hours(shown)))
    found = calendar.spans_of(date.fromisoformat(day))
    assert [[f"{one:%H:%M}" for one in span] for span in found] == [[begins, ends]]


def test_hours_that_no_clock_shows_are_no_working_day() -> None:
    calendar = WorkingCalendar(timezone=BERLIN, weekly=(*[()] * 6, hours("02:10-02:50")))
    assert calendar.spans_of(date(2026, 3, 29)) == []
    assert add_working_days(calendar, at("2026-03-22 02:20", BERLIN), 1) == at(
        "2026-04-05 02:50", BERLIN
    )


def test_a_date_that_a_zone_has_left_out_is_no_working_day() -> None:
    calendar = WorkingCalendar(timezone="Pacific/Apia", weekly=(ALWAYS,) * 7)
    assert calendar.spans_of(date(2011, 12, 30)) == []
    start = at("2011-12-29 12:00", "Pacific/Apia")
    assert add_working_days(calendar, start, 1) == at("2012-01-01 00:00", "Pacific/Apia")


def test_where_the_clock_goes_back_over_midnight_no_time_is_lost_or_counted_twice() -> None:
    calendar = WorkingCalendar(timezone="America/St_Johns", weekly=(ALWAYS,) * 7)
    change = datetime(2009, 11, 1, 2, 31, tzinfo=UTC)  # from 00:01 back to 23:01 of the day before
    assert calendar.day_of(change - MINUTE) == date(2009, 11, 1)
    assert calendar.day_of(change) == date(2009, 10, 31)
    for minutes in (1, 10, 59, 61, 2000):
        end = change + minutes * MINUTE
        assert working_time_between(calendar, change - 5 * HOUR, end) == end - change + 5 * HOUR
        assert add_working_time(calendar, change - 5 * HOUR, 5 * HOUR + minutes * MINUTE) == end


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("weekly", [((),) * 7, (DAY,) * 6, ()])
def test_a_calendar_without_working_hours_is_refused(weekly: tuple[DayHours, ...]) -> None:
    with pytest.raises(CalendarError, match="hours of seven days, and not all empty"):
        WorkingCalendar(timezone=JAKARTA, weekly=weekly)


@pytest.mark.parametrize(
    "wrong", [Hours(600, 600), Hours(600, 500), Hours(-1, 60), Hours(1380, 1441)]
)
def test_hours_that_cannot_be_are_refused(wrong: Hours) -> None:
    with pytest.raises(CalendarError, match="in order"):
        WorkingCalendar(timezone=JAKARTA, weekly=((wrong,), *[()] * 6))


def test_an_unknown_zone_is_refused() -> None:
    for zone in ("Asia/Ngalam", "Asia", "../../etc/passwd", "", "\0", "x" * 5000):
        with pytest.raises(CalendarError, match="no time zone"):
            WorkingCalendar(timezone=zone, weekly=(DAY,) * 7)


def test_a_year_full_of_holidays_is_refused_instead_of_searched_for_ever() -> None:
    days = [date(2026, 1, 1) + timedelta(days=one) for one in range(800)]
    calendar = WorkingCalendar(
        timezone=JAKARTA, weekly=(DAY,) * 7, holidays=dict.fromkeys(days, "libur")
    )
    for call in (
        lambda: add_working_days(calendar, at("2026-01-01 09:00"), 1),
        lambda: add_working_time(calendar, at("2026-01-01 09:00"), HOUR),
        lambda: working_days_between(calendar, at("2026-01-01 09:00"), at("2027-01-01 09:00")),
        lambda: received(calendar, at("2026-01-01 09:00")),
    ):
        with pytest.raises(CalendarError, match="no working hour in the year up to 2027-01-01"):
            call()


def test_what_is_too_far_away_is_refused() -> None:
    start, endless = at("11-02 09:00"), Pause(at("11-02 09:00"), at("2060-01-01 00:00"))
    for call in (
        lambda: add_working_days(MALANG, start, 10**9),
        lambda: add_working_time(MALANG, start, timedelta.max),
        lambda: add_working_days(MALANG, start, 1, [endless]),
        lambda: add_working_time(MALANG, start, HOUR, [endless]),
        lambda: working_days_between(MALANG, start, at("2060-01-01 00:00")),
        lambda: working_time_between(MALANG, start, at("2060-01-01 00:00")),
    ):
        with pytest.raises(ValueError, match="more than twenty years away"):
            call()


def test_what_makes_no_sense_is_refused() -> None:
    start = at("11-02 09:00")
    with pytest.raises(ValueError, match="must not be negative"):
        add_working_days(MALANG, start, -1)
    with pytest.raises(ValueError, match="must not be negative"):
        add_working_time(MALANG, start, -MINUTE)
    with pytest.raises(ValueError, match="has no time zone"):
        add_working_days(MALANG, datetime(2026, 11, 2, 9), 1)  # noqa: DTZ001
    with pytest.raises(ValueError, match="not in the years"):
        add_working_days(MALANG, datetime(9999, 12, 31, tzinfo=UTC), 1)
    with pytest.raises(ValueError, match="before it begins"):
        add_working_days(MALANG, start, 1, [Pause(start, start - MINUTE)])
    with pytest.raises(ValueError, match="pauses; at most"):
        add_working_days(MALANG, start, 1, [Pause(start, start)] * (MOST_PAUSES + 1))


# --- what holds for any calendar -------------------------------------------------------------

ZONES = (JAKARTA, BERLIN, "Africa/Cairo", "America/St_Johns", "America/Havana", "UTC")
"""Without summer time, with it, and with changes at midnight."""


@st.composite
def day_hours(draw: st.DrawFn) -> DayHours:
    quarters = st.integers(0, 96).map(lambda one: 15 * one)
    marks = sorted(draw(st.lists(quarters, min_size=2, max_size=6, unique=True)))
    pairs = zip(marks[::2], marks[1::2], strict=False)
    return tuple(Hours(opens, closes) for opens, closes in pairs)


@st.composite
def calendars(draw: st.DrawFn) -> WorkingCalendar:
    week = [draw(st.just(()) | day_hours()) for _ in range(7)]
    week[draw(st.integers(0, 6))] = draw(day_hours())
    days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
    return WorkingCalendar(
        timezone=draw(st.sampled_from(ZONES)),
        weekly=tuple(week),
        holidays=draw(st.dictionaries(days, st.just("libur"), max_size=20)),
        yearly_holidays={(12, 25): "Natal"},
        half_days=draw(st.dictionaries(days, day_hours(), max_size=5)),
    )


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 30), timezones=st.just(UTC))  # noqa: DTZ001
near_changes = st.sampled_from(
    ["2026-03-29T00:00Z", "2026-10-25T00:00Z", "2026-11-01T04:00Z"]
).flatmap(
    lambda one: st.integers(-3000, 3000).map(
        lambda minutes: datetime.fromisoformat(one) + minutes * MINUTE
    )
)
starts = moments | near_changes
amounts = st.timedeltas(timedelta(), timedelta(hours=60))
pause_lists = st.lists(
    st.builds(
        lambda since, length: Pause(since, since + length),
        starts,
        st.timedeltas(timedelta(), timedelta(days=20)),
    ),
    max_size=4,
)


def is_open(calendar: WorkingCalendar, moment: datetime) -> bool:
    """Whether a moment lies in working hours, or at their end."""
    around = [calendar.day_of(moment) + timedelta(days=one) for one in (-1, 0, 1)]
    spans = [span for day in around for span in calendar.spans_of(day)]
    return any(opens <= moment <= closes for opens, closes in spans)


def in_a_pause(moment: datetime, pauses: Sequence[Pause]) -> bool:
    return any(one.since < moment < one.until for one in pauses)


@OFTEN
@given(calendars(), starts, amounts, pause_lists)
def test_what_was_added_lies_between(
    calendar: WorkingCalendar, start: datetime, amount: timedelta, pauses: list[Pause]
) -> None:
    end = add_working_time(calendar, start, amount, pauses)
    assert working_time_between(calendar, start, end, pauses) == amount
    assert working_time_between(calendar, end, start, pauses) == -amount


@OFTEN
@given(calendars(), starts, st.integers(1, 30), pause_lists)
def test_the_days_that_were_added_lie_between(
    calendar: WorkingCalendar, start: datetime, days: int, pauses: list[Pause]
) -> None:
    due = add_working_days(calendar, start, days, pauses)
    assert working_days_between(calendar, start, due, pauses) == days


@OFTEN
@given(calendars(), starts, st.integers(0, 30), amounts, pause_lists)
def test_nothing_is_due_outside_of_working_hours_in_a_pause_or_before_its_receipt(
    calendar: WorkingCalendar, start: datetime, days: int, amount: timedelta, pauses: list[Pause]
) -> None:
    for due in (
        add_working_days(calendar, start, days, pauses),
        add_working_time(calendar, start, amount, pauses),
    ):
        assert is_open(calendar, due)
        assert not in_a_pause(due, pauses)
        assert due >= received(calendar, start) >= start


@OFTEN
@given(calendars(), starts, st.integers(0, 30))
def test_working_days_end_at_the_end_of_a_day(
    calendar: WorkingCalendar, start: datetime, days: int
) -> None:
    due = add_working_days(calendar, start, days)
    ends = [calendar.day_of(due) - timedelta(days=one) for one in (0, 1)]  # 24:00 is the next date
    assert any(spans[-1][1] == due for day in ends if (spans := calendar.spans_of(day)))


@OFTEN
@given(calendars(), starts, starts, st.integers(1, 30), amounts, pause_lists)
def test_what_begins_later_is_never_due_earlier(
    calendar: WorkingCalendar,
    one: datetime,
    other: datetime,
    days: int,
    amount: timedelta,
    pauses: list[Pause],
) -> None:
    first, second = sorted((one, other))
    assert add_working_days(calendar, first, 0) <= add_working_days(calendar, second, 0)
    assert add_working_days(calendar, first, days, pauses) <= add_working_days(
        calendar, second, days, pauses
    )
    assert add_working_time(calendar, first, amount, pauses) <= add_working_time(
        calendar, second, amount, pauses
    )


@OFTEN
@given(calendars(), starts, st.integers(0, 30), amounts, pause_lists)
def test_more_is_never_due_earlier(
    calendar: WorkingCalendar, start: datetime, days: int, amount: timedelta, pauses: list[Pause]
) -> None:
    due = [add_working_days(calendar, start, days + more, pauses) for more in (0, 1)]
    assert due[0] <= due[1]
    assert due[0] < due[1] or days == 0
    ends = [add_working_time(calendar, start, amount + more, pauses) for more in (0 * HOUR, HOUR)]
    assert ends[0] < ends[1]


@OFTEN
@given(calendars(), starts, st.integers(0, 30), amounts, pause_lists)
def test_a_pause_only_ever_delays(
    calendar: WorkingCalendar, start: datetime, days: int, amount: timedelta, pauses: list[Pause]
) -> None:
    due, ends, lie = [], [], []
    for count in range(len(pauses) + 1):
        due.append(add_working_days(calendar, start, days, pauses[:count]))
        ends.append(add_working_time(calendar, start, amount, pauses[:count]))
        lie.append(working_time_between(calendar, start, start + 400 * HOUR, pauses[:count]))
    assert due == sorted(due)
    assert ends == sorted(ends)
    assert lie == sorted(lie, reverse=True)


@OFTEN
@given(calendars(), starts, amounts, amounts, pause_lists)
def test_time_may_be_added_in_parts(
    calendar: WorkingCalendar,
    start: datetime,
    amount: timedelta,
    more: timedelta,
    pauses: list[Pause],
) -> None:
    assume(more > timedelta())
    middle = add_working_time(calendar, start, amount, pauses)
    end = add_working_time(calendar, start, amount + more, pauses)
    assert add_working_time(calendar, middle, more, pauses) == end


@OFTEN
@given(st.sampled_from([MALANG, BERLIN_OFFICE, BERLIN_ALWAYS]), starts, st.integers(0, 6000))
def test_working_time_is_the_minutes_at_which_the_clock_is_in_the_hours(
    calendar: WorkingCalendar, start: datetime, minutes: int
) -> None:
    start = start.replace(second=0, microsecond=0)
    counted = 0
    for minute in range(minutes):
        clock = (start + minute * MINUTE).astimezone(ZoneInfo(calendar.timezone))
        shown = 60 * clock.hour + clock.minute
        counted += any(one.opens <= shown < one.closes for one in calendar.hours_of(clock.date()))
    assert working_time_between(calendar, start, start + minutes * MINUTE) == counted * MINUTE
