"""Whom the line owes a call: citizens who were cut off by a failure of ours, and not by anybody.

The list is computed from the call records, so it cannot miss a call that they have: whoever was
cut off is on it until called back, or until a later call from the same number was answered.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord, Outcome
from models.rows import moment
from models.tables import WAS_CUT_OFF, CallRow
from reports.calls import arrived, record_of

CUT_OFF = ("cut_off", "asterisk")
"""`ended_by` of calls that died with Asterisk: the engine's word, and that of the fallback."""

_STAGES = {
    Outcome.LOST_MENU: "menu",
    Outcome.INFORMATION: "menu",
    Outcome.LOST_QUEUE: "queue",
    Outcome.LOST_RINGING: "ringing",
    Outcome.ANSWERED: "talking",
    Outcome.FALLBACK: "fallback",
    Outcome.LOST_FALLBACK: "fallback",
}
_RECORD = CallRow.__table__


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """One citizen to be called back. Times are seconds since the epoch.

    `stage`: how far the call had come: menu, queue, ringing, talking or fallback. `caller_number`:
    empty if it was withheld, and then nobody can call back; the list still tells.
    """

    call_id: str
    caller_number: str
    reason: str
    stage: str
    category: str | None
    operator: str | None
    arrived_at: float
    ended_at: float


async def callbacks(
    session: AsyncSession, since: datetime | None = None, until: datetime | None = None
) -> list[Callback]:
    """Return who is to be called back, the longest owed first, of calls that arrived so long ago.

    The times need a time zone.
    """
    cut_off = (
        select(_RECORD)
        .where(*arrived(since, until), WAS_CUT_OFF)
        .order_by(CallRow.ended_at, CallRow.call_id)
    )
    found = [record_of(row) for row in (await session.execute(cut_off)).mappings()]
    owed = [one for one in found if not _called_back(one)]
    served = await _served_since(session, owed)
    return [_callback(one) for one in owed if one.arrived_at >= served.get(one.caller_number, 0.0)]


def _called_back(record: CallRecord) -> bool:
    return any(leg.how == "callback" for leg in record.legs)


async def _served_since(session: AsyncSession, owed: list[CallRecord]) -> dict[str, float]:
    """When each of these callers arrived last with a call that somebody answered, to its end."""
    numbers = {one.caller_number for one in owed if one.caller_number}
    if not numbers:
        return {}
    later = select(_RECORD).where(
        CallRow.caller_number.in_(numbers),
        CallRow.arrived_at >= moment(min(one.arrived_at for one in owed)),
        CallRow.operator_answered_at.is_not(None),
        CallRow.ended_by.is_(None) | CallRow.ended_by.not_in(CUT_OFF),
    )
    latest: dict[str, float] = {}
    for row in (await session.execute(later)).mappings():
        record = record_of(row)
        number, at = record.caller_number, record.arrived_at
        latest[number] = max(at, latest.get(number, 0.0))
    return latest


def _callback(record: CallRecord) -> Callback:
    return Callback(
        call_id=record.call_id,
        caller_number=record.caller_number,
        reason="cut_off",
        stage=_STAGES[record.outcome] if record.outcome is not None else "menu",
        category=record.category,
        operator=record.operator,
        arrived_at=record.arrived_at,
        ended_at=record.ended_at or record.arrived_at,
    )
