"""The API of an authority's warnings, `/api/warnings`, and what the status says of them.

What is said of them is said with the credit that the authority asks for.
"""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec

from ngalam112.api.queries import Answer
from ngalam112.api.time_ranges import local
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from ngalam112.engine.warning_feed import WarningFeed
from public_warnings.in_force import PublicWarning

_IN_STATUS = 3
"""So many warnings are told in the line of the status; of more, how many they are."""


class OfWarnings(msgspec.Struct, forbid_unknown_fields=True):
    """`kecamatan`: "" for what holds in the whole city."""

    kecamatan: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class WarningRoutes:
    """The handler; it raises what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._settings = engine, settings

    async def list(self, query: OfWarnings) -> Answer:
        """The warnings for the city, or for a kecamatan, and how the feed is."""
        feed = self._engine.warning_feed
        found = feed.warnings()
        if query.kecamatan is not None:
            found = [one for one in found if one.is_for(query.kecamatan or None)]
        now = self._engine.clock.now()
        return {
            "feed": _feed(feed, self._settings),
            "warnings": [_row(one, self._settings, now) for one in found],
        }


def warning_summary(engine: Engine, settings: Settings) -> dict[str, Any]:
    """Return how the feed is, and in one line what it warns of."""
    feed = engine.warning_feed
    found = feed.warnings()
    texts = [_in_words(one, settings) for one in found[:_IN_STATUS]]
    if len(found) > _IN_STATUS:
        texts.append(f"and {len(found) - _IN_STATUS} more")
    about = _feed(feed, settings)
    parts = ["; ".join(texts) or "none", about["said"]]
    if found:
        parts.append(settings.warning_credit)
    said = ". ".join(one.rstrip(".") for one in parts if one)
    return {"feed": about["feed"], "known": len(found), "said": said}


def _feed(feed: WarningFeed, settings: Settings) -> dict[str, Any]:
    health, zone = feed.health, ZoneInfo(settings.timezone)
    good_at, away_since = (_iso(one, zone) for one in (health.good_at, health.away_since))
    is_in = "up" if health.good_at is not None else "not asked yet"
    said = ""
    if not feed.is_on:
        is_in, said = "off", "No feed is set (NGALAM112_WARNING_URL)."
    elif health.away_since is not None:
        is_in, said = "away", f"The feed of warnings is away since {away_since}: {health.why}"
    elif health.broken:
        is_in, said = "broken", f"The feed of warnings is broken: {health.broken}"
    return {
        "feed": is_in,
        "said": said,
        "good_at": good_at,
        "away_since": away_since,
        "broken": health.broken,
        "credit": settings.warning_credit,
    }


def _row(one: PublicWarning, settings: Settings, now: float) -> dict[str, Any]:
    zone = ZoneInfo(settings.timezone)
    times = {name: _iso(getattr(one, name), zone) for name in ("sent", "begins", "expires")}
    plain = {"whole_city": False, "part": 0, "headline": "", "description": "", "area": ""}
    return {
        **plain,
        **msgspec.to_builtins(one),
        **times,
        "has_begun": one.begins <= now,
        "words": _in_words(one, settings),
        "credit": settings.warning_credit,
    }


def _in_words(one: PublicWarning, settings: Settings) -> str:
    """What it warns of, where, until when; in one line."""
    zone = ZoneInfo(settings.timezone)
    where = "the whole city" if one.whole_city else ", ".join(one.kecamatan)
    begins, ends = local(one.begins, zone), local(one.expires, zone)
    today = "%H:%M" if begins.date() == ends.date() else "%Y-%m-%d %H:%M"
    times = f"{begins:%Y-%m-%d %H:%M} to {ends.strftime(today)}"
    return f"{one.headline or one.event} ({one.severity}; {where}; {times})"


def _iso(at: float | None, zone: ZoneInfo) -> str | None:
    return None if at is None else local(at, zone).isoformat(timespec="seconds")
