"""What belongs together: calls, their incidents, and the incidents that are merged into others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import select

from incidents.incident import Incident
from models.rows import plain
from models.tables import IncidentCallRow, IncidentRow
from reports.incidents import incident_of
from reports.privacy_subject import Asking, parts

_DEEPEST = 20  # merges of merges


async def chains_of_calls(
    session: Asking, calls: Iterable[str | None]
) -> dict[str | None, list[Incident]]:
    """Return the incident of each call that has one, and those that it is merged into in turn."""
    link = IncidentCallRow
    incident_of_call: dict[str, str] = {}
    for some in parts(one for one in calls if one is not None):
        linked = select(link.call_id, link.incident_id).where(link.call_id.in_(some))
        incident_of_call |= {one.call_id: one.incident_id for one in await session.execute(linked)}
    chains = await chains_of(session, set(incident_of_call.values()))
    return {call: chains[id] for call, id in incident_of_call.items() if id in chains}


async def chains_of(session: Asking, ids: Collection[str]) -> dict[str, list[Incident]]:
    """Return for each incident itself, the one it is merged into, and so on: the last stands."""
    known: dict[str, Incident] = {}
    wanted = set(ids)
    for _ in range(_DEEPEST):
        found = await _incidents(session, IncidentRow.id, wanted)
        known |= {one.id: one for one in found}
        into = {one.merged_into for one in found if one.merged_into is not None}
        wanted = into - known.keys()
        if not wanted:
            break
    return {id: _chain(known, id) for id in ids if id in known}


def _chain(known: dict[str, Incident], id: str) -> list[Incident]:
    chain = [known[id]]
    while (into := chain[-1].merged_into) in known and len(chain) < _DEEPEST:
        chain.append(known[str(into)])
    return chain


async def merged_in(session: Asking, id: str) -> list[Incident]:
    """Return all incidents that were merged into this one, and into those in turn."""
    found: dict[str, Incident] = {}
    wanted = {id}
    for _ in range(_DEEPEST):
        some = await _incidents(session, IncidentRow.merged_into, wanted)
        wanted = {one.id for one in some} - found.keys() - {id}
        found |= {one.id: one for one in some if one.id in wanted}
        if not wanted:
            break
    return list(found.values())


async def _incidents(session: Asking, column: Any, ids: Iterable[str]) -> Sequence[Incident]:
    found: list[Incident] = []
    for some in parts(ids):
        rows = (
            await session.execute(select(IncidentRow.__table__).where(column.in_(some)))
        ).mappings()
        found += [incident_of(plain(dict(row))) for row in rows]
    return found
