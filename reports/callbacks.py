"""Whom the line owes a call: citizens who were cut off by a failure of ours, and not by anybody.

The list is computed from the call records, so it cannot miss a call that they have: whoever was
cut off is on it until called back, or until a later call of the same caller was answered. Who
withheld the number is the same caller as nobody else (`acd.numbers.caller`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord, Outcome
from acd.numbers.caller import COUNTRY, same_caller
from models.rows import moment
from models.tables import WAS_CUT_OFF, CallRow
from reports.calls import arrived, record_of

CUT_OFF = ("cut_off", "asterisk", "line_stopped")
"""`ended_by` of calls that died with Asterisk (the engine's word, and that of the fallback), and of
those that the line itself hung up when it was stopped."""

LONGEST_CALL_S = 86_400.0
"""No call waits for longer than this until it is answered."""

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
    session: AsyncSession,
    since: datetime | None = None,
    until: datetime | None = None,
    country: str = COUNTRY,
) -> list[Callback]:
    """Return who is to be called back, the longest owed first, of calls that arrived so long ago.

    The times need a time zone. `country`: where numbers without a country code are from.
    """
    cut_off = (
        select(_RECORD)
        .where(*arrived(since, until), WAS_CUT_OFF)
        .order_by(CallRow.ended_at, CallRow.call_id)
    )
    found = [record_of(row) for row in (await session.execute(cut_off)).mappings()]
    owed = [one for one in found if not _called_back(one)]
    served = await _last_served(session, owed, country)
    return [
        _callback(one)
        for one in owed
        if _ended(one) > served.get(same_caller(one.caller_number, country) or "", -math.inf)
    ]


def _called_back(record: CallRecord) -> bool:
    return any(leg.how == "callback" for leg in record.legs)


def _ended(record: CallRecord) -> float:
    return record.arrived_at if record.ended_at is None else record.ended_at


async def _last_served(
    session: AsyncSession, owed: Sequence[CallRecord], country: str
) -> dict[str, float]:
    """When somebody last answered each of these callers, in a call that was not cut off as well.

    One row for each number that was answered since the first of them was cut off: how it is
    written, SQL cannot see through.
    """
    callers = {same_caller(one.caller_number, country) for one in owed} - {None}
    if not callers:
        return {}
    first = min(map(_ended, owed))
    answered = func.max(CallRow.operator_answered_at)
    # an expression, or SQLite would read all calls by the index of the numbers to group them
    number_of = CallRow.caller_number + ""
    query = (
        select(number_of, answered)
        .where(
            CallRow.arrived_at >= moment(first - LONGEST_CALL_S),  # which has an index
            CallRow.operator_answered_at >= moment(first),
            CallRow.ended_by.is_(None) | CallRow.ended_by.not_in(CUT_OFF),
        )
        .group_by(number_of)
    )
    latest: dict[str, float] = {}
    for number, at in await session.execute(query):
        caller = same_caller(number, country)
        if at is not None and caller is not None and caller in callers:
            latest[caller] = max(at.timestamp(), latest.get(caller, -math.inf))
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
        ended_at=_ended(record),
    )
