"""The supervisor's commands: `ngalam112 report summary|service-level|operators|...|check`.

They read the database themselves, engine or not, and for reading only: a report holds up no call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from ngalam112.cli.common import FromOption, ToOption
from ngalam112.cli.report_pages import ReportFormat, write_report
from ngalam112.cli.report_questions import Period, read_only, summed
from ngalam112.cli.report_times import report_period
from ngalam112.config.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from reports.parts import Part

ReportFormatOption = Annotated[
    ReportFormat, typer.Option("--format", "-f", help="How to write it.")
]
ByOption = Annotated[
    str | None,
    typer.Option(
        help="Also by 15min, hour, shift, day, month, category, operator or kecamatan.",
    ),
]
ReportOutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write, anew: CSV, XLSX, HTML.")
]
Parts = Callable[["AsyncSession", Settings, Period], Awaitable["Sequence[Part]"]]


def service_level(
    begin: FromOption = None,
    end: ToOption = None,
    by: ByOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """How many were answered within 5, 10, 15 and 20 s, and how long an answer took."""

    async def parts(session: AsyncSession, settings: Settings, period: Period) -> Sequence[Part]:
        from reports.supervisor import service_parts

        return service_parts(await summed(session, settings, period, by))

    _report("service_level", "Service level", begin, end, fmt, output, parts)


def losses(
    begin: FromOption = None,
    end: ToOption = None,
    by: ByOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """Where calls were lost, and after how long."""

    async def parts(session: AsyncSession, settings: Settings, period: Period) -> Sequence[Part]:
        from reports.supervisor import loss_parts

        return loss_parts(await summed(session, settings, period, by))

    _report("losses", "Lost calls", begin, end, fmt, output, parts)


def categories(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """The calls by category."""
    _groups("categories", "Categories", begin, end, fmt, output, ("category",))


def hours(
    begin: FromOption = None,
    end: ToOption = None,
    by: Annotated[str, typer.Option(help="hour or 15min.")] = "hour",
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """The calls hour by hour, and the busiest hours."""
    _groups("hours", "Hours", begin, end, fmt, output, (by,), busy=True)


def day(
    begin: FromOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """One day (yesterday): by shift, by hour, by category."""
    wanted = begin or "yesterday"
    _groups("day", "Day", wanted, wanted, fmt, output, ("shift", "hour", "category"))


def month(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """A month (this one, if none is given) by day, by shift and by category."""
    begin = begin or "this month"
    _groups("month", "Month", begin, end, fmt, output, ("day", "category", "kecamatan"))


def operators(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """Each operator: calls taken, talk and hold, answer times, offers that were missed."""

    async def parts(session: AsyncSession, settings: Settings, period: Period) -> Sequence[Part]:
        from reports.supervisor_facts import operator_parts

        return await operator_parts(session, *period)

    _report("operators", "Operators", begin, end, fmt, output, parts)


def agencies(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """Each agency that was told of an incident: how soon it was reached and has accepted."""

    async def parts(session: AsyncSession, settings: Settings, period: Period) -> Sequence[Part]:
        from reports.supervisor_facts import agency_parts

        return await agency_parts(session, *period)

    _report("agencies", "Agencies", begin, end, fmt, output, parts)


def owed_callbacks(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
) -> None:
    """The callbacks of calls that were lost: how many were reached, and how soon."""

    async def parts(session: AsyncSession, settings: Settings, period: Period) -> Sequence[Part]:
        from reports.supervisor_facts import callback_parts

        return await callback_parts(session, *period)

    _report("callbacks", "Callbacks", begin, end, fmt, output, parts)


def _groups(
    name: str,
    title: str,
    begin: str | None,
    end: str | None,
    fmt: ReportFormat,
    output: Path | None,
    groups: Sequence[str],
    *,
    busy: bool = False,
) -> None:
    async def parts(session: AsyncSession, settings: Settings, period: Period) -> Sequence[Part]:
        from reports.supervisor import busiest, group_parts

        found = []
        for by in groups:
            one = await summed(session, settings, period, by)
            found += group_parts(one, f"by_{by}")
            found += [busiest(one)] if busy and one.groups else []
        return found

    _report(name, title, begin, end, fmt, output, parts)


def _report(
    name: str,
    title: str,
    begin: str | None,
    end: str | None,
    fmt: ReportFormat,
    output: Path | None,
    parts: Parts,
) -> None:
    from reports.parts import Report

    settings = load_settings()
    period = report_period(settings, begin, end, datetime.now(UTC))

    async def question(session: AsyncSession) -> Sequence[Part]:
        return await parts(session, settings, period)

    found, behind = read_only(settings, question)
    zone = ZoneInfo(settings.timezone)
    since, until = (None if one is None else one.astimezone(zone) for one in period)
    report = Report(
        name=name,
        title=title,
        since=since,
        until=until,
        tz=settings.timezone,
        parts=found,
        behind=behind,
    )
    write_report(report, fmt, output)


SUPERVISOR_REPORTS: dict[str, Callable[..., None]] = {
    "service-level": service_level,
    "operators": operators,
    "categories": categories,
    "agencies": agencies,
    "callbacks": owed_callbacks,
    "losses": losses,
    "hours": hours,
    "day": day,
    "month": month,
}
"""The commands of `ngalam112 report`, beside those that have a file of their own."""
