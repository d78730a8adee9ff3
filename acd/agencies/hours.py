"""Opening hours such as 07:00-15:30: whether they hold, when they begin next, in UTC. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

_DAY, _YEAR_DAYS = 1440, 366
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])")


def are_hours(text: str) -> bool:
    """Whether opening hours are written so."""
    return _HOURS.fullmatch(text) is not None


def open_at(hours: str, minute: int) -> bool:
    """Whether the minute of the day (0 to 1439) is within the hours; "" is always."""
    found = _HOURS.fullmatch(hours)
    if found is None:
        return True  # checked when they were kept; a doubt must not keep a citizen from help
    first, last = (int(found[at]) * 60 + int(found[at + 1]) for at in (1, 3))
    return first <= minute < last if first < last else minute >= first or minute < last


def next_opening(
    hours: str, now: datetime, is_closed: Callable[[date], bool] = lambda day: False
) -> datetime | None:
    """Return when the hours begin next; None at a moment within them.

    `now`: local time. `is_closed(day)`: the hours that begin on this day are not kept, as on a
    holiday. None too where none begin within a year: nothing waits for what does not come.
    """
    found = _HOURS.fullmatch(hours)
    first, last = (
        (min(int(found[at]) * 60 + int(found[at + 1]), _DAY) for at in (1, 3))
        if found is not None
        else (0, _DAY)
    )
    lasts = timedelta(minutes=last - first if first < last else last - first + _DAY)
    for ahead in range(-1, _YEAR_DAYS):  # those that began yesterday may go on
        day = now.date() + timedelta(days=ahead)
        if is_closed(day):
            continue
        begins = datetime.combine(day, time(first // 60, first % 60), now.tzinfo)
        if begins > now:
            return begins
        if now < begins + lasts:
            return None
    return None


def in_utc(hours: str, offset: int) -> str:
    """Return the hours in UTC, * for always; `offset`: minutes by which local time is ahead."""
    found = _HOURS.fullmatch(hours)
    if found is None:
        return "*"
    minutes = [int(found[at]) * 60 + int(found[at + 1]) - offset for at in (1, 3)]
    first, last = (f"{at // 60 % 24:02}:{at % 60:02}" for at in minutes)
    return "*" if first == last else f"{first}-{last}"
