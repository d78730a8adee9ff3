"""The numbers of incidents that people say: a year and a running number, as 2026-000123."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

LAST_NUMBER = "incident_number"
"""The fact that tells the next engine which number was given last."""

_NUMBER = re.compile(r"([0-9]{4})-?([0-9]{1,9})")


def number_of(year: int, running: int) -> str:
    """Return the number as it is written."""
    return f"{year}-{running:06d}"


def as_number(text: str) -> str | None:
    """Return a number as it is written, from how people type it: 2026-123, 2026000123; else None.

    Without a dash the first four digits are the year.
    """
    found = _NUMBER.fullmatch(text.strip())
    return None if found is None else number_of(int(found[1]), int(found[2]))


def year_and_running(number: str) -> tuple[int, int] | None:
    """Return the two parts of a number as it is written or typed; None if it is none."""
    found = _NUMBER.fullmatch(number)
    return None if found is None else (int(found[1]), int(found[2]))


def short_number(number: str) -> str:
    """Return a number as people say it, without zeros: 2026-123; what is none stays as it is."""
    found = year_and_running(number)
    return number if found is None else f"{found[0]}-{found[1]}"


class Numbers:
    """Gives out the numbers, one after the other; each year begins with 1.

    `keep(key, value)`: keeps a fact for the next engine. The year is that of the line's time zone.
    """

    def __init__(self, keep: Callable[[str, Any], None], zone: ZoneInfo) -> None:
        self._keep, self._zone = keep, zone
        self._year = self._running = 0

    def know(self, last: str | None) -> None:
        """The highest number that was given, as far as somebody knows; a lower one says nothing."""
        found = _NUMBER.fullmatch(last or "")
        if found is not None:
            self._take(max((int(found[1]), int(found[2])), (self._year, self._running)))

    def next(self, now: float) -> str:
        """Return a number that was never given."""
        year = datetime.fromtimestamp(now, self._zone).year
        # a clock that is set back to last year goes on with this year's numbers
        self._take(max((year, 1), (self._year, self._running + 1)))
        number = number_of(self._year, self._running)
        self._keep(LAST_NUMBER, number)
        return number

    def _take(self, last: tuple[int, int]) -> None:
        self._year, self._running = last
