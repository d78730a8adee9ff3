"""Counts working days and working time, for the agreed times of complaints. Pure.

A moment is a `datetime` with a time zone, and every moment that is returned is in UTC: two of
them can be compared and subtracted, which in a zone with summer time would ignore the change.

What the words mean here:

- A working day is a day with any working hours; a half day is a whole working day.
- What arrives outside working hours counts as received at the next opening. The day of that moment
  is the day of receipt.
- N working days: the day of receipt does not count; due at the end of the Nth working day after it,
  that is, when its last hours end. Zero working days: due at the end of the day of receipt.
- A pause is time that does not count, as while we wait for the citizen. A working day does not
  count if any of its working hours lie in a pause, even in part; of working time, only what lies in
  the pause does not count. A pause that is still running has no end yet: give `now` as its end, and
  compute again when it is over.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter

import msgspec

from incidents.working_calendar import MOST_DAYS, Span, WorkingCalendar

FIRST_YEAR, LAST_YEAR = 1970, 2199
MOST_PAUSES = 1000

_NOTHING = timedelta()
_DAY = timedelta(days=1)


class Pause(msgspec.Struct, frozen=True):
    """Time that does not count: from `since` up to, and without, `until`."""

    since: datetime
    until: datetime


def received(calendar: WorkingCalendar, moment: datetime) -> datetime:
    """Return when something counts as received: at once, or at the next opening."""
    return _received(calendar, _utc(moment))[1]


def add_working_days(
    calendar: WorkingCalendar, start: datetime, days: int, pauses: Iterable[Pause] = ()
) -> datetime:
    """Return the end of the Nth working day after the day on which `start` counts as received.

    Working days that a pause touches do not count. With zero `days` it is the end of the day of
    receipt, or, if a pause touches that day, of the first one after it that counts. Raises
    ValueError if `days` is negative or the end more than twenty years away, CalendarError if the
    calendar has no working hour in a year.
    """
    if days < 0:
        raise ValueError(f"days is {days}; it must not be negative")
    begun, counted = _utc(start), 0
    # what was paused before the receipt has nothing to do with it
    paused = [(max(one[0], begun), one[1]) for one in _merged(pauses) if one[1] > begun]
    received_on, _ = _received(calendar, begun)
    for day, spans in calendar.working_days(received_on):
        if not _counts(spans, paused):
            continue
        counted += day > received_on
        if counted >= days:
            return spans[-1][1]
    raise _too_far(start)


def working_days_between(
    calendar: WorkingCalendar, start: datetime, end: datetime, pauses: Iterable[Pause] = ()
) -> int:
    """Return how many working days something took from `start` to `end`; 0 on the day of receipt.

    Counted are those after the day of receipt up to the day of `end`, but for those that a pause
    touches. An `end` outside of working hours belongs to the next working day, one at the very end
    of a day to that day. So it gives back the N of `add_working_days`.
    """
    last, paused, counted = _utc(end), _merged(pauses), 0
    received_on, _ = _received(calendar, _utc(start))
    for day, spans in calendar.working_days(received_on):
        counted += day > received_on and _counts(spans, paused)
        if spans[-1][1] >= last:
            return counted
    raise _too_far(start)


def add_working_time(
    calendar: WorkingCalendar, start: datetime, amount: timedelta, pauses: Iterable[Pause] = ()
) -> datetime:
    """Return the first moment at which `amount` of working time has passed since `start`.

    It lies in working hours or at their end, and in no pause; if `amount` is zero, it is the first
    moment of working time. Raises ValueError if `amount` is negative or the moment more than twenty
    years away, CalendarError if the calendar has no working hour in a year.
    """
    if amount < _NOTHING:
        raise ValueError(f"amount is {amount}; it must not be negative")
    begun, paused, left = _utc(start), _merged(pauses), amount
    for _, spans in calendar.working_days(calendar.day_of(begun)):
        for since, until in _unpaused(spans, paused):
            since = max(since, begun)
            if since >= until:
                continue
            if until - since >= left:
                return since + left
            left -= until - since
    raise _too_far(start)


def working_time_between(
    calendar: WorkingCalendar, start: datetime, end: datetime, pauses: Iterable[Pause] = ()
) -> timedelta:
    """Return how much working time lies between two moments, without what lies in a pause.

    Negative if `end` is before `start`, as of something that is overdue. Raises ValueError if the
    two are more than twenty years apart.
    """
    first, last = _utc(start), _utc(end)
    if last < first:
        return -working_time_between(calendar, end, start, pauses)
    if last - first > MOST_DAYS * _DAY:
        raise _too_far(start)
    paused, worked, day = _merged(pauses), _NOTHING, calendar.day_of(first)
    # a day more, for a day's hours begin on the day before where the clock is put back at midnight
    while day <= calendar.day_of(last) + _DAY:
        for since, until in _unpaused(calendar.spans_of(day), paused):
            worked += max(min(until, last) - max(since, first), _NOTHING)
        day += _DAY
    return worked


def _received(calendar: WorkingCalendar, moment: datetime) -> tuple[date, datetime]:
    for day, spans in calendar.working_days(calendar.day_of(moment)):
        for opens, closes in spans:
            if moment < closes:
                return day, max(opens, moment)
    raise _too_far(moment)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone; give one, such as UTC")
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"{moment} is not in the years {FIRST_YEAR} to {LAST_YEAR}")
    return moment.astimezone(UTC)


def _too_far(start: datetime) -> ValueError:
    return ValueError(f"counted from {start}, that is more than twenty years away")


def _merged(pauses: Iterable[Pause]) -> list[Span]:
    """Pauses in order; those that touch or overlap are one, empty ones are left out."""
    spans = sorted((_utc(one.since), _utc(one.until)) for one in pauses)
    if len(spans) > MOST_PAUSES:
        raise ValueError(f"there are {len(spans)} pauses; at most {MOST_PAUSES} are counted")
    found: list[Span] = []
    for since, until in spans:
        if until < since:
            raise ValueError(f"a pause ends at {until}, before it begins at {since}")
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until))
        elif since < until:
            found.append((since, until))
    return found


def _unpaused(spans: Iterable[Span], paused: list[Span]) -> Iterator[Span]:
    """What of the hours `spans` lies in no pause."""
    for opens, closes in spans:
        since, index = opens, bisect_right(paused, opens, key=itemgetter(1))
        while index < len(paused) and paused[index][0] < closes:
            if since < paused[index][0]:
                yield since, paused[index][0]
            since = paused[index][1]
            index += 1
        if since < closes:
            yield since, closes


def _counts(spans: list[Span], paused: list[Span]) -> bool:
    """Whether no working hours of a day lie in a pause."""
    return list(_unpaused(spans, paused)) == spans
