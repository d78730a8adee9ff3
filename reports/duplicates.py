"""Which open incidents may be the same: by who told of them, where they are, what was said."""

from __future__ import annotations

from math import cos, hypot, inf, radians

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.numbers.caller import COUNTRY, same_caller
from incidents.incident import Incident
from incidents.words import likeness, words_of
from models.rows import moment
from models.tables import IncidentContactRow, IncidentRow
from reports.incidents import AT_WORK, NEWEST, incident_of

WITHIN_S = 6 * 3600.0
"""An incident of the same category is proposed as the same one for so long, before and after."""

NEAR_M = 500.0
ALIKE = 60.0
"""From this likeness on (0 to 100) two texts may tell of one thing."""

MOST_PROPOSED = 20
_MOST_LOOKED_AT = 500
_M_PER_DEGREE = 111_320.0
_INCIDENT = IncidentRow.__table__


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An incident that may be the same. `because`: caller, place or text."""

    incident: Incident
    because: str


async def proposed(
    session: AsyncSession, incident: Incident, country: str = COUNTRY
) -> list[Proposal]:
    """Return open incidents that may be the same, the likeliest first; none for one merged already.

    Those that the same number has told of; then, of the same category in the hours around it, those
    that are near, or in the same kelurahan where a point is not known; then those of which it is
    not known how far they are, by the likeness of their texts.
    """
    if incident.merged_into is not None:
        return []
    same = await _of_callers(session, incident, country)
    known = {one.id for one in same}
    others = [one for one in await _at_that_time(session, incident) if one.id not in known]
    ranked = (
        ("caller", same),
        ("place", near(incident, others)),
        ("text", alike(incident, others)),
    )
    found = [Proposal(incident=one, because=why) for why, some in ranked for one in some]
    return found[:MOST_PROPOSED]


def near(incident: Incident, others: list[Incident]) -> list[Incident]:
    """Return those of the others that are near, the nearest first."""
    apart = [(_apart(incident, one), one) for one in others]
    found = [(metres, one) for metres, one in apart if metres is not None and metres <= NEAR_M]
    return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def alike(incident: Incident, others: list[Incident]) -> list[Incident]:
    """Return those of the others at a distance not known that tell of it alike, best first."""
    words = _words(incident)
    unknown = [one for one in others if _apart(incident, one) is None] if words else []
    found = [(likeness(words, _words(one)), one) for one in unknown]
    found = [(how, one) for how, one in found if how >= ALIKE]
    return [one for _, one in sorted(found, key=lambda pair: -pair[0])]


def _words(incident: Incident) -> list[str]:
    return words_of(incident.description, incident.place)


async def _of_callers(session: AsyncSession, incident: Incident, country: str) -> list[Incident]:
    callers = {same_caller(one.number, country) for one in incident.contacts} - {None}
    if not callers:
        return []
    same = select(IncidentContactRow.incident_id).where(IncidentContactRow.caller.in_(callers))
    query = select(_INCIDENT).where(IncidentRow.id.in_(same), *_others(incident))
    rows = await session.execute(query.order_by(*NEWEST).limit(MOST_PROPOSED))
    return [incident_of(row) for row in rows.mappings()]


async def _at_that_time(session: AsyncSession, incident: Incident) -> list[Incident]:
    if incident.category is None:
        return []
    query = select(_INCIDENT).where(
        IncidentRow.category == incident.category,
        IncidentRow.opened_at >= moment(incident.opened_at - WITHIN_S),
        IncidentRow.opened_at <= moment(incident.opened_at + WITHIN_S),
        *_others(incident),
    )
    rows = await session.execute(query.order_by(*NEWEST).limit(_MOST_LOOKED_AT))
    return [incident_of(row) for row in rows.mappings()]


def _others(incident: Incident) -> list[ColumnElement[bool]]:
    return [*AT_WORK, IncidentRow.id != incident.id]


def _apart(one: Incident, other: Incident) -> float | None:
    """How far apart two incidents are, in metres; None where that is not known.

    Where a point is not known it is 0 in one kelurahan, and too far in two of them.
    """
    if one.lat is None or one.lon is None or other.lat is None or other.lon is None:
        if one.kelurahan is None or other.kelurahan is None:
            return None
        same = (one.kelurahan, one.kecamatan) == (other.kelurahan, other.kecamatan)
        return 0.0 if same else inf
    east = (one.lon - other.lon) * cos(radians(one.lat))
    return hypot(one.lat - other.lat, east) * _M_PER_DEGREE
