"""Reads what the fallback left in the spool folder into the call records.

Each file is one run of the fallback for one call (Asterisk's dialplan writes them, in
`asterisk_conf/extensions_fallback.conf`). A call
that no engine knows becomes a record; one that an engine has begun gets its FALLBACK event, and
its end if the fallback served it to the end, in its own record. Reading a file twice changes
nothing: a new call's id and events follow from what is in it, and a record tells which runs it
has. So a file is deleted only once its events are written, and any failure on the way is mended
by the next reading.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import math
import os
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import structlog

from acd.records import CallEvent, CallRecord, EventKind, Served, apply
from ngalam112.clock import Anchor

log = structlog.get_logger("spool")

ORPHAN_S = 60.0
"""A record without an end belongs to a dead script if nobody holds it and it is older than this."""

SETTLE_S = 6.0
"""Until this age of a citizen's hang-up the engine may still be about to count the call itself."""

WRITTEN_WITHIN_S = 5.0
"""So young, a file that makes no sense may still be in the middle of being written."""

_CALLS = uuid.UUID("5f0b9b3e-30cf-4f0e-8c55-54dd0d2c7a11")
_TIMES = ("arrived_at", "began_at", "answered_at", "ended_at")
_LARGEST = 64 * 1024  # bytes; a record has about 500
_LONGEST_TEXT = 64  # signs of a caller's name or number


class SpoolError(ValueError):
    """A record of the fallback makes no sense; the message says why."""


class Journal(Protocol):
    """The part of `acd.ports.Journal` that calls are kept with."""

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        """Keep an event, and the record as it is after it."""


class SpoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the spool folder; times are seconds since the epoch."""

    version: Literal[1, 2]
    asterisk_id: str
    caller_number: str
    caller_name: str
    called_number: str
    arrived_at: float
    answered_at: float | None
    ended_at: float | None
    phone: str | None
    status: Literal["started", "answered", "unanswered", "hung_up", "taken_back"]
    why: str
    ended_by: str | None
    began_at: float | None = None
    step: str | None = None
    run: str = ""

    def about(self) -> dict[str, Any]:
        """What the FALLBACK event tells."""
        return {
            "status": self.status,
            "step": self.step,
            "phone": self.phone,
            "answered_at": self.answered_at,
            "why": self.why,
            "run": self.run,
        }


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


class _File(msgspec.Struct, frozen=True):
    path: Path
    mark: tuple[int, int]  # tells whether it is still the same file
    content: bytes | None  # None: it cannot be read
    touched_at: float
    held: bool  # its script lives


def decoded(content: bytes) -> dict[str, Any]:
    """Return what a file holds, as a record of version 1 has it.

    The dialplan writes version 2: a line for each state, the last whole one counts; every value a
    text, empty where there is none, what a caller may have chosen in Base64. Raises ValueError or
    msgspec.DecodeError.
    """
    record = _last(content)
    if record.get("version") != 2:
        return record
    text = {name: value for name, value in record.items() if isinstance(value, str)}
    given: dict[str, Any] = {name: float(text[name]) if text.get(name) else None for name in _TIMES}
    for name in ("caller_number", "caller_name"):
        chosen = base64.b64decode(text.get(name, "")).decode("utf-8", "replace")
        given[name] = "".join(filter(str.isprintable, chosen))[:_LONGEST_TEXT].strip()
    if given["answered_at"] is not None:
        agency = text.get("agency", "")
        given |= {"step": "agency", "phone": agency} if agency else {"step": "phone"}
    else:
        given |= {"step": None, "phone": None}
    return {"called_number": ""} | record | given | {"ended_by": text.get("ended_by") or None}


def _last(content: bytes) -> dict[str, Any]:
    first, *others = content.rstrip().split(b"\n")
    for line in reversed(others):
        with contextlib.suppress(msgspec.DecodeError):
            return msgspec.json.decode(line, type=dict[str, Any])
    return msgspec.json.decode(first, type=dict[str, Any])


def by_clock(record: dict[str, Any], clock: Anchor | None) -> dict[str, Any]:
    """Return a file's content with its times by an engine's clock.

    The dialplan tells them by the machine's clock, and is understood by that clock as it is now. A
    script of earlier versions had a clock of its own; where nothing tells by how much it differs,
    the times are left as they are.
    """
    if clock is None:
        return record
    offset, boot = record.get("offset"), record.get("boot")
    if record.get("version") == 2:
        offset, boot = time.time() - time.monotonic(), clock.boot
    if boot != clock.boot or not isinstance(offset, float):
        return record
    if not math.isfinite(offset) or not record.get("asterisk_id"):
        return record  # the id of a call without a name follows from its times
    later = clock.offset - offset
    moved = {name: record.get(name) for name in _TIMES}
    return record | {name: at + later for name, at in moved.items() if isinstance(at, float)}


def read_record(record: Mapping[str, Any], ended_at: float | None = None) -> SpoolRecord:
    """Return what a file says, its times in order; `ended_at` stands in for an end that is missing.

    Raises SpoolError.
    """
    try:
        one = msgspec.convert(dict(record), SpoolRecord)
    except msgspec.ValidationError as error:
        raise SpoolError(str(error)) from None
    ended_at = one.ended_at if one.ended_at is not None else ended_at
    if ended_at is None:
        raise SpoolError("it has no end")
    given = (one.arrived_at, ended_at, one.answered_at, one.began_at)
    times = [at for at in given if at is not None]
    if not all(math.isfinite(at) and at > 0 for at in times):
        raise SpoolError("it has a time that is none")
    answered_at = None if one.answered_at is None else max(one.answered_at, one.arrived_at)
    return msgspec.structs.replace(one, answered_at=answered_at, ended_at=max(times))


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
        "language": "id",
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
    done: list[_File] = []
    count = 0
    files = await asyncio.to_thread(_files, folder)
    await flushed()  # so that `calls` knows what the engine has just recorded
    for file in files:
        try:
            taken = await _take(file, journal, calls, now, clock)
        except SpoolError as error:
            await asyncio.to_thread(_reject, file.path, str(error))
            continue
        if taken is not None:
            done.append(file)
            count += taken
    await flushed()
    await asyncio.to_thread(_delete, done)
    return count


class Glance(msgspec.Struct, frozen=True):
    """What lies in the spool folder, by the citizens' channels.

    `noted`: all of which it holds something. `served`: whom the fallback serves or has served to
    the end, which `read_spool` will tell. `ended`: when those whose call is over had hung up.
    """

    noted: frozenset[str]
    served: frozenset[str]
    ended: dict[str, float]


def glance(folder: Path, clock: Anchor) -> Glance:
    """Look at the folder; times by the `clock`. Changes nothing, passes over what is no record."""
    noted, served, ended = set(), set(), {}
    for file in _files(folder):
        try:
            record = msgspec.convert(by_clock(decoded(file.content or b""), clock), SpoolRecord)
        except (msgspec.MsgspecError, ValueError):
            continue
        noted.add(record.asterisk_id)
        if record.status == "taken_back":
            continue
        if record.status != "hung_up":
            served.add(record.asterisk_id)
        if record.ended_at is not None and math.isfinite(record.ended_at):
            ended[record.asterisk_id] = record.ended_at
    return Glance(frozenset(noted), frozenset(served), ended)


async def _take(
    file: _File, journal: Journal, calls: Calls, now: float, clock: Anchor | None
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
        log.info("spool_known", call_id=known.record.call_id, file=file.path.name)
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
        steps.append((EventKind.ENDED, at, {"ended_by": ended_by, "hangup_cause": None}))
    for kind, at, data in steps:
        event = CallEvent(
            call_id=record.call_id, seq=record.events + 1, at=at, kind=kind, data=data
        )
        apply(record, event)
        journal.call_event(event, record)


def _files(folder: Path) -> list[_File]:
    """Read all records, oldest first."""
    found = [_read(path) for path in folder.glob("*.json")]
    return sorted((file for file in found if file is not None), key=lambda file: file.touched_at)


def _read(path: Path) -> _File | None:
    """Read one file; None if it has gone meanwhile."""
    try:
        # neither a pipe nor a link may hold this up or lead it astray
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            state = os.fstat(file.fileno())
            held = _is_held(file.fileno())
            content = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    except OSError:
        return _File(path, (0, 0), None, 0.0, held=False)
    return _File(path, (state.st_ino, state.st_mtime_ns), content, state.st_mtime, held)


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _reject(path: Path, why: str) -> None:
    try:
        aside = path.parent / "rejected"
        aside.mkdir(mode=0o700, exist_ok=True)
        target = aside / path.name
        while target.exists():
            target = target.with_name(f"{target.stem}+{path.suffix}")
        path.rename(target)
    except OSError as error:
        why = f"{why}; and it cannot be moved aside: {error}"
        target = path
    log.error("spool_rejected", file=str(target), why=why)


def _delete(files: list[_File]) -> None:
    for file in files:
        try:
            state = file.path.stat()
            # one that was written again in the meantime is read again
            if (state.st_ino, state.st_mtime_ns) == file.mark:
                file.path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            log.error("spool_not_deleted", file=file.path.name, error=str(error))
