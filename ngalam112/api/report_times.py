"""The times that supervisors ask for, shifts among them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ngalam112.api import time_ranges
from ngalam112.config.settings import Settings
from reports.figures_groups import Shift, shift_of, shifts_of

LAST_SHIFT, THIS_MONTH = "last shift", "this month"


def report_period(
    settings: Settings, begin: str | None, end: str | None, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the moments of `--from` and `--to`; today without either. Raises TimeError.

    "last shift" is the whole shift that ended last, unless --to says otherwise.
    """
    zone = ZoneInfo(settings.timezone)
    if begin is None and end is None:
        begin = "today"
    until = None if end is None else time_ranges.end(end, zone, now)
    if begin == LAST_SHIFT:
        since, over = last_shift(now.astimezone(zone), shifts_of(settings.shifts))
        return since, until or over
    if begin == THIS_MONTH:
        local = now.astimezone(zone)
        return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0), until
    return None if begin is None else time_ranges.begin(begin, zone, now), until


def last_shift(now: datetime, shifts: tuple[Shift, ...]) -> tuple[datetime, datetime]:
    """Return when the shift before the present one began and ended, by the clock of `now`."""
    over = _begin(now, shift_of(now, shifts))
    before = over - timedelta(minutes=1)
    return _begin(before, shift_of(before, shifts)), over


def _begin(local: datetime, shift: Shift) -> datetime:
    day = shift.day_of(local)
    hour, minute = divmod(shift.begin, 60)
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)
