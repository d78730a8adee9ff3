"""The command `ngalam112 report operator-times`: what each operator did, and how long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from ngalam112.api import time_ranges
from ngalam112.cli.common import FormatOption, FromOption, ToOption
from ngalam112.cli.report_pages import LanguageOption, words_for
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, safe, write_list
from reports.said import Said

if TYPE_CHECKING:
    from reports.languages import Words
    from reports.operator_times import OperatorTimes

_TIMES = (
    *("logged_in", "idle", "offered", "talking", "holding", "calling"),
    *("wrap_up", "paused"),
)
_LONG_MS = 10 * 3_600_000
"""From so long on, no table shows the seconds: it would be wider than a screen."""

_CONTEXT = "operator_times"
_RARE = ("holding", "calling")
_TITLES = {one: Said(one.replace("_", " ")) for one in _TIMES}


def report_operator_times(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: FormatOption = Format.TABLE,
    lang: LanguageOption = None,
) -> None:
    """Add up what each operator did in a time (today, if none is given).

    A table has h:mm:ss, or h:mm if anybody was there for ten hours, and holding and calling from
    100 columns on. All parts together are the time logged in; busy is what calls and wrap-up took
    of the time that was not paused.
    """
    from reports.operator_times import OperatorTimes

    settings = load_settings()
    words = words_for(lang, settings)
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    since = time_ranges.begin(begin or "today", zone, now)
    until = now if end is None else time_ranges.end(end, zone, now)
    found = asyncio.run(_asked(settings, since, until, now))
    rows: list[dict[str, Any]] = [msgspec.to_builtins(one) for one in found]
    plain = [name for name in OperatorTimes.__struct_fields__ if name != "paused"]
    reasons = sorted({reason for one in found for reason in one.paused})
    if fmt is Format.CSV:
        for row in rows:
            row |= {_column_of(one): row["paused"].get(one, 0) for one in reasons}
    names = [*plain, *map(_column_of, reasons)]
    seconds = all(one.logged_in_ms < _LONG_MS for one in found)
    shown = [_shown(one, seconds, words) for one in rows]
    nothing = words("Nobody was logged in.")
    write_list(rows, _columns(words), fmt, names=names, shown=shown, nothing=nothing)
    paused = [
        {"operator": one.operator, "reason": reason, "paused": _clock(ms, seconds, words)}
        for one in found
        for reason, ms in sorted(one.paused.items())
    ]
    if fmt is Format.TABLE and paused:
        console().print()
        write_list(paused, _reasons(words), fmt, names=())


def _columns(words: Words) -> list[Column]:
    times = (
        Column(name, words.said(title, _CONTEXT), right=True, spare=name in _RARE)
        for name, title in _TITLES.items()
    )
    busy = Column("occupancy", words("busy %"), right=True)
    return [Column("operator", words("operator")), *times, busy]


def _reasons(words: Words) -> list[Column]:
    return [
        Column("operator", words("operator")),
        Column("reason", words("paused for")),
        Column("paused", words.said(_TITLES["paused"], _CONTEXT), right=True),
    ]


async def _asked(
    settings: Settings, since: datetime, until: datetime, now: datetime
) -> list[OperatorTimes]:
    """Read the database itself, engine or not: a month of changes is no work for an engine."""
    from ngalam112.api.queries import open_stored
    from reports.operator_times import operator_times

    async with open_stored(settings) as database:
        try:
            async with database.session() as session:
                return await operator_times(session, since, until, now)
        except (OSError, SQLAlchemyError) as error:
            raise database.unreachable(error) from None


def _column_of(reason: str) -> str:
    return f"paused_{safe(reason)}_ms"  # people make up reasons


def _shown(row: Mapping[str, Any], seconds: bool, words: Words) -> dict[str, Any]:
    """A row of the table; what was never done is a dash."""
    times = {name: _clock(row[f"{name}_ms"], seconds, words) for name in _TIMES}
    share = row["occupancy_percent"]
    occupancy = None if share is None else words.number(float(share))
    return {"operator": row["operator"], "occupancy": occupancy, **times}


def _clock(ms: int, seconds: bool, words: Words) -> str | None:
    """Milliseconds as hours, minutes and seconds, to the nearest one; None for none."""
    if not ms:
        return None
    if not seconds:
        minutes = (ms + 30_000) // 60_000
        return words.clock(minutes // 60, minutes % 60)
    whole = (ms + 500) // 1000
    return words.clock(whole // 3600, whole // 60 % 60, whole % 60)
