"""The supervisor's commands: `ngalam112 report summary|service-level|operators|...|check`.

They read the database themselves, engine or not, and for reading only: a report holds up no call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ngalam112.cli.common import FromOption, ToOption
from ngalam112.cli.report_pages import (
    Language,
    LanguageOption,
    ReportFormat,
    words_for,
    write_report,
)
from ngalam112.cli.report_questions import read_only
from ngalam112.cli.report_times import report_period
from ngalam112.config.settings import load_settings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from reports.parts import Report

ReportFormatOption = Annotated[
    ReportFormat, typer.Option("--format", "-f", help="How to write it.")
]
ByOption = Annotated[
    str | None,
    typer.Option(
        help="Also by 15min, hour, shift, day, month, category, operator, kecamatan, trunk.",
    ),
]
ReportOutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The file to write, anew: CSV, XLSX, HTML.")
]


def service_level(
    begin: FromOption = None,
    end: ToOption = None,
    by: ByOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """How many were answered within 5, 10, 15 and 20 s, and how long an answer took."""
    _report("service-level", begin, end, fmt, output, lang, by)


def losses(
    begin: FromOption = None,
    end: ToOption = None,
    by: ByOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """Where calls were lost, and after how long."""
    _report("losses", begin, end, fmt, output, lang, by)


def categories(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """The calls by category."""
    _report("categories", begin, end, fmt, output, lang)


def hours(
    begin: FromOption = None,
    end: ToOption = None,
    by: Annotated[str, typer.Option(help="hour or 15min.")] = "hour",
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """The calls hour by hour, and the busiest hours."""
    _report("hours", begin, end, fmt, output, lang, by)


def day(
    begin: FromOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """One day (yesterday): by shift, by hour, by category."""
    wanted = begin or "yesterday"
    _report("day", wanted, wanted, fmt, output, lang)


def month(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """A month (this one, if none is given) by day, by category and by kecamatan."""
    _report("month", begin or "this month", end, fmt, output, lang)


def operators(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """Each operator: calls taken, talk and hold, answer times, offers that were missed."""
    _report("operators", begin, end, fmt, output, lang)


def agencies(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """Each agency that was told of an incident: how soon it was reached and has accepted."""
    _report("agencies", begin, end, fmt, output, lang)


def owed_callbacks(
    begin: FromOption = None,
    end: ToOption = None,
    fmt: ReportFormatOption = ReportFormat.TABLE,
    output: ReportOutputOption = None,
    lang: LanguageOption = None,
) -> None:
    """The callbacks of calls that were lost: how many were reached, and how soon."""
    _report("callbacks", begin, end, fmt, output, lang)


def _report(
    name: str,
    begin: str | None,
    end: str | None,
    fmt: ReportFormat,
    output: Path | None,
    lang: Language | None,
    by: str | None = None,
) -> None:
    from ngalam112.api.report_kinds import asked_of, in_zone
    from reports.kinds import report_of

    settings = load_settings()
    period = report_period(settings, begin, end, datetime.now(UTC))

    async def question(session: AsyncSession) -> Report:
        return await report_of(session, name, asked_of(settings, period, by))

    words = words_for(lang, settings)
    found, behind = read_only(settings, question)
    write_report(msgspec.structs.replace(in_zone(found), behind=behind), fmt, output, words)


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
