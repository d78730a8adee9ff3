"""Decides which reports are to be mailed, when, and whether one that failed is tried again. Pure.

A report is of a shift, a day or a month that has ended, by the city's clock. What ended while the
line was down is mailed when it is back, if that is at most a day ago.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from deliveries.attempt import Attempt, Delivered, Failed, Reason, RetryRules, next_try, shown
from reports.figures_groups import Shift

OLDEST_S = 86_400.0
"""What has ended so long ago is not mailed any more."""
LATE_S = 900.0
"""A mail that comes so long after the end says so."""
UNKNOWN_S = 600.0
"""So long nobody knows what came of an attempt whose process was killed; then it is made again."""
KEPT_S = 2 * OLDEST_S
"""What became of a mail is remembered until its end is so old, or it could be mailed twice."""
LISTED_S = 62 * 86_400.0
"""... and so long for the last one of a schedule, which lists show."""

RULES = RetryRules()

Key = tuple[str, float]
"""A schedule and the end of a time, in seconds since the epoch."""


class Every(StrEnum):
    """Of which times a report is mailed."""

    SHIFT = "shift"
    DAY = "day"
    MONTH = "month"


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets which reports. `made_at`: nothing that ended before is mailed."""

    id: str
    every: Every
    reports: tuple[str, ...]
    recipients: tuple[str, ...]
    language: str
    made_at: float


class Span(NamedTuple):
    """A time that reports are of, in UTC."""

    begin: datetime
    end: datetime


class Mailed(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with the mail of one schedule for one time.

    `end`, and all moments: seconds since the epoch. `try_at`: when it is tried again. Sent, given
    up, or neither yet. `why`: of the last failure.
    """

    schedule: str
    end: float
    attempts: int = 0
    try_at: float = 0.0
    sent_at: float | None = None
    given_up_at: float | None = None
    why: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing is done for it any more."""
        return self.sent_at is not None or self.given_up_at is not None


class Due(NamedTuple):
    """A mail that is to be sent now. `is_late`: it says so."""

    schedule: Schedule
    span: Span
    before: Mailed
    is_late: bool


def ended(every: Every, shifts: Sequence[Shift], zone: ZoneInfo, now: datetime) -> list[Span]:
    """Return the times that have ended within the last day, the oldest first. `now`: with a zone.

    A clock that is put on or back moves an end with it: each moment is in one time.
    """
    oldest = now - timedelta(seconds=OLDEST_S)
    today = now.astimezone(zone).date()
    spans = {one for one in _around(every, shifts, zone, today) if oldest < one.end <= now}
    return sorted(one for one in spans if one.begin < one.end)


def due(
    schedules: Iterable[Schedule],
    known: Mapping[Key, Mailed],
    shifts: Sequence[Shift],
    zone: ZoneInfo,
    now: float,
) -> list[Due]:
    """Return what is to be mailed now, the oldest first."""
    at = datetime.fromtimestamp(now, UTC)
    found = []
    for one in schedules:
        for span in ended(one.every, shifts, zone, at):
            end = span.end.timestamp()
            before = known.get((one.id, end), Mailed(schedule=one.id, end=end))
            if end > one.made_at and not before.is_over and before.try_at <= now:
                found.append(Due(one, span, before, now - end > LATE_S))
    return sorted(found, key=lambda one: one.span.end)


def begun(before: Mailed, now: float) -> Mailed:
    """Return how it stands while an attempt is made."""
    return msgspec.structs.replace(before, attempts=before.attempts + 1, try_at=now + UNKNOWN_S)


def after(attempt: Attempt, begun: Mailed, now: float) -> Mailed:
    """Return how it stands after an attempt: sent, to be tried again, or given up."""
    if isinstance(attempt, Delivered):
        refused = ", ".join(one.recipient for one in attempt.refused)
        why = shown(f"refused: {refused}") if refused else ""
        return msgspec.structs.replace(begun, sent_at=now, why=why)
    why = shown(f"{attempt.reason.value}: {attempt.detail}")
    again = next_try(begun.attempts, attempt, now, RULES)
    if again is None or again - begun.end >= OLDEST_S:
        return msgspec.structs.replace(begun, given_up_at=now, why=why)
    return msgspec.structs.replace(begun, try_at=again, why=why)


def failed(why: str) -> Failed:
    """Return the attempt of a mail that could not even be written, and may be later."""
    return Failed(Reason.TRY_LATER, retry=True, detail=shown(why))


def kept(known: Iterable[Mailed], now: float) -> list[Mailed]:
    """Return those that are remembered, the oldest first, however many that are."""
    some = sorted(known, key=lambda one: (one.end, one.schedule))
    last = {one.schedule: one.end for one in some}
    return [
        one
        for one in some
        if now - one.end < (LISTED_S if one.end == last[one.schedule] else KEPT_S)
    ]


def _around(every: Every, shifts: Sequence[Shift], zone: ZoneInfo, today: date) -> Iterator[Span]:
    """The times that may have ended lately, and a few more."""
    if every is Every.MONTH:
        this = today.replace(day=1)
        yield _span(zone, ((this - timedelta(days=1)).replace(day=1), 0), (this, 0))
        return
    for back in range(-1, 4):
        day = today - timedelta(days=back)
        if every is Every.DAY:
            yield _span(zone, (day, 0), (day + timedelta(days=1), 0))
            continue
        for one in shifts:
            over = day if one.begin < one.end else day + timedelta(days=1)
            yield _span(zone, (day, one.begin), (over, one.end))


def _span(zone: ZoneInfo, *edges: tuple[date, int]) -> Span:
    begin, end = (
        datetime.combine(day, time(*divmod(minute, 60)), zone).astimezone(UTC)
        for day, minute in edges
    )
    return Span(begin, end)
