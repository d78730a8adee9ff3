"""Names the group of a call: a time of the clock, a shift, or what the call was about. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reports.errors import BadQuestion
from reports.figures_count import NONE, CallFacts

By = Literal["hour", "category", "operator", "15min", "shift", "day", "month", "kecamatan", "trunk"]

COLUMNS = ("category", "operator", "kecamatan", "trunk")
"""The groupings by what a column of the call says."""

OF_HOURS = ("hour", "15min")
"""The groupings by parts of a day that are so many that they are read many at once."""

QUARTER = timedelta(minutes=15)


class Shift(NamedTuple):
    """A time of each day, in minutes from midnight; one that ends before it begins goes on over
    midnight, and belongs to the day on which it begins.
    """

    begin: int
    end: int

    @property
    def name(self) -> str:
        """As people write it: 05-13, 21:30-05."""
        return "-".join(_clock(one) for one in self)

    def has(self, minute: int) -> bool:
        """Whether a minute of the day is in it."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end

    def day_of(self, local: datetime) -> datetime:
        """The day to which a moment in it belongs."""
        over_midnight = self.begin >= self.end and local.hour * 60 + local.minute < self.end
        return local - timedelta(days=1) if over_midnight else local


SHIFTS = (Shift(5 * 60, 13 * 60), Shift(13 * 60, 21 * 60), Shift(21 * 60, 5 * 60))
"""As long as the city says nothing else: 05-13, 13-21, 21-05."""


def shifts_of(texts: Sequence[str]) -> tuple[Shift, ...]:
    """Return the shifts that a city has written as 05-13, 21:30-05; raises ValueError.

    Each minute of a day must be in exactly one of them.
    """
    found = []
    for text in texts:
        begin, _, end = text.partition("-")
        found.append(Shift(_minute(begin, text), _minute(end, text)))
    if any(sum(one.has(minute) for one in found) != 1 for minute in range(24 * 60)):
        raise ValueError("each time of a day must be in exactly one shift")
    return tuple(found)


def shift_of(local: datetime, shifts: Sequence[Shift]) -> Shift:
    """Return the shift of a moment, which is in the line's zone."""
    minute = local.hour * 60 + local.minute
    return next(one for one in shifts if one.has(minute))


class TimeGroups:
    """Names the time of a moment, and knows when each time that it has named began.

    All clocks of the world change at quarters of an hour, so what is named for a quarter holds for
    all of it. Moments without a zone are UTC; either
    all have one, or none.
    """

    def __init__(self, by: str, zone: ZoneInfo, shifts: Sequence[Shift] = SHIFTS) -> None:
        self._name_of, self._zone, self._shifts = _NAMES[by], zone, shifts
        self._begin = self._end = datetime.min.replace(tzinfo=UTC)
        self._name = ""
        self.begins: dict[str, datetime] = {}

    def name(self, moment: datetime) -> str:
        """Return the name of the time that a moment is in."""
        if not self._name or not self._begin <= moment < self._end:
            minute = moment.minute // 15 * 15
            self._begin = moment.replace(minute=minute, second=0, microsecond=0)
            self._end = self._begin + QUARTER
            utc = self._begin if self._begin.tzinfo else self._begin.replace(tzinfo=UTC)
            self._name = self._name_of(utc.astimezone(self._zone), self._shifts)
            self.begins[self._name] = min(utc, self.begins.get(self._name, utc))
        return self._name


def zone_of(tz: str) -> ZoneInfo:
    """Return a time zone by its name; raises BadQuestion."""
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadQuestion(f"There is no time zone {tz!r}; give one like Asia/Jakarta.") from None


def check_by(by: str | None) -> None:
    """Raise BadQuestion for a grouping that does not exist."""
    if by is not None and by not in get_args(By):
        names = ", ".join(get_args(By))
        raise BadQuestion(f"There is no grouping by {by!r}; choose one of {names}.")


def grouping(
    by: str | None, tz: str, shifts: Sequence[Shift] = SHIFTS
) -> Callable[[CallFacts], str] | None:
    """Return what names the group of a call; None for no groups. Raises BadQuestion."""
    zone = zone_of(tz)
    check_by(by)
    if by is None:
        return None
    if by in COLUMNS:
        return lambda call: getattr(call, by) or NONE
    times = TimeGroups(by, zone, shifts)
    return lambda call: times.name(call.arrived_at)


def _iso(local: datetime, minutes: int) -> str:
    begin = local.replace(minute=local.minute // minutes * minutes, second=0, microsecond=0)
    return begin.isoformat(timespec="minutes")


def _shift_name(local: datetime, shifts: Sequence[Shift]) -> str:
    shift = shift_of(local, shifts)
    return f"{shift.day_of(local).date().isoformat()} {shift.name}"


_NAMES: dict[str, Callable[[datetime, Sequence[Shift]], str]] = {
    "15min": lambda local, _: _iso(local, 15),
    "hour": lambda local, _: _iso(local, 60),
    "shift": _shift_name,
    "day": lambda local, _: local.date().isoformat(),
    "month": lambda local, _: f"{local.year:04}-{local.month:02}",
}


def _clock(minute: int) -> str:
    hour, rest = divmod(minute, 60)
    return f"{hour:02}:{rest:02}" if rest else f"{hour:02}"


def _minute(text: str, shift: str) -> int:
    hour, colon, rest = text.strip().partition(":")
    known = hour.isdigit() and (rest.isdigit() or not colon)
    if not known or int(hour) > 23 or int(rest or 0) > 59 or int(rest or 0) % 15:
        raise ValueError(f"{shift[:20]!r} is no shift; give one like 05-13, at full quarters")
    return int(hour) * 60 + int(rest or 0)
