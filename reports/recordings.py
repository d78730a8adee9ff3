"""Recordings of calls, as they stand in the database: lists, one, and what their holds are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from models.recording_tables import RecordingRow
from models.rows import plain
from models.tables import CallRow
from reports.calls import show_call

_ROW = RecordingRow.__table__
_PAGE = 500


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `recordings`; times are seconds since the epoch."""

    id: int
    asterisk_id: str
    call_id: str | None
    path: str
    arrived_at: float
    ended_at: float
    duration_ms: int
    missing_ms: int
    bytes: int
    sha256: str
    chain: str
    state: str
    filed_at: float
    gone_because: str


async def list_recordings(
    session: AsyncSession, since: datetime | None, until: datetime | None, limit: int
) -> list[Recorded]:
    """Return the newest recordings of calls that arrived in a time, the last one first."""
    query = select(_ROW).order_by(_ROW.c.arrived_at.desc(), _ROW.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(_ROW.c.arrived_at >= since)
    if until is not None:
        query = query.where(_ROW.c.arrived_at < until)
    return [_recorded(row) for row in (await session.execute(query)).mappings()]


async def channel_of(session: AsyncSession, call: str) -> tuple[str, str | None]:
    """Return the citizen's channel of a call and its id, by its id, its begin, or the channel.

    A call that the database does not have yet is known by its channel alone. Raises what
    `show_call` raises.
    """
    query = select(CallRow.asterisk_id, CallRow.call_id).where(
        CallRow.asterisk_id == call, CallRow.asterisk_id != ""
    )
    if (found := (await session.execute(query)).first()) is not None:
        return found.asterisk_id, found.call_id
    if await recording_of(session, call) is not None:
        return call, None
    record = (await show_call(session, call)).record
    return record.asterisk_id, record.call_id


async def recording_of(session: AsyncSession, asterisk_id: str) -> Recorded | None:
    """Return the recording of a channel; None if none is filed."""
    found = await session.execute(select(_ROW).where(_ROW.c.asterisk_id == asterisk_id))
    row = found.mappings().first()
    return None if row is None else _recorded(row)


async def chained(session: AsyncSession) -> AsyncIterator[Recorded]:
    """All recordings in the order of their chain, a page at a time."""
    last = 0
    while True:
        query = select(_ROW).where(_ROW.c.id > last).order_by(_ROW.c.id).limit(_PAGE)
        rows = [_recorded(row) for row in (await session.execute(query)).mappings()]
        for one in rows:
            yield one
        if len(rows) < _PAGE:
            return
        last = rows[-1].id


def _recorded(row: Any) -> Recorded:
    return msgspec.convert(plain(dict(row)), Recorded)
