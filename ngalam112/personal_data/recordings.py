"""Chooses recordings that may go, of those that are old enough or of somebody who has asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.database import Database
from models.recording_tables import KEPT, RecordingRow
from models.rows import moment, plain, seconds
from models.tables import CallRow
from ngalam112.personal_data.going import let_recordings_go
from ngalam112.personal_data.records import Erasing
from ngalam112.personal_data.writing import ROWS, bit_by_bit, writing
from privacy.holds import Holds
from privacy.purge import DAY_S
from privacy.standing import SETTLES_S, TOO_FRESH, call_stays
from reports.calls import record_of
from reports.privacy_holds import standing_holds
from reports.privacy_incidents import chains_of_calls


async def erase_recordings(connection: AsyncConnection, ids: Sequence[int], how: Erasing) -> None:
    """Choose recordings that may go: those of calls that may be erased (`privacy.standing`)."""
    row = RecordingRow
    query = select(row.id, row.asterisk_id, row.ended_at).where(row.id.in_(ids), row.state == KEPT)
    found = (await connection.execute(query)).all()
    calls = await _calls(connection, [one.asterisk_id for one in found])
    chains = await chains_of_calls(connection, [one["call_id"] for one in calls.values()])
    chosen: list[Any] = []
    for one in found:
        why = _why_it_stays(calls.get(one.asterisk_id), seconds(one.ended_at), chains, how)
        if not how.stays("recording", str(one.id), why):
            chosen.append(one.id)
    how.erased["recordings"] += chosen
    if how.writes and chosen:
        await let_recordings_go(connection, row.id.in_(chosen), how.why)


async def keep_rows(_: AsyncConnection, ids: Sequence[int]) -> Collection[int]:
    """No row of a recording is removed: each vouches for those before it."""
    return ids


async def _calls(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    query = select(CallRow.__table__).where(CallRow.asterisk_id.in_(ids), CallRow.asterisk_id != "")
    rows = (plain(dict(one)) for one in (await connection.execute(query)).mappings())
    return {one["asterisk_id"]: one for one in rows}


def _why_it_stays(
    call: dict[str, Any] | None,
    ended_at: float,
    chains: dict[str | None, list[Any]],
    how: Erasing,
) -> str | None:
    if call is None:  # of whom nobody knows more than what is heard
        return TOO_FRESH if how.now - ended_at < SETTLES_S else None
    record = record_of(call)
    chain = chains.get(record.call_id, [])
    hold = how.holds.over(
        calls=[record.call_id],
        incidents=[one.id for one in chain],
        callers=[how.key(record.caller_number)],
    )
    return call_stays(record, hold, how.now, chain[-1] if chain else None)


async def purge_recordings(
    database: Database, days: int, *, now: float, country: str, writes: bool
) -> tuple[int, dict[str, int]]:
    """Let all go that are older than so many days, a few in one transaction.

    Returns how many, and how many stay for which reason. Raises a DatabaseError.
    """
    how = Erasing(
        why=f"older than {days} days", by="", now=now, holds=Holds(), country=country, writes=writes
    )
    before, last = moment(now - days * DAY_S), 0
    while some := await _older(database, before, last):
        last = some[-1]

        async def turn(ids: Sequence[int] = some) -> None:
            async with writing(database) as connection:
                how.holds = await standing_holds(connection)
                await erase_recordings(connection, ids, how)

        await bit_by_bit(turn)
    return len(how.erased["recordings"]), dict(Counter(one.why for one in how.left))


async def _older(database: Database, before: datetime, last: int) -> list[int]:
    row = RecordingRow
    query = select(row.id).where(row.id > last, row.arrived_at < before, row.state == KEPT)
    async with database.session() as session:
        return list((await session.execute(query.order_by(row.id).limit(ROWS))).scalars())
