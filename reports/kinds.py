"""The supervisor's reports by their names, for the command line and the API: what each tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from reports.errors import BadQuestion
from reports.figures import SHORT_S
from reports.figures_groups import OF_HOURS, SHIFTS, Shift
from reports.parts import Part, Report
from reports.said import Said
from reports.summary import Summary, summaries, summary
from reports.sums import Period
from reports.supervisor import busiest, group_parts, loss_parts, service_parts, summary_parts
from reports.supervisor_facts import agency_parts, beside, callback_parts, operator_parts


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: the time, the grouping where a report has one, and how the city counts."""

    period: Period
    by: str | None = None
    tz: str = "Asia/Jakarta"
    short_s: float = SHORT_S
    shifts: Sequence[Shift] = SHIFTS


class Kind(NamedTuple):
    """A report. `begin`: from when on it is where no time is given. `has_groups`: it takes `by`."""

    title: str
    parts: Callable[[AsyncSession, Asked], Awaitable[list[Part]]]
    begin: str = "today"
    has_groups: bool = False


async def report_of(session: AsyncSession, name: str, asked: Asked) -> Report:
    """Return the report of that name (`kind_of`); raises BadQuestion."""
    kind = kind_of(name)
    if asked.by is not None and not kind.has_groups:
        raise BadQuestion(f"The report {name!r} has no groupings of your choice; leave `by` out.")
    since, until = asked.period
    return Report(
        name=name.replace("-", "_"),
        title=Said(kind.title),
        since=since,
        until=until,
        tz=asked.tz,
        parts=await kind.parts(session, asked),
    )


def kind_of(name: str) -> Kind:
    """Return what report has a name; raises BadQuestion if none has."""
    kind = KINDS.get(name)
    if kind is None:
        names = ", ".join(KINDS)
        raise BadQuestion(f"There is no report {name[:40]!r}; choose one of {names}.")
    return kind


async def _summed(session: AsyncSession, asked: Asked, by: str | None) -> Summary:
    # a grouping that does not exist is refused there
    return await summary(session, *asked.period, by, asked.tz, asked.short_s, asked.shifts)  # type: ignore[arg-type]


async def _summary(session: AsyncSession, asked: Asked) -> list[Part]:
    found = await _summed(session, asked, asked.by)
    return summary_parts(found, await beside(session, *asked.period))


async def _service_level(session: AsyncSession, asked: Asked) -> list[Part]:
    return service_parts(await _summed(session, asked, asked.by))


async def _losses(session: AsyncSession, asked: Asked) -> list[Part]:
    return loss_parts(await _summed(session, asked, asked.by))


async def _hours(session: AsyncSession, asked: Asked) -> list[Part]:
    found = await _summed(session, asked, asked.by or OF_HOURS[0])
    parts = group_parts(found, f"by_{found.by}")
    return [*parts, busiest(found)] if found.groups else parts


async def _operators(session: AsyncSession, asked: Asked) -> list[Part]:
    return await operator_parts(session, *asked.period)


async def _agencies(session: AsyncSession, asked: Asked) -> list[Part]:
    return await agency_parts(session, *asked.period)


async def _callbacks(session: AsyncSession, asked: Asked) -> list[Part]:
    return await callback_parts(session, *asked.period)


def _groups(*groups: str) -> Callable[[AsyncSession, Asked], Awaitable[list[Part]]]:
    """What tells a table for each grouping."""

    async def parts(session: AsyncSession, asked: Asked) -> list[Part]:
        tz, short_s, shifts = asked.tz, asked.short_s, asked.shifts
        found = await summaries(session, *asked.period, groups, tz, short_s, shifts)
        return [part for one in found for part in group_parts(one, f"by_{one.by}")]

    return parts


KINDS = {
    "summary": Kind("Calls", _summary, has_groups=True),
    "service-level": Kind("Service level", _service_level, has_groups=True),
    "losses": Kind("Lost calls", _losses, has_groups=True),
    "operators": Kind("Operators", _operators),
    "categories": Kind("Categories", _groups("category")),
    "agencies": Kind("Agencies", _agencies),
    "callbacks": Kind("Callbacks", _callbacks),
    "hours": Kind("Hours", _hours, has_groups=True),
    "day": Kind("Day", _groups("shift", "hour", "category"), begin="yesterday"),
    "month": Kind("Month", _groups("day", "category", "kecamatan"), begin="this month"),
}
"""All of them, by the names of their commands."""
