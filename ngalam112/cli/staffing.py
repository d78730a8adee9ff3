"""The command `ngalam112 staffing`: how many operators each hour of the week needs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
import typer
from sqlalchemy.exc import SQLAlchemyError

from ngalam112.api import time_ranges
from ngalam112.cli.common import FormatOption, FromOption, ToOption
from ngalam112.cli.report_pages import LanguageOption, words_for
from ngalam112.config.settings import Settings, load_settings
from ngalam112.terminal import Column, Format, console, table, write_csv, write_json
from reports.said import Said

if TYPE_CHECKING:
    from reports.languages import Words
    from reports.staffing import HourNeeds, Staffing, Target

WEEKS = 4
"""So many weeks up to now, if no time is given."""

_DETAILS = {
    "hour": Said("hour"),
    "calls_per_hour": Said("calls/h"),
    "peak_per_hour": Said("peak/h"),
    "handling_s": Said("handling s"),
    "load": Said("erlangs"),
    "needed": Said("needed"),
    "ready": Said("ready"),
    "reached": Said("reached"),
}
_DAYS = {
    "monday": Said("Mon"),
    "tuesday": Said("Tue"),
    "wednesday": Said("Wed"),
    "thursday": Said("Thu"),
    "friday": Said("Fri"),
    "saturday": Said("Sat"),
    "sunday": Said("Sun"),
}
_CONTEXT = "staffing"

TargetOption = Annotated[
    str, typer.Option("--target", "-t", help="Per cent of the calls and seconds, like 95/5.")
]
OperatorsOption = Annotated[
    int | None,
    typer.Option(
        "--operators", min=0, max=500, help="What so many would reach, and not who was ready."
    ),
]
WeekdayOption = Annotated[
    str | None, typer.Option("--weekday", help="One day with all its figures: monday, tuesday...")
]


def staffing(
    target: TargetOption = "95/5",
    begin: FromOption = None,
    end: ToOption = None,
    operators: OperatorsOption = None,
    weekday: WeekdayOption = None,
    fmt: FormatOption = Format.TABLE,
    lang: LanguageOption = None,
) -> None:
    """Say how many operators each hour of the week needs, by the calls of four weeks.

    Beside it is how many were ready then, and ! where these do not reach the target.
    """
    from reports.errors import BadQuestion
    from reports.staffing import DAYS, HourNeeds, target_of

    wanted = target_of(target)
    if weekday is not None and weekday not in DAYS:
        raise BadQuestion(f"There is no weekday {weekday[:20]!r}; give one of {', '.join(DAYS)}.")
    settings = load_settings()
    zone, now = ZoneInfo(settings.timezone), datetime.now(UTC)
    today = time_ranges.begin("today", zone, now)
    since = today - timedelta(weeks=WEEKS)
    since = since if begin is None else time_ranges.begin(begin, zone, now)
    until = now if end is None else min(now, time_ranges.end(end, zone, now))
    if since >= until:
        raise BadQuestion("The time ends before it begins, or is to come; see --from and --to.")
    found = asyncio.run(_asked(settings, wanted, since, until, operators))
    hours = [one for one in found.hours if weekday in (None, one.weekday)]
    match fmt:
        case Format.JSON:
            write_json(msgspec.to_builtins(msgspec.structs.replace(found, hours=hours)))
        case Format.CSV:
            write_csv(map(msgspec.to_builtins, hours), HourNeeds.__struct_fields__)
        case Format.TABLE:
            _print(found, hours, zone, words_for(lang, settings), in_detail=weekday is not None)


async def _asked(
    settings: Settings,
    target: Target,
    since: datetime,
    until: datetime,
    operators: int | None,
) -> Staffing:
    """Read the database itself, engine or not: weeks of calls are no work for an engine."""
    from ngalam112.api.queries import open_stored
    from reports.staffing import staffing
    from reports.staffing_facts import read_patience, read_quarters, read_ready

    async with open_stored(settings) as database:
        try:
            async with database.session() as session:
                quarters = await read_quarters(session, since, until)
                patience = await read_patience(session, since, until)
                ready, known_since = await read_ready(session, since, until) or (None, 0.0)
        except (OSError, SQLAlchemyError) as error:
            raise database.unreachable(error) from None
    return staffing(
        quarters,
        patience,
        target,
        since=since,
        until=until,
        zone=ZoneInfo(settings.timezone),
        ready=ready,
        ready_since=known_since,
        operators=operators,
    )


def _print(
    found: Staffing, hours: list[HourNeeds], zone: ZoneInfo, words: Words, *, in_detail: bool
) -> None:
    to = console()
    sentence = words(
        "For {percent} % within {target} s, by {calls} calls from {since} to {until}",
        percent=found.target_percent,
        target=found.target_s,
        calls=found.calls,
        since=words.moment(found.since, zone),
        until=words.moment(found.until, zone),
    )
    to.print(sentence)
    if in_detail:
        title = words(hours[0].weekday) if hours else None
        columns = [
            Column(name, words.said(said, _CONTEXT), right=name != "hour")
            for name, said in _DETAILS.items()
        ]
        to.print(table(_details(found, hours, words), columns, title=title))
    else:
        to.print(table(_week(found, hours, words), _week_columns(words)))
    known = any(one.ready is not None for one in hours)
    if known and not in_detail:
        to.print(words("needed/ready; ! where the target is missed"))
    sentence = words(
        "handling {handling} s (wrap-up {wrap_up}); patience {patience} ({abandoned} gave up)",
        handling=found.handling_s,
        wrap_up=_of_seconds(found.wrap_up_s, "not known"),
        patience=_of_seconds(found.patience_s, "unknown"),
        abandoned=found.abandoned,
    )
    to.print(sentence)
    if not known:
        to.print(
            words("Nobody knows who was ready then; give --operators to see what so many reach.")
        )


def _of_seconds(value: float | None, nothing: str) -> Said:
    return Said("{seconds} s", seconds=value) if value else Said(nothing)


def _week_columns(words: Words) -> list[Column]:
    said = {
        "hour": _DETAILS["hour"],
        "calls": _DETAILS["calls_per_hour"],
        "handling": Said("s/call"),
        **_DAYS,
    }
    return [
        Column(name, words.said(title, _CONTEXT), right=name != "hour")
        for name, title in said.items()
    ]


def _week(found: Staffing, hours: Iterable[HourNeeds], words: Words) -> list[dict[str, Any]]:
    by_hour: dict[int, list[HourNeeds]] = {}
    for one in hours:
        by_hour.setdefault(one.hour, []).append(one)
    rows = []
    for hour, some in sorted(by_hour.items()):
        calls = sum(one.calls_per_hour for one in some)
        weighed = sum(one.calls_per_hour * one.handling_s for one in some)
        row: dict[str, Any] = {
            "hour": words.hour(hour),
            "calls": words.number(calls / len(some)),
            "handling": words.number(round(weighed / calls)) if calls else None,
        }
        rows.append(row | {one.weekday: _cell(one, found) for one in some})
    return rows


def _details(found: Staffing, hours: Iterable[HourNeeds], words: Words) -> list[dict[str, Any]]:
    rows = []
    for one in hours:
        row: dict[str, Any] = {
            name: words.as_exact(value) if isinstance(value, int | float) else value
            for name, value in msgspec.to_builtins(one).items()
        }
        row["hour"] = words.hour(one.hour)
        row["needed"] = _needed(one)
        row["reached"] = _reached(one, found, words)
        rows.append(row)
    return rows


def _cell(one: HourNeeds, found: Staffing) -> str:
    if one.ready is None:
        return _needed(one)
    missed = "!" if _misses(one, found) else ""
    return f"{_needed(one)}/{one.ready:.0f}{missed}"


def _needed(one: HourNeeds) -> str:
    from reports.erlang import MOST_OPERATORS

    return f">{MOST_OPERATORS}" if one.needed is None else str(one.needed)


def _reached(one: HourNeeds, found: Staffing, words: Words) -> str | None:
    if one.reached_percent is None:
        return None
    return f"{words.number(float(one.reached_percent))} %{'!' if _misses(one, found) else ''}"


def _misses(one: HourNeeds, found: Staffing) -> bool:
    return one.reached_percent is not None and one.reached_percent < found.target_percent
