"""The calls that Asterisk refused before any engine heard of them, and what each status means."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables import RefusedCallsRow

_HOUR = timedelta(hours=1)

ELSEWHERE = "elsewhere"
"""The source of all calls from no trunk, as `ngalam112.engine.refusal_counts` writes it."""

REASONS = {
    400: "makes no sense",
    401: "address or number not known",
    403: "address banned",
    404: "number not known",
    415: "body of another kind",
    416: "address of another kind",
    420: "needs what the line has not",
    421: "needs what was not offered",
    422: "session timer too short",
    480: "not available",
    482: "came in a circle",
    483: "came over too many hops",
    484: "number not complete",
    486: "no room in Asterisk",
    488: "no audio in common",
    500: "Asterisk failed",
    503: "more calls at once than one address may have",
}
"""What a SIP status says of a call that it refuses here, in a few words."""


class RefusedBefore(msgspec.Struct, kw_only=True):
    """Calls that were refused before the line. `source`: a trunk's address, or `elsewhere`."""

    source: str
    status: int
    reason: str
    calls: int


def reason(status: int) -> str:
    """Return what a status means here."""
    return REASONS.get(status, "refused")


async def refused_before(
    session: AsyncSession, since: datetime | None, until: datetime | None
) -> list[RefusedBefore]:
    """Return the sums of a time, by address and status; an hour counts if any of it is in there.

    In the order of the addresses, of each the most calls first.
    """
    row = RefusedCallsRow
    calls = func.sum(row.calls).label("calls")
    query = select(row.source, row.status, calls).group_by(row.source, row.status)
    if since is not None:
        query = query.where(row.hour > since - _HOUR)
    if until is not None:
        query = query.where(row.hour < until)
    found = await session.execute(query.order_by(row.source, calls.desc(), row.status))
    return [
        RefusedBefore(source=one.source, status=one.status, reason=reason(one.status), calls=one[2])
        for one in found
    ]
