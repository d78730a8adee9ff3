"""The incidents: lists, and one with its timeline and what was merged into it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.numbers.caller import COUNTRY, same_caller
from incidents.agreed_times import OVERDUE
from incidents.incident import Entry, Incident, Reference
from incidents.numbers import as_number
from incidents.states import IncidentClass, IncidentState
from models.rows import plain
from models.tables import (
    HAS_DUE,
    IncidentCallRow,
    IncidentContactRow,
    IncidentEntryRow,
    IncidentReferenceRow,
    IncidentRow,
)
from reports.calls import begins, searchable
from reports.errors import BadQuestion, NoSuchIncident, SeveralIncidents
from reports.pages import behind
from reports.words import has_words

MOST = 10_000
"""The most incidents of one list."""

_DEEPEST = 20  # merges of merges
_MOST_TOLD = 10

_INCIDENT = IncidentRow.__table__
_ENTRY = IncidentEntryRow.__table__
AT_WORK = (IncidentRow.over_at.is_(None), IncidentRow.merged_into.is_(None))
"""That an incident is neither over nor merged: word for word the condition of a partial index."""

NEWEST = (IncidentRow.opened_at.desc(), IncidentRow.id.desc())


class Which(StrEnum):
    """Which incidents of a time are wanted."""

    OPEN = "open"  # neither over nor merged
    ALL = "all"
    NOT_CODED = "not_coded"  # of which nobody has said yet what they are
    UNCODED = "uncoded"  # ... and nobody did in time
    MERGED = "merged"
    OVERDUE_COMPLAINTS = "overdue_complaints"  # an agreed time in working days is over


class IncidentHistory(msgspec.Struct, frozen=True, kw_only=True):
    """An incident and its timeline. `merged`: those it stands in the place of, in any depth."""

    incident: Incident
    entries: list[Entry]
    merged: list[Incident]


async def list_incidents(
    session: AsyncSession,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    which: str = Which.OPEN,
    incident_class: str | None = None,
    category: str | None = None,
    caller: str | None = None,
    text: str | None = None,
    country: str = COUNTRY,
    limit: int = 100,
    now: datetime | None = None,
    before: str | None = None,
) -> list[Incident]:
    """Return the newest `limit` incidents that were opened from `since` on and before `until`.

    `which`: one of `Which`, or a state; those that are overdue come in the order in which they
    were due before `now` (None: before this moment). `caller`: who told of it, in any spelling.
    `text`: words, or begins of words, all of which are in its description or place. `before`: the
    id of an incident, behind which the list goes on; not of those that are overdue. The times need
    a time zone. Raises BadQuestion.
    """
    overdue = which == Which.OVERDUE_COMPLAINTS
    conditions: list[Any] = _late(now or datetime.now(UTC)) if overdue else [*_chosen(which)]
    if since is not None:
        conditions.append(IncidentRow.opened_at >= since)
    if until is not None:
        conditions.append(IncidentRow.opened_at < until)
    if incident_class is not None:
        conditions.append(IncidentRow.incident_class == _class(incident_class))
    if category is not None:
        conditions.append(IncidentRow.category == searchable(category))
    if caller is not None:
        key = same_caller(searchable(caller), country)
        of_caller = select(IncidentContactRow.incident_id).where(IncidentContactRow.caller == key)
        conditions.append(IncidentRow.id.in_(of_caller))
    if text is not None:
        with_words = await has_words(session, text)
        if with_words is None:
            return []
        conditions += with_words
    if overdue and before is not None:
        raise BadQuestion("Overdue complaints come by their due times: leave `before` out.")
    last = None if before is None else searchable(before)
    conditions += await behind(session, IncidentRow.opened_at, IncidentRow.id, last)
    order = (IncidentRow.due_at, IncidentRow.id) if overdue else NEWEST
    query = select(_INCIDENT).where(*conditions).order_by(*order).limit(min(limit, MOST))
    return [incident_of(row) for row in (await session.execute(query)).mappings()]


async def find_incident(session: AsyncSession, name: str) -> Incident:
    """Return the incident of that number (2026-123), of the call with that id, or with that id.

    Or with that reference (LAPOR:123). An id may be cut short. What names a call is no id of an
    incident, though one that a call has opened has the id of that call: the call may belong to
    another one by now.

    Raises NoSuchIncident or SeveralIncidents.
    """
    start, number = searchable(name.strip()), as_number(name)
    found: Sequence[Any] = []
    system, is_reference, reference = start.partition(":")
    if is_reference:
        found = await _referred(session, Reference(system=system.upper(), reference=reference))
        if len(found) > 1:
            several = ", ".join(row["number"] or row["id"] for row in found[:_MOST_TOLD])
            raise SeveralIncidents(f"Several incidents are {name!r}: {several}; give a number.")
    elif number is not None:
        query = select(_INCIDENT).where(IncidentRow.number == number).limit(2)
        found = (await session.execute(query)).mappings().all()
    if start and not found and not is_reference:
        if (of_the_call := await of_call(session, start)) is not None:
            return of_the_call
        query = select(_INCIDENT).where(*begins(session, _INCIDENT.c.id, start)).limit(2)
        found = (await session.execute(query)).mappings().all()
    if not found:
        raise NoSuchIncident(f"There is no incident {name!r}; see `ngalam112 incident list`.")
    if len(found) > 1:
        raise SeveralIncidents(f"Several incidents begin with {name!r}; give more of it.")
    return incident_of(found[0])


async def _referred(session: AsyncSession, one: Reference) -> list[Any]:
    """The rows of the incidents that another system calls so, and that still are said to be."""
    its = select(IncidentReferenceRow.incident_id).where(
        IncidentReferenceRow.reference == one.reference, IncidentReferenceRow.system == one.system
    )
    query = select(_INCIDENT).where(IncidentRow.id.in_(its)).order_by(*NEWEST).limit(MOST)
    rows = (await session.execute(query)).mappings()
    return [row for row in rows if msgspec.to_builtins(one) in row["references"]]


async def show_incident(
    session: AsyncSession, name: str, country: str = COUNTRY
) -> IncidentHistory:
    """Return one incident with all that is known; `name` and errors as in `find_incident`."""
    incident = await find_incident(session, name)
    query = select(_ENTRY).where(_ENTRY.c.incident_id == incident.id).order_by(_ENTRY.c.seq)
    rows = (await session.execute(query)).mappings()
    return IncidentHistory(
        incident=incident,
        entries=[msgspec.convert(plain(dict(row)), Entry) for row in rows],
        merged=await _merged_into(session, incident),
    )


async def by_id(session: AsyncSession, incident_id: str) -> Incident | None:
    """Return the incident with exactly this id."""
    query = select(_INCIDENT).where(IncidentRow.id == incident_id)
    row = (await session.execute(query)).mappings().first()
    return None if row is None else incident_of(row)


async def of_call(session: AsyncSession, call_id: str) -> Incident | None:
    """Return the incident that the call with exactly this id belongs to."""
    link = select(IncidentCallRow.incident_id).where(IncidentCallRow.call_id == call_id)
    incident_id = await session.scalar(link)
    return None if incident_id is None else await by_id(session, incident_id)


async def _merged_into(session: AsyncSession, incident: Incident) -> list[Incident]:
    found: list[Incident] = []
    targets = [incident.id]
    for _ in range(_DEEPEST):
        query = select(_INCIDENT).where(IncidentRow.merged_into.in_(targets)).limit(MOST)
        some = [incident_of(row) for row in (await session.execute(query)).mappings()]
        if not some:
            break
        found += some
        targets = [one.id for one in some]
    return sorted(found, key=lambda one: (one.opened_at, one.id))


def _late(now: datetime) -> list[Any]:
    kinds = IncidentRow.due_for.in_([one.value for one in OVERDUE])
    return [HAS_DUE, IncidentRow.due_at <= now, kinds]


def _chosen(which: str) -> list[ColumnElement[bool]]:
    match which:
        case Which.ALL:
            return []
        case Which.OPEN:
            return list(AT_WORK)
        case Which.NOT_CODED:
            return [IncidentRow.coded_at.is_(None)]
        case Which.UNCODED:
            return [IncidentRow.incident_class == IncidentClass.UNCODED.value]
        case Which.MERGED:
            return [IncidentRow.merged_into.is_not(None)]
    try:
        return [IncidentRow.state == IncidentState(which).value]
    except ValueError:
        names = ", ".join([*(one.value for one in Which), *(one.value for one in IncidentState)])
        raise BadQuestion(f"There are no incidents {which!r}; choose one of {names}.") from None


def _class(name: str) -> str:
    try:
        return IncidentClass(name).value
    except ValueError:
        names = ", ".join(one.value for one in IncidentClass)
        raise BadQuestion(f"There is no class {name!r}; choose one of {names}.") from None


def incident_of(row: Any) -> Incident:
    """Return the incident that a row of `incidents` holds."""
    return msgspec.convert(plain(dict(row)), Incident)
