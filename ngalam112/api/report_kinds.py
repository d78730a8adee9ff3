"""The supervisor's reports over HTTP: the same numbers as the command line's `report`."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec

from models.database import Database
from ngalam112.api.asked import OfReport
from ngalam112.api.queries import Answer, Question
from ngalam112.api.report_times import report_period
from ngalam112.config.settings import Settings
from reports.figures_groups import shifts_of
from reports.kinds import Asked, kind_of, report_of
from reports.parts import Report
from reports.sums import Period


async def report(database: Database, settings: Settings, asked: OfReport) -> Answer:
    """A report, as tables of numbers.

    Without a time it is of today; `day` is of yesterday, and `month` of this month.
    """
    begin, end = asked.since, asked.until
    if begin is None and end is None:
        begin = kind_of(asked.kind).begin
    if asked.kind == "day":
        end = end or begin
    period = report_period(settings, begin, end, datetime.now(UTC))
    async with database.session() as session:
        found = await report_of(session, asked.kind, asked_of(settings, period, asked.by))
    answer: Answer = msgspec.to_builtins(in_zone(found), enc_hook=str)  # for `Said`
    return answer


def asked_of(settings: Settings, period: Period, by: str | None) -> Asked:
    """Return what is asked of a report, counted as the line's settings say."""
    return Asked(
        period=period,
        by=by,
        tz=settings.timezone,
        short_s=settings.short_abandon_s,
        shifts=shifts_of(settings.shifts),
    )


def in_zone(found: Report) -> Report:
    """Return a report with its times in its time zone."""
    zone = ZoneInfo(found.tz)
    since, until = (at and at.astimezone(zone) for at in (found.since, found.until))
    return msgspec.structs.replace(found, since=since, until=until)


STORED: dict[str, Question] = {"/api/reports/{kind}": report}
"""Which question of the database stands for which path of the API."""
