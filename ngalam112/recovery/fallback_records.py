"""Reads what the fallback left in the spool folder into the call records.

Each file is one run of the fallback for one call (`fallback_files`). A call that no engine
knows becomes a record; one that an engine has begun gets its FALLBACK event, and its end if the
fallback served it to the end, in its own record. Reading a file twice changes nothing: a new call's
id and events follow from what is in it, and a record tells which runs it has. So a file is deleted
only once its events are written, and any failure on the way is repaired by the next reading.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog

from acd.calls.record import CallEvent, CallRecord, EventKind, Served, apply
from acd.languages import OWN_LANGUAGE
from ngalam112.engine.clock import Anchor
from ngalam112.recovery.fallback_files import (
    SpoolError,
    SpoolFile,
    SpoolRecord,
    by_clock,
    decoded,
    delete,
    read_record,
    reject,
    spool_files,
)

log = structlog.get_logger("spool")

ORPHAN_S = 60.0
"""A record without an end that is older than this is over if its channel does not live."""

SETTLE_S = 6.0
"""Until this age of a citizen's hang-up the engine may still be about to count the call itself."""

WRITTEN_WITHIN_S = 5.0
"""So young, a file that makes no sense may still be in the middle of being written."""

_CALLS = uuid.UUID("5f0b9b3e-30cf-4f0e-8c55-54dd0d2c7a11")


class Journal(Protocol):
    """The part of `acd.calls.journal.Journal` that calls are kept with."""

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        """Keep an event, and the record as it is after it."""


class KnownCall(msgspec.Struct, frozen=True):
    """A call that has a record, and the runs of the fallback that are in it."""

    record: CallRecord
    runs: frozenset[str]


class Calls(Protocol):
    """The calls that an engine knows or has known."""

    async def known(self, asterisk_id: str) -> KnownCall | None:
        """The call as it is written."""

    async def served(self, asterisk_id: str, served: Served) -> bool:
        """Note it in a call that is up at the moment; False if it is not."""

    async def lives(self, asterisk_id: str) -> bool:
        """Whether Asterisk still has the citizen's channel."""

    async def made(self, record: CallRecord) -> None:
        """A record was made of a call that nobody knew: later calls of the citizen count."""


def events_of(
    record: Mapping[str, Any], ended_at: float | None = None
) -> tuple[str, list[CallEvent]]:
    """Return id and events of a call that no engine knows; the same record gives the same ones.

    Raises SpoolError.
    """
    one = read_record(record, ended_at)
    call_id = str(uuid.uuid5(_CALLS, one.asterisk_id or f"{one.arrived_at}/{one.caller_number}"))
    caller = {
        "asterisk_id": one.asterisk_id,
        "caller_number": one.caller_number,
        "caller_name": one.caller_name,
        "called_number": one.called_number,
        "language": OWN_LANGUAGE,
        **({"withheld": True} if one.withheld else {}),
        **({"trunk": one.trunk} if one.trunk else {}),
    }
    steps: list[tuple[EventKind, float, dict[str, Any]]] = [
        (EventKind.ARRIVED, one.arrived_at, caller)
    ]
    # who hung up before the fallback began was lost like anyone who hangs up before the menu
    if one.status != "hung_up":
        steps.append((EventKind.FALLBACK, one.answered_at or one.arrived_at, one.about()))
    assert one.ended_at is not None
    steps.append((EventKind.ENDED, one.ended_at, {"ended_by": one.ended_by, "hangup_cause": None}))
    return call_id, [
        CallEvent(call_id=call_id, seq=seq, at=at, kind=kind, data=data)
        for seq, (kind, at, data) in enumerate(steps, start=1)
    ]


async def read_spool(
    folder: Path,
    journal: Journal,
    calls: Calls,
    flushed: Callable[[], Awaitable[None]],
    now: float,
    clock: Anchor | None = None,
) -> int:
    """Take every finished record of `folder` into the journal; return how many runs that were.

    `flushed` returns when all that the journal got is written. What it or `calls` raises goes to
    the caller, and no file is deleted then. A broken file is moved to `folder`/rejected and logged;
    it stops no other. `now` is the machine's time, as files have it; `clock` is the engine's, by
    which the records are told.
    """
    done: list[SpoolFile] = []
    count = 0
    files = await asyncio.to_thread(spool_files, folder)
    if not files:
        return 0  # as nearly always: nothing needs to be asked or waited for
    await flushed()  # so that `calls` knows what the engine has just recorded
    for file in files:
        try:
            taken = await _take(file, journal, calls, now, clock)
        except SpoolError as error:
            await asyncio.to_thread(reject, file.path, str(error))
            continue
        if taken is not None:
            done.append(file)
            count += taken
    await flushed()
    await asyncio.to_thread(delete, done)
    return count


class Glance(msgspec.Struct, frozen=True):
    """What lies in the spool folder, by the citizens' channels.

    `noted`: all of which it holds something. `served`: whom the fallback serves or has served to
    the end, which `read_spool` will tell. `ended`: when those whose call is over had hung up.
    `callers`: the numbers of all but those whom an engine has taken back.
    """

    noted: frozenset[str]
    served: frozenset[str]
    ended: dict[str, float]
    callers: frozenset[str] = frozenset()


def glance(folder: Path, clock: Anchor) -> Glance:
    """Look at the folder; times by the `clock`. Changes nothing, passes over what is no record."""
    noted, served, ended, callers = set(), set(), {}, set()
    for file in spool_files(folder):
        try:
            record = msgspec.convert(by_clock(decoded(file.content or b""), clock), SpoolRecord)
        except (msgspec.MsgspecError, ValueError):
            continue
        noted.add(record.asterisk_id)
        if record.status == "taken_back":
            continue
        callers.add(record.caller_number)
        if record.status != "hung_up":
            served.add(record.asterisk_id)
        if record.ended_at is not None and math.isfinite(record.ended_at):
            ended[record.asterisk_id] = record.ended_at
    return Glance(frozenset(noted), frozenset(served), ended, frozenset(callers))


async def _take(
    file: SpoolFile, journal: Journal, calls: Calls, now: float, clock: Anchor | None
) -> bool | None:
    """Take one file; None: not finished yet, False: it is in the records already."""
    age = now - file.touched_at
    if file.content is None:
        raise SpoolError("it cannot be read")
    try:
        record = by_clock(decoded(file.content), clock)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        if 0 <= age < WRITTEN_WITHIN_S:
            return None
        raise SpoolError(str(error)) from None
    if record.get("ended_at") is None and (file.held or age < ORPHAN_S):
        return None
    if record.get("status") == "hung_up" and 0 <= age < SETTLE_S:
        return None
    one = read_record(record, ended_at=file.touched_at)
    if record.get("ended_at") is None and await calls.lives(one.asterisk_id):
        return None
    known = await calls.known(one.asterisk_id) if one.asterisk_id else None
    if known is None and one.status == "taken_back" and 0 <= age < ORPHAN_S:
        return None  # the engine that took the citizen is about to begin a record
    if known is not None and (one.status == "hung_up" or one.run in known.runs):
        log.info("fallback_record_known", call_id=known.record.call_id, file=file.path.name)
        return False
    if known is not None:
        served = _served(one)
        if not await calls.served(one.asterisk_id, served):
            _append(known.record, served, journal)
        return True
    call_id, events = events_of(record, ended_at=file.touched_at)
    call = CallRecord(call_id=call_id)
    for event in events:
        apply(call, event)
        journal.call_event(event, call)
    await calls.made(call)
    return True


def _served(one: SpoolRecord) -> Served:
    taken_back = one.status == "taken_back"
    return Served(
        at=one.answered_at or one.began_at or one.arrived_at,
        about=one.about(),
        ended_at=None if taken_back else one.ended_at,
        ended_by=None if taken_back else one.ended_by,
    )


def _append(record: CallRecord, served: Served, journal: Journal) -> None:
    """Let the record of a call that is up no more go on."""
    steps: list[tuple[EventKind, float, dict[str, Any]]] = [
        (EventKind.FALLBACK, served.at, served.about)
    ]
    if served.ended_at is not None or record.ended_at is None:
        at = max(served.at if served.ended_at is None else served.ended_at, record.latest)
        ended_by = served.ended_by or "unknown"
        again = record.ended_at is not None
        data = {"ended_by": ended_by, "hangup_cause": None, "again": again}
        steps.append((EventKind.ENDED, at, data))
    for kind, at, data in steps:
        event = CallEvent(
            call_id=record.call_id, seq=record.events + 1, at=at, kind=kind, data=data
        )
        apply(record, event)
        journal.call_event(event, record)
