"""For tests: records as the fallback leaves them, and a journal that takes them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from acd.records import CallEvent, CallRecord
from ngalam112.spool import read_spool

ARRIVED = 1_800_000_000.0
LATER = ARRIVED + 10_000


def served(**changes: Any) -> dict[str, Any]:
    """A record of a call that phone 101 answered after 2 s and whose talk took 30 s."""
    record = {
        "version": 1,
        "asterisk_id": "1800000000.1",
        "caller_number": "0812",
        "caller_name": "Warga",
        "called_number": "112",
        "arrived_at": ARRIVED,
        "answered_at": ARRIVED + 2,
        "ended_at": ARRIVED + 32,
        "phone": "101",
        "status": "answered",
        "why": "TIMEOUT",
        "ended_by": "operator",
    }
    return record | changes


STARTED = served(status="started", answered_at=None, ended_at=None, phone=None, ended_by=None)
HUNG_UP = served(status="hung_up", answered_at=None, phone=None, ended_by="caller")


class Kept:
    """A journal, and the database behind it that has only what was flushed."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self.events: dict[tuple[str, int], CallEvent] = {}
        self.records: dict[str, CallRecord] = {}
        self.known = set(known)
        self.flushes = 0
        self.outage: Exception | None = None

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        self.events[event.call_id, event.seq] = event
        self.records[record.call_id] = record

    async def is_known(self, asterisk_id: str) -> bool:
        return asterisk_id in self.known

    async def flushed(self) -> None:
        if self.outage is not None:
            raise self.outage
        self.flushes += 1

    async def read(self, folder: Path, now: float = LATER) -> int:
        return await read_spool(folder, self, self.is_known, self.flushed, now)


def put(folder: Path, content: dict[str, Any] | bytes, name: str = "call-1", at: float = 0) -> Path:
    """Put a file into the folder, last changed at `at` (a second after the arrival)."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.utime(path, (at or ARRIVED + 1, at or ARRIVED + 1))
    return path
