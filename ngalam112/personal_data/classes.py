"""The classes of records that a purge knows: where they are, and how they are erased and removed.

`erase(connection, ids, how)` notes in `how.erased[what]` what went; `remove(connection, ids)`
returns the ids of those that something else still needs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.rules.retention import CALL_CLASSES, INCIDENT_CLASSES
from models.recording_tables import KEPT, RecordingRow
from models.tables import (
    AccessTrailRow,
    CallRow,
    IncidentRow,
    OperatorEventRow,
    OperatorStateRow,
    PrivacyEntryRow,
    PrivacyRequestRow,
    TextConversationRow,
    WorkItemRow,
)
from ngalam112.personal_data.looks import erase_looks
from ngalam112.personal_data.recordings import erase_recordings, keep_rows
from ngalam112.personal_data.records import (
    Erasing,
    erase_calls,
    erase_incident,
    erase_items,
    erase_texts,
)
from ngalam112.personal_data.removing import (
    remove_calls,
    remove_incidents,
    remove_items,
    remove_looks,
    remove_operator_events,
    remove_operator_states,
    remove_requests,
    remove_texts,
)
from ngalam112.personal_data.writing import INCIDENTS, ROWS
from privacy.erasing import ERASED
from privacy.purge import MARKED, OUTCOMES
from privacy.requests import ABOUT

Erase = Callable[[AsyncConnection, Sequence[Any], Erasing], Awaitable[None]]
Remove = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Collection[Any]]]


class RecordClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class. `moment`, `id`: the columns by which its records are walked; `conditions`: which
    rows of the table are of it; `unerased`: those that still have anything personal. `rows`: so
    many are taken together at most. `size`: of how many rows of a timeline one is made.
    """

    name: str
    what: str
    moment: Any
    id: Any
    erase: Erase
    remove: Remove
    conditions: tuple[Any, ...] = ()
    unerased: tuple[Any, ...] = ()
    rows: int = ROWS
    size: Any = literal(1)


def _of_calls(name: str) -> tuple[ColumnElement[bool], ...]:
    if name in MARKED:
        return (CallRow.disposition == name,)
    outcomes = [one.value for one in OUTCOMES[name]]
    other = or_(CallRow.disposition.is_(None), CallRow.disposition.not_in(MARKED))
    return (CallRow.outcome.in_(outcomes), other)


async def _erase_incidents(connection: AsyncConnection, ids: Sequence[str], how: Erasing) -> None:
    for one in ids:
        await erase_incident(connection, one, how, caller=None)


async def _erase_requests(connection: AsyncConnection, ids: Sequence[int], how: Erasing) -> None:
    """Take the number and the words out of requests that are closed."""
    row = PrivacyRequestRow
    query = select(row.id, row.caller, row.closed_at).where(row.id.in_(ids))
    chosen = []
    for one in await connection.execute(query):
        hold = how.holds.over(callers=[one.caller])
        why = "is open" if one.closed_at is None else None
        if not how.stays("request", str(one.id), why or (hold.words if hold else None)):
            chosen.append(one.id)
    how.erased["requests"] += chosen
    if how.writes and chosen:
        gone = {"caller": ERASED, "number": ERASED, "verified": ""}
        await connection.execute(update(row).where(row.id.in_(chosen)).values(gone))
        steps = (PrivacyEntryRow.about == ABOUT, PrivacyEntryRow.about_id.in_(chosen))
        await connection.execute(update(PrivacyEntryRow).where(*steps).values(text=""))


def _all_of(what: str) -> Erase:
    """For rows that nothing keeps: no hold, and no end that they would wait for."""

    async def erase(_: AsyncConnection, ids: Sequence[Any], how: Erasing) -> None:
        how.erased[what] += ids

    return erase


def record_classes() -> Iterator[RecordClass]:
    """All classes in the order in which a purge takes them; log files are no records."""
    for name in CALL_CLASSES:
        yield RecordClass(
            name=f"calls.{name}",
            what="calls",
            moment=CallRow.arrived_at,
            id=CallRow.call_id,
            erase=erase_calls,
            remove=remove_calls,
            conditions=_of_calls(name),
            unerased=(CallRow.caller_number != ERASED,),
            size=CallRow.events,
        )
    for name in INCIDENT_CLASSES:
        yield RecordClass(
            name=f"incidents.{name}",
            what="incidents",
            moment=IncidentRow.opened_at,
            id=IncidentRow.id,
            erase=_erase_incidents,
            remove=remove_incidents,
            conditions=(IncidentRow.incident_class == name,),
            rows=INCIDENTS,
            size=IncidentRow.version,
        )
    yield RecordClass(
        name="callbacks",
        what="callbacks",
        moment=WorkItemRow.created_at,
        id=WorkItemRow.id,
        erase=erase_items,
        remove=remove_items,
        unerased=(WorkItemRow.number != ERASED,),
    )
    yield RecordClass(
        name="texts",
        what="texts",
        moment=TextConversationRow.opened_at,
        id=TextConversationRow.id,
        erase=erase_texts,
        remove=remove_texts,
        unerased=(TextConversationRow.number != ERASED,),
    )
    yield RecordClass(
        name="requests",
        what="requests",
        moment=PrivacyRequestRow.received_at,
        id=PrivacyRequestRow.id,
        erase=_erase_requests,
        remove=remove_requests,
        unerased=(PrivacyRequestRow.number != ERASED,),
    )
    yield RecordClass(
        name="operator_events",
        what="operator_events",
        moment=OperatorEventRow.at,
        id=OperatorEventRow.id,
        erase=_all_of("operator_events"),
        remove=remove_operator_events,
    )
    yield RecordClass(
        name="operator_states",
        what="operator_states",
        moment=OperatorStateRow.at,
        id=OperatorStateRow.id,
        erase=_all_of("operator_states"),
        remove=remove_operator_states,
    )
    yield RecordClass(
        name="recordings",
        what="recordings",
        moment=RecordingRow.arrived_at,
        id=RecordingRow.id,
        erase=erase_recordings,
        remove=keep_rows,
        unerased=(RecordingRow.state == KEPT,),
    )
    yield RecordClass(
        name="trail",
        what="trail",
        moment=AccessTrailRow.at,
        id=AccessTrailRow.id,
        erase=erase_looks,
        remove=remove_looks,
    )
