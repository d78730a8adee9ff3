"""Lets a new engine know the last call of each operator: what `*4`, `*5`, `*16`, `*18` are about.

Ended calls are not among what an engine reads at its start, and are not needed to serve: they are
read once it does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import structlog

from acd.calls.call import Call
from acd.calls.record import CallRecord
from journal.database_writer import DatabaseWriter
from models.database import Database
from ngalam112.engine.engine import Engine
from reports.calls import list_calls

log = structlog.get_logger("restore")

SINCE_S = 3600.0
MOST = 300
LOOK_S = 0.2


def last_of_each(records: Iterable[CallRecord]) -> dict[str, CallRecord]:
    """Return the ended call that each operator was in last, by when they left it."""
    left: dict[str, tuple[float, CallRecord]] = {}
    for record in records:
        if record.ended_at is None:
            continue
        for leg in record.legs:
            at = record.ended_at if leg.left_at is None else leg.left_at
            if leg.operator is not None and at > left.get(leg.operator, (0.0, record))[0]:
                left[leg.operator] = at, record
    return {operator: record for operator, (_, record) in left.items()}


def know_last_calls(engine: Engine, records: Iterable[CallRecord]) -> None:
    """Know them, but for operators who have had a call since, and calls that are being erased."""
    router = engine.router
    known = router.dispatcher.operator_legs.last_calls
    for operator, record in last_of_each(records).items():
        if operator not in known and not router.is_leaving(record.call_id):
            known[operator] = Call(
                channel=record.asterisk_id, record=record, journal=engine.journal
            )


async def bring_last_calls(engine: Engine, database: Database, recorder: DatabaseWriter) -> None:
    """Read the calls of the last hour, once the database has all that the last engine kept."""
    while not engine.restored:
        await asyncio.sleep(LOOK_S)
    await recorder.flushed()
    since = datetime.fromtimestamp(engine.clock.now() - SINCE_S, UTC)
    try:
        async with database.session() as session:
            records = await list_calls(session, since=since, limit=MOST)
    except Exception as error:
        # nobody is served worse for it but who dials such a code now
        log.warning("last_calls_not_known", error=f"{type(error).__name__}: {error}")
        return
    await engine.do(lambda _: know_last_calls(engine, records))
