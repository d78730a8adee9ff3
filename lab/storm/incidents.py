"""The account of a storm's incidents: each call that was answered has one, as its timeline says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from sqlalchemy import select

from acd.calls.record import CallRecord, Outcome
from incidents.incident import Entry, Incident, fold
from models.database import Database
from models.rows import plain
from models.tables import IncidentEntryRow, IncidentRow
from ngalam112.config.settings import Settings


class KeptIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident and its timeline, as the database has them."""

    incident: Incident
    entries: list[Entry]


async def incidents_kept(settings: Settings) -> list[KeptIncident]:
    """Read all incidents with their timelines."""
    rows = select(IncidentRow.__table__)
    entries = select(IncidentEntryRow.__table__).order_by(IncidentEntryRow.seq)
    of_incident: dict[str, list[Entry]] = {}
    async with Database(settings.url) as database, database.session() as session:
        for row in (await session.execute(entries)).mappings():
            entry = msgspec.convert(plain(dict(row)), Entry)
            of_incident.setdefault(entry.incident_id, []).append(entry)
        found = [
            msgspec.convert(plain(dict(row)), Incident)
            for row in (await session.execute(rows)).mappings()
        ]
    return [KeptIncident(incident=one, entries=of_incident.pop(one.id, [])) for one in found]


def wrong(calls: Iterable[CallRecord], kept: Sequence[KeptIncident]) -> Iterator[str]:
    """Say each thing that is wrong with the incidents, one sentence each."""
    belongs = Counter(call for one in kept for call in one.incident.call_ids)
    numbers = Counter(one.incident.number for one in kept)
    for call in calls:
        answered = call.operator_answered_at is not None and call.outcome is not Outcome.TEST
        if answered and belongs[call.call_id] != 1:
            yield f"the answered call {call.call_id} has {belongs[call.call_id]} incidents"
    twice = [number for number, count in numbers.items() if count > 1]
    yield from (f"several incidents have the number {number}" for number in twice)
    for one in kept:
        seqs = [entry.seq for entry in one.entries]
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"the timeline of incident {one.incident.number} has gaps: {seqs}"
        elif not _alike(fold(one.incident.id, one.entries), one.incident):
            yield f"incident {one.incident.number} is not what its timeline says"


def _alike(one: Incident, other: Incident) -> bool:
    """Equal, but for a microsecond of a moment: the database may round otherwise."""
    first, second = one.row(), other.row()
    return all(
        abs(value - second[name]) < 5e-6
        if isinstance(value, float) and isinstance(second[name], float)
        else value == second[name]
        for name, value in first.items()
    )
