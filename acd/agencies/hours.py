"""Opening hours such as 07:00-15:30: whether they hold at a minute, and as UTC. Pure."""

from __future__ import annotations

import re

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


def in_utc(hours: str, offset: int) -> str:
    """Return the hours in UTC, * for always; `offset`: minutes by which local time is ahead."""
    found = _HOURS.fullmatch(hours)
    if found is None:
        return "*"
    minutes = [int(found[at]) * 60 + int(found[at + 1]) - offset for at in (1, 3)]
    first, last = (f"{at // 60 % 24:02}:{at % 60:02}" for at in minutes)
    return "*" if first == last else f"{first}-{last}"
