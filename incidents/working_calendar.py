"""When a city's offices work: hours by weekday, holidays and half days, in a time zone. Pure.

Working hours include their beginning and not their end: at 16:00 an office that is open from 08:00
to 16:00 is closed. A local time that a change to summer time leaves out counts as the moment of the
change; one that is there twice, as the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from incidents.data_files import DataFileError

DAY_MINUTES = 24 * 60
MOST_DAYS = 20 * 366
"""So many days a calendar is read from a day on, and no more."""

_YEAR_DAYS = 366

Span = tuple[datetime, datetime]
"""From the first moment up to, and without, the second one; in UTC."""


class CalendarError(DataFileError):
    """A calendar of working days cannot be used; the message says why and what to do."""


class Hours(msgspec.Struct, frozen=True, order=True):
    """Working hours of a day, in minutes since midnight on the clock; 24:00 is 1440."""

    opens: int
    closes: int


DayHours = tuple[Hours, ...]
"""The working hours of a day, in their order, with time between them; empty if it has none."""


class WorkingCalendar(msgspec.Struct, frozen=True, kw_only=True):
    """The calendar of one city or agency. Raises CalendarError if made of what cannot be.

    `timezone`: an IANA name. `weekly`: the hours of seven days, Monday first. `holidays`: days
    without work, with their names; `yearly_holidays`: those of each year, by month and day.
    `half_days`: days with hours of their own, whatever weekday or holiday it is.
    """

    timezone: str
    weekly: tuple[DayHours, ...]
    holidays: Mapping[date, str] = {}
    yearly_holidays: Mapping[tuple[int, int], str] = {}
    half_days: Mapping[date, DayHours] = {}

    def __post_init__(self) -> None:
        if not is_zone(self.timezone):
            raise CalendarError(f"There is no time zone {self.timezone[:64]!r}; give an IANA name.")
        if len(self.weekly) != 7 or not any(self.weekly):
            raise CalendarError("A calendar needs the hours of seven days, and not all empty.")
        for hours in (*self.weekly, *self.half_days.values()):
            if not in_order(hours):
                raise CalendarError("The hours of a day must be in order, with time between them.")

    def hours_of(self, day: date) -> DayHours:
        """Return the working hours of a day, as the clock shows them."""
        if day in self.half_days:
            return self.half_days[day]
        if self.is_holiday(day):
            return ()
        return self.weekly[day.weekday()]

    def is_holiday(self, day: date) -> bool:
        """Whether a day is a holiday, also one that has hours of its own."""
        return day in self.holidays or (day.month, day.day) in self.yearly_holidays

    def knows(self, year: int) -> bool:
        """Whether any holiday of this very year has been entered, beside the yearly ones."""
        return any(day.year == year for day in self.holidays)

    def day_of(self, moment: datetime) -> date:
        """Return the date that the city's calendar shows at a moment."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()

    def spans_of(self, day: date) -> list[Span]:
        """Return the working hours of a day as moments; without those that no clock shows."""
        spans = [
            (self._moment(day, one.opens), self._moment(day, one.closes))
            for one in self.hours_of(day)
        ]
        return [(opens, closes) for opens, closes in spans if opens < closes]

    def working_days(self, first: date) -> Iterator[tuple[date, list[Span]]]:
        """The working days from a day on, each with its hours, for twenty years.

        Raises CalendarError at a year without any working hour.
        """
        idle = 0
        for ahead in range(MOST_DAYS):
            day = first + timedelta(days=ahead)
            spans = self.spans_of(day)
            idle = 0 if spans else idle + 1
            if idle >= _YEAR_DAYS:
                raise CalendarError(
                    f"The calendar has no working hour in the year up to {day}; take out holidays "
                    "that are none, or give hours to a weekday."
                )
            if spans:
                yield day, spans

    def _moment(self, day: date, minutes: int) -> datetime:
        """The moment at which the clock shows so many minutes after midnight."""
        zone = ZoneInfo(self.timezone)
        shown = datetime.combine(day, time()) + timedelta(minutes=minutes)
        late = shown.replace(tzinfo=zone).astimezone(UTC)
        if late.astimezone(zone).replace(tzinfo=None) == shown:
            return late
        # The clock never shows that, for it was put forward. Of the two readings one lies behind
        # the change and one before it; halve what is between them.
        early = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
        offset = late.astimezone(zone).utcoffset()
        while late - early > timedelta(seconds=1):
            middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
            if middle.astimezone(zone).utcoffset() == offset:
                late = middle
            else:
                early = middle
        return late


def in_order(hours: DayHours) -> bool:
    """Whether hours of a day lie between 00:00 and 24:00, in order, with time between them."""
    marks = [mark for one in hours for mark in (one.opens, one.closes)]
    return marks == sorted(set(marks)) and all(0 <= mark <= DAY_MINUTES for mark in marks)


def is_zone(name: str) -> bool:
    """Whether this machine knows a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False  # OSError: the name of a folder of zones, such as Asia
    return True
