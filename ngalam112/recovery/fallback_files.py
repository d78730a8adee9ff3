"""The files of the spool folder: what the fallback's dialplan writes, and how it is read.

A file is the record of one call, as `asterisk_conf/extensions_fallback.conf` writes it; one of
version 1 was written by a script of earlier versions.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import structlog

from models.rows import LATEST_S
from ngalam112.engine.clock import Anchor
from pbx.ari_types import address_of

log = structlog.get_logger("spool")

_TIMES = ("arrived_at", "began_at", "answered_at", "ended_at")
_LARGEST = 64 * 1024  # bytes; a record has about 500
_LONGEST_TEXT = 64  # signs of a caller's name or number


class SpoolError(ValueError):
    """A record of the fallback makes no sense; the message says why."""


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
    withheld: bool = False
    trunk: str = ""

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


class SpoolFile(msgspec.Struct, frozen=True):
    """A file as it was when it was read; `touched_at` is by the machine's clock."""

    path: Path
    mark: tuple[int, int]  # tells whether it is still the same file
    content: bytes | None  # None: it cannot be read
    touched_at: float
    held: bool  # the script of an earlier version lives


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
    given["withheld"] = text.get("withheld") == "1"
    given["trunk"] = address_of(text.get("trunk", ""))
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
    record = dict(record)
    if record.get("arrived_at") is None:
        # who hung up before the dialplan had come to anything
        record["arrived_at"] = record.get("began_at") or record.get("ended_at")
    try:
        one = msgspec.convert(record, SpoolRecord)
    except msgspec.ValidationError as error:
        raise SpoolError(str(error)) from None
    ended_at = one.ended_at if one.ended_at is not None else ended_at
    if ended_at is None:
        raise SpoolError("it has no end")
    given = (one.arrived_at, ended_at, one.answered_at, one.began_at)
    times = [at for at in given if at is not None]
    if not all(0 < at <= LATEST_S for at in times):  # nor any that is no number
        raise SpoolError("it has a time that is none")
    answered_at = None if one.answered_at is None else max(one.answered_at, one.arrived_at)
    return msgspec.structs.replace(one, answered_at=answered_at, ended_at=max(times))


def spool_files(folder: Path) -> list[SpoolFile]:
    """Read all records, oldest first."""
    found = [_read(path) for path in folder.glob("*.json")]
    return sorted((file for file in found if file is not None), key=lambda file: file.touched_at)


def _read(path: Path) -> SpoolFile | None:
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
        return SpoolFile(path, (0, 0), None, 0.0, held=False)
    return SpoolFile(path, (state.st_ino, state.st_mtime_ns), content, state.st_mtime, held)


def _is_held(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def reject(path: Path, why: str) -> None:
    """Move a file that makes no sense aside, and log why."""
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
    log.error("fallback_record_rejected", file=str(target), why=why)


def delete(files: list[SpoolFile]) -> None:
    """Delete files whose calls are written, unless they have changed since they were read."""
    for file in files:
        try:
            state = file.path.stat()
            # one that was written again in the meantime is read again
            if (state.st_ino, state.st_mtime_ns) == file.mark:
                file.path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            log.error("fallback_record_not_deleted", file=file.path.name, error=str(error))
