"""The file of working days (`working_days.toml`): the city's office hours and holidays, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec

from incidents.data_files import plain, read_toml, wrong
from incidents.working_calendar import (
    CalendarError,
    DayHours,
    Hours,
    WorkingCalendar,
    in_order,
    is_zone,
)

WORKING_DAYS_FILE = Path(__file__).with_name("working_days.toml")
"""What the project ships, for Malang."""

MOST_DATES = 2000
LONGEST_NAME = 80

_WHAT = "working days file"
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LEAP_YEAR = 2000
_FIRST, _LAST = date(2000, 1, 1), date(2199, 12, 31)


class _Week(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    monday: list[str] = []
    tuesday: list[str] = []
    wednesday: list[str] = []
    thursday: list[str] = []
    friday: list[str] = []
    saturday: list[str] = []
    sunday: list[str] = []


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    timezone: str
    weekly: _Week
    holidays: dict[str, str] = {}
    yearly_holidays: dict[str, str] = {}
    half_days: dict[str, list[str]] = {}


def load_working_days(path: Path = WORKING_DAYS_FILE) -> WorkingCalendar:
    """Read and check the file; raise CalendarError with one sentence if it cannot be used."""
    try:
        found = msgspec.convert(read_toml(path, _WHAT, CalendarError), _File)
    except msgspec.ValidationError as error:
        raise wrong(path, _WHAT, CalendarError, [str(error)]) from None
    if problems := list(_problems(found)):
        raise wrong(path, _WHAT, CalendarError, problems)
    return WorkingCalendar(
        timezone=found.timezone,
        weekly=tuple(_read(hours) for hours in msgspec.structs.astuple(found.weekly)),
        holidays={date.fromisoformat(day): name for day, name in found.holidays.items()},
        yearly_holidays={_month_day(day): name for day, name in found.yearly_holidays.items()},
        half_days={date.fromisoformat(day): _read(one) for day, one in found.half_days.items()},
    )


def working_days_problems(path: Path = WORKING_DAYS_FILE) -> list[str]:
    """All that is wrong with a file of working days, a sentence each."""
    try:
        load_working_days(path)
    except CalendarError as error:
        return error.sentences(path)
    return []


def _problems(found: _File) -> Iterator[str]:
    if not is_zone(found.timezone):
        yield f"timezone: there is no {found.timezone[:64]!r}; give a name such as Asia/Jakarta"
    week = msgspec.structs.asdict(found.weekly)
    for weekday, hours in week.items():
        yield from _hours_problems(f"weekly, {weekday}", hours)
    if not any(week.values()):
        yield 'weekly: no day has working hours; give some, such as monday = ["08:00-16:00"]'
    for table, count in (("holidays", len(found.holidays)), ("half_days", len(found.half_days))):
        if count > MOST_DATES:
            yield f"{table}: there are {count} days; keep at most {MOST_DATES}"
    for day, name in found.holidays.items():
        yield from _date_problems("holidays", day)
        yield from _name_problems(f"holidays, {day[:20]}", name)
    for day, name in found.yearly_holidays.items():
        if _month_day(day) == (0, 0):
            yield f"yearly_holidays: {day[:20]!r} must be a month and a day, such as 08-17"
        yield from _name_problems(f"yearly_holidays, {day[:20]}", name)
    for day, hours in found.half_days.items():
        where = f"half_days, {day[:20]}"
        yield from _date_problems("half_days", day)
        yield from _hours_problems(where, hours)
        if not hours:
            yield f"{where}: it has no hours; put a day without work under holidays"
        if day in found.holidays or day[5:] in found.yearly_holidays:
            yield f"{where}: the day is a holiday too; take one of the two out"


def _date_problems(table: str, day: str) -> Iterator[str]:
    try:
        usable = bool(_DATE.fullmatch(day)) and _FIRST <= date.fromisoformat(day) <= _LAST
    except ValueError:
        usable = False
    if not usable:
        years = f"from {_FIRST.year} to {_LAST.year}"
        yield f"{table}: {day[:20]!r} must be a day {years}, such as 2026-08-17"


def _name_problems(where: str, name: str) -> Iterator[str]:
    if not plain(name, LONGEST_NAME):
        yield f"{where}: its name must be one line of 1 to {LONGEST_NAME} characters"


def _hours_problems(where: str, hours: list[str]) -> Iterator[str]:
    written = [one for one in hours if not _HOURS.fullmatch(one)]
    for one in written:
        yield f'{where}: {one[:20]!r} must be hours such as "08:00-16:00"'
    if not written and not in_order(_read(hours)):
        yield f"{where}: hours must end after they begin, be in order, and have time between them"


def _read(hours: list[str]) -> DayHours:
    return tuple(Hours(*map(_minutes, one.split("-"))) for one in hours)


def _minutes(shown: str) -> int:
    hour, minute = shown.split(":")
    return 60 * int(hour) + int(minute)


def _month_day(day: str) -> tuple[int, int]:
    """The month and the day; (0, 0) if there is no such day in any year."""
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}", day):
        return (0, 0)
    try:
        found = date(_LEAP_YEAR, int(day[:2]), int(day[3:]))
    except ValueError:
        return (0, 0)
    return (found.month, found.day)
