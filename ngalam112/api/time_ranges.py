"""Reads the times that people give (today, 2026-11-23, 2026-11-23T08:00) in the line's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

FORMS = "give today, yesterday, a day like 2026-11-23 or a time like 2026-11-23T08:00"


class TimeError(ValueError):
    """What was given is no time; the message says what may be given."""


def begin(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the moment at which a report begins; a day begins at midnight in `zone`."""
    day = _day(text, zone, now)
    return _checked(_time(text, zone) if day is None else _midnight(day, zone))


def end(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Return the moment before which a report ends; a day that is named belongs to it."""
    day = _day(text, zone, now)
    return _checked(_time(text, zone) if day is None else _midnight(day + timedelta(days=1), zone))


def local(seconds: float, zone: ZoneInfo) -> datetime:
    """Return seconds since the epoch as a time of `zone`, to the millisecond."""
    return datetime.fromtimestamp(round(seconds, 3), zone)


def on_screen(iso: str | None, zone: ZoneInfo) -> str:
    """Return an ISO 8601 time as the clock on the wall shows it; a dash for none."""
    if iso is None:
        return "-"
    return datetime.fromisoformat(iso).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _checked(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise TimeError(f"The year {moment.year} is out of reach; {FORMS}.") from None
    return moment


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _day(text: str, zone: ZoneInfo, now: datetime) -> date | None:
    today = now.astimezone(zone).date()
    words = {"today": today, "yesterday": today - timedelta(days=1)}
    if text in words:
        return words[text]
    try:
        # the last day there is has no midnight after it
        return min(date.fromisoformat(text), date.max - timedelta(days=1))
    except ValueError:
        return None


def _time(text: str, zone: ZoneInfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise TimeError(f"{text[:40]!r} is no time; {FORMS}.") from None
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
