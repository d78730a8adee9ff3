"""Reads a month for the national report, some records at a time, out of one state of the database.

All is asked for by an index and page by page, so in memory are one page and what is counted
(`reports.national_count`). What names or describes a person is not read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.work_items.callbacks import KIND
from incidents.categories import Categories
from incidents.dispatch import DispatchState
from incidents.incident import EntryKind
from models.database import Database
from models.tables import (
    AgencyRow,
    CallRow,
    DispatchRow,
    IncidentCallRow,
    IncidentEntryRow,
    IncidentRow,
    WorkItemRow,
)
from reports.national_count import Count
from reports.national_facts import (
    About,
    Agency,
    CallFacts,
    DispatchFacts,
    IncidentFacts,
    Month,
)
from reports.national_figures import NationalReport
from reports.national_mapping import Layout

PAGE = 500
"""How many calls or incidents are read at once."""

_DEEPEST = 20  # merges of merges
_CALL = (
    CallRow.call_id,
    CallRow.arrived_at,
    CallRow.ended_at,
    CallRow.outcome,
    CallRow.wait_ms,
    CallRow.kecamatan,
    CallRow.lat,
    CallRow.callback_of,
)
_INCIDENT = (
    IncidentRow.id,
    IncidentRow.opened_at,
    IncidentRow.state,
    IncidentRow.merged_into,
    IncidentRow.incident_class,
    IncidentRow.category,
    IncidentRow.kecamatan,
    IncidentRow.lat,
)
_DISPATCH = (
    DispatchRow.id,
    DispatchRow.incident_id,
    DispatchRow.agency,
    DispatchRow.state,
    DispatchRow.created_at,
    DispatchRow.arrived_at,
    DispatchRow.acknowledged_at,
)
_KINDS = [one.value for one in (EntryKind.MOVED, EntryKind.OVERDUE, EntryKind.DECLINED)]
_UNANSWERED = (DispatchState.OVERDUE, DispatchState.RELIEVED)


async def national_report(
    database: Database,
    month: Month,
    zone: ZoneInfo,
    layout: Layout,
    categories: Categories,
    kecamatan: Collection[str],
    now: datetime,
    page: int = PAGE,
) -> NationalReport:
    """Count the calls that arrived in the month, and the incidents that were opened in it.

    `kecamatan`: the names of the city's own. `now` needs a time zone.
    """
    since, until = month.begin(zone), month.end(zone)
    async with database.session() as session:
        if session.get_bind().dialect.name == "postgresql":
            # all questions see one state of the line, as within any transaction of SQLite
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        agencies = await _agencies(session)
        count = Count(month, zone, layout, categories, kecamatan, agencies)
        async for call in _calls(session, since, until, page):
            count.call(call)
        async for incident in _incidents(session, since, until, page):
            count.incident(incident)
        for outcome, number in await _callbacks(session, since, until):
            count.callbacks(outcome, number)
    return count.report(now)


async def _agencies(session: AsyncSession) -> list[Agency]:
    order = (AgencyRow.number, AgencyRow.id)
    rows = await session.execute(
        select(AgencyRow.id, AgencyRow.name, AgencyRow.retired_at).order_by(*order)
    )
    return [Agency(row.id, row.name, row.retired_at is None) for row in rows]


async def _calls(
    session: AsyncSession, since: datetime, until: datetime, page: int
) -> AsyncIterator[CallFacts]:
    key = (CallRow.arrived_at, CallRow.call_id)
    async for rows in _pages(session, select(*_CALL), key, since, until, page):
        offered = [row for row in rows if row.callback_of is None]
        abouts = await _abouts(session, [row.call_id for row in offered])
        for row in offered:
            yield CallFacts(
                row.arrived_at,
                row.ended_at,
                row.outcome,
                row.wait_ms,
                row.kecamatan,
                row.lat is not None,
                abouts.get(row.call_id),
            )


async def _abouts(session: AsyncSession, call_ids: Sequence[str]) -> dict[str, About]:
    """What the calls' incidents are; of a merged one, the incident that stands for it."""
    link = IncidentCallRow
    rows = await session.execute(
        select(link.call_id, link.incident_id).where(link.call_id.in_(call_ids))
    )
    incident_of = {row.call_id: row.incident_id for row in rows}
    found: dict[str, Any] = {}
    wanted = set(incident_of.values())
    for _ in range(_DEEPEST):
        if not wanted:
            break
        some = await session.execute(select(*_INCIDENT).where(IncidentRow.id.in_(wanted)))
        found |= {row.id: row for row in some}
        into = {found[id].merged_into for id in wanted if id in found}
        wanted = {id for id in into if id is not None and id not in found}
    return {
        call_id: _about(_standing(found, incident_id))
        for call_id, incident_id in incident_of.items()
        if incident_id in found
    }


def _standing(found: Mapping[str, Any], incident_id: str) -> Any:
    """The incident that stands for this one, as far as it was found."""
    row = found[incident_id]
    for _ in range(_DEEPEST):
        if row.merged_into not in found:
            break
        row = found[row.merged_into]
    return row


def _about(row: Any) -> About:
    return About(row.incident_class, row.category, row.kecamatan, row.lat is not None)


async def _incidents(
    session: AsyncSession, since: datetime, until: datetime, page: int
) -> AsyncIterator[IncidentFacts]:
    key = (IncidentRow.opened_at, IncidentRow.id)
    async for rows in _pages(session, select(*_INCIDENT), key, since, until, page):
        ids = [row.id for row in rows]
        moves, marks = await _timelines(session, ids)
        dispatches = await _dispatches(session, ids, marks)
        for row in rows:
            yield IncidentFacts(
                row.opened_at,
                row.state,
                row.merged_into is not None,
                _about(row),
                moves[row.id],
                dispatches[row.id],
            )


Moves = dict[str, list[tuple[datetime, str]]]
Marks = dict[tuple[str, str], datetime]


async def _timelines(session: AsyncSession, ids: Sequence[str]) -> tuple[Moves, Marks]:
    """The moves of each incident; and when what happened last to a dispatch (its id, the kind)."""
    entry = IncidentEntryRow
    rows = await session.execute(
        select(entry.incident_id, entry.at, entry.kind, entry.data)
        .where(entry.incident_id.in_(ids), entry.kind.in_(_KINDS))
        .order_by(entry.incident_id, entry.seq)
    )
    moves: Moves = defaultdict(list)
    marks: Marks = {}
    for row in rows:
        if row.kind == EntryKind.MOVED:
            moves[row.incident_id].append((row.at, str(row.data.get("state"))))
        else:
            marks[str(row.data.get("dispatch")), row.kind] = row.at
    return moves, marks


async def _dispatches(
    session: AsyncSession, ids: Sequence[str], marks: Marks
) -> dict[str, list[DispatchFacts]]:
    rows = await session.execute(select(*_DISPATCH).where(DispatchRow.incident_id.in_(ids)))
    found: dict[str, list[DispatchFacts]] = defaultdict(list)
    for row in rows:
        declined_at = marks.get((row.id, EntryKind.DECLINED.value))
        late = (row.id, EntryKind.OVERDUE.value) in marks
        if declined_at is None and row.state in _UNANSWERED:
            late = True  # whatever its timeline has kept
        found[row.incident_id].append(
            DispatchFacts(
                row.agency,
                row.state,
                row.created_at,
                row.arrived_at is not None,
                row.acknowledged_at,
                declined_at,
                late,
            )
        )
    return found


async def _callbacks(
    session: AsyncSession, since: datetime, until: datetime
) -> Sequence[tuple[str | None, int]]:
    """How many callbacks of calls that were lost in the month have each outcome."""
    item = WorkItemRow
    rows = await session.execute(
        select(item.outcome, func.count())
        .where(item.created_at >= since, item.created_at < until, item.kind == KIND)
        .group_by(item.outcome)
    )
    return [(outcome, count) for outcome, count in rows]


async def _pages(
    session: AsyncSession,
    query: Any,
    key: tuple[Any, Any],
    since: datetime,
    until: datetime,
    page: int,
) -> AsyncIterator[Sequence[Any]]:
    """Read the rows of a time page by page, in the order of `key`: a moment and an id."""
    moment, id = key
    after: list[ColumnElement[bool]] = [moment >= since]
    while True:
        asked = query.where(*after, moment < until).order_by(moment, id).limit(page)
        rows = (await session.execute(asked)).all()
        if rows:
            yield rows
        if len(rows) < page:
            return
        last_at, last_id = getattr(rows[-1], moment.key), getattr(rows[-1], id.key)
        # the first condition is the one that an index can use
        after = [moment >= last_at, or_(moment > last_at, id > last_id)]
