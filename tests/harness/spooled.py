"""For tests: records as the fallback leaves them, and a journal that takes them."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

from acd.calls.record import CallEvent, CallRecord, EventKind, Served
from ngalam112.recovery.fallback_records import KnownCall, read_spool

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
        "began_at": ARRIVED + 1.5,
        "step": "phone",
        "run": "a",
    }
    return record | changes


STARTED = served(status="started", answered_at=None, ended_at=None, phone=None, ended_by=None)
HUNG_UP = served(status="hung_up", answered_at=None, phone=None, ended_by="caller")


def begun(**changes: Any) -> CallRecord:
    """The record of the same call as an engine has begun it: three events, then it died."""
    record = {
        "call_id": "e1",
        "asterisk_id": "1800000000.1",
        "arrived_at": ARRIVED,
        "queued_at": ARRIVED + 0.5,
        "category": "fire",
        "last_offer_at": ARRIVED + 0.5,
        "operator": "1002",
        "events": 3,
    }
    return CallRecord(**(record | changes))


class Kept:
    """A journal, the database behind it that has only what was flushed, and the calls that are up.

    `engine`: the records that an engine has written, by the asterisk_id. `up`: what is noted in
    the calls that are up. `alive`: the channels that Asterisk still has.
    """

    def __init__(self, *engine: CallRecord) -> None:
        self.events: dict[tuple[str, int], CallEvent] = {}
        self.records: dict[str, CallRecord] = {one.call_id: one for one in engine}
        self.up: dict[str, list[Served]] = {}
        self.alive: set[str] = set()
        self.made_up: list[str] = []
        self.flushes = 0
        self.outage: Exception | None = None

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        self.events[event.call_id, event.seq] = event
        self.records[record.call_id] = record

    async def known(self, asterisk_id: str) -> KnownCall | None:
        for record in self.records.values():
            if record.asterisk_id == asterisk_id:
                mine = [one for one in self.events.values() if one.call_id == record.call_id]
                runs = {one.data["run"] for one in mine if one.kind is EventKind.FALLBACK}
                return KnownCall(copy.deepcopy(record), frozenset(runs))
        return None

    async def served(self, asterisk_id: str, served: Served) -> bool:
        if asterisk_id not in self.up:
            return False
        self.up[asterisk_id].append(served)
        return True

    async def lives(self, asterisk_id: str) -> bool:
        return asterisk_id in self.alive

    async def made(self, record: CallRecord) -> None:
        self.made_up.append(record.call_id)

    async def flushed(self) -> None:
        if self.outage is not None:
            raise self.outage
        self.flushes += 1

    async def read(self, folder: Path, now: float = LATER) -> int:
        return await read_spool(folder, self, self, self.flushed, now)


def put(folder: Path, content: dict[str, Any] | bytes, name: str = "call-1", at: float = 0) -> Path:
    """Put a file into the folder, last changed at `at` (a second after the arrival)."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    os.utime(path, (at or ARRIVED + 1, at or ARRIVED + 1))
    return path
