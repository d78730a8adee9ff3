"""Looks after the recordings while the line is up: may more be made, and what has ended is filed.

Nothing that serves calls waits for this: Asterisk writes by itself, and asks only whether a file of
the state folder is there. What touches the disk of the recordings is done in threads, which may
stand still with it; who looks goes on, and tells.
"""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from journal.disk_thread import DiskHangs, DiskThread
from models.database import Database, DatabaseError
from ngalam112.recordings.audio import Gap
from ngalam112.recordings.filing import file_recording
from ngalam112.recordings.gaps import LOOK_S, Growth
from ngalam112.recordings.names import gaps_file
from ngalam112.recordings.removing import remove_files
from ngalam112.recordings.standing import Standing, Stop, decided, write_standing
from ngalam112.recordings.survey import Raw, Survey, probe, survey

log = structlog.get_logger("recordings")

HANGS_S = 5.0
PROBE_EVERY_S = 5.0
REMOVE_EVERY_S = 300.0
STALLED_S = 30.0
INCOMPLETE_S = 5.0
_AGAIN_S = 10.0
_REST = 1.0
MIB = 1024 * 1024


class Keeper:
    """`folder`: of all recordings. `stop_file`: is there while no further call is recorded.

    `unbound_file`: is there while Asterisk cannot write to the folder, since its start.
    `least_free`: bytes that have to stay free. `most`: calls that are recorded at once.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        *,
        stop_file: Path,
        standing_file: Path,
        unbound_file: Path,
        least_free: int,
        most: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._folder = database, folder
        self._stop_file, self._standing_file = stop_file, standing_file
        self._unbound_file = unbound_file
        self._least_free, self._most, self._clock = least_free, most, clock
        self.standing = Standing()
        self._disk = DiskThread("recordings", HANGS_S)
        self._growths: dict[Path, Growth] = {}
        self._ended: dict[Path, Raw] = {}
        self._probe_at = self._remove_at = 0.0

    async def run(self) -> None:
        """Look and file until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_for_ever())
            tasks.create_task(self._file_for_ever())

    async def _look_for_ever(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take one look, and tell what follows from it."""
        now = self._clock()
        stop, found = Stop.HANGS, None
        try:
            found = await asyncio.to_thread(self._disk.do, lambda: self._seen(now))
            # what has ended and waits, as while the database is away, is written by nobody
            growing = sum(not raw.ended for raw in found.files)
            stop = decided(found.free, growing, least_free=self._least_free, most=self._most)
        except DiskHangs:
            pass
        except OSError as error:
            stop = Stop.FULL if error.errno == errno.ENOSPC else Stop.FAILS
            self.standing.failing = str(error)
        if found is not None:
            self._take_in(found, now)
        self._tell(stop, now)

    def _seen(self, now: float) -> Survey:
        """In the disk's thread: all that one look needs of it."""
        found = survey(self._folder, now)
        self._growths = {
            raw.path: self._growths.get(raw.path)
            or Growth(raw.source.arrived_at, _read_gaps(raw.path))
            for raw in found.files
        }
        for raw in found.files:
            growth = self._growths[raw.path]
            if not raw.ended and growth.look(raw.size, now):
                _keep_gaps(raw.path, growth.gaps)
        if found.free >= self._least_free and now >= self._probe_at:
            self._probe_at = now + PROBE_EVERY_S
            probe(self._folder)
        return found

    def _take_in(self, found: Survey, now: float) -> None:
        growing = [raw for raw in found.files if not raw.ended]
        self._ended = {raw.path: raw for raw in found.files if raw.ended}
        self.standing.growing, self.standing.waiting = len(growing), len(self._ended)
        self.standing.stalled = sum(now - raw.written_at > STALLED_S for raw in growing)
        self.standing.free_mb = found.free // MIB

    def _tell(self, stop: Stop, now: float) -> None:
        if stop is not self.standing.stop:
            log.warning("recordings_stop" if stop else "recordings_go_on", why=stop.value)
        self.standing.stop, self.standing.at = stop, now
        self.standing.unbound = self._unbound_file.exists()
        with suppress(OSError):  # the state folder has alarms of its own
            if stop is Stop.NO:
                self._stop_file.unlink(missing_ok=True)
            elif not self._stop_file.exists():
                self._stop_file.touch(0o600)
            write_standing(self._standing_file, self.standing)

    async def _file_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_REST if await self.file_ended() else _AGAIN_S)

    async def file_ended(self) -> bool:
        """File all that have ended, the oldest first; returns whether that went well.

        One that cannot be read, or written, keeps no other from being filed.
        """
        failing = ""
        for path, raw in list(self._ended.items()):
            try:
                await self._file(raw)
            except (DatabaseError, OSError) as error:
                if not (failing or self.standing.failing):
                    log.error("recording_not_filed", name=path.name, error=str(error))
                failing = self.standing.failing = str(error)
                if isinstance(error, DatabaseError) or error.errno == errno.ENOSPC:
                    return False  # so it would be with all others
            else:
                self._ended.pop(path, None)
        self.standing.failing = failing
        await self._remove()
        return not failing

    async def _remove(self) -> None:
        """What is to go and was not removed by whoever said so."""
        if self._clock() < self._remove_at:
            return
        self._remove_at = self._clock() + REMOVE_EVERY_S
        with suppress(DatabaseError, OSError):
            await remove_files(self._database, self._folder)

    async def _file(self, raw: Raw) -> None:
        growth = self._growths.get(raw.path)
        gaps = growth.gaps if growth is not None else []
        began = time.monotonic()
        filed = await file_recording(self._database, self._folder, raw, gaps, self._clock())
        if filed is None:
            return
        self.standing.filed += 1
        if filed.missing_s > INCOMPLETE_S:
            self.standing.incomplete += 1
            log.warning("recording_incomplete", name=raw.path.name, missing_s=filed.missing_s)
        # as long a rest as it took: the disk and the database are others' as well
        await asyncio.sleep(time.monotonic() - began)


def _keep_gaps(path: Path, gaps: list[Gap]) -> None:
    with suppress(OSError):
        fresh = path.with_suffix(".gaps.new")
        fresh.write_bytes(msgspec.json.encode(gaps))
        fresh.replace(gaps_file(path))


def _read_gaps(path: Path) -> list[Gap]:
    try:
        return msgspec.json.decode(gaps_file(path).read_bytes(), type=list[Gap])
    except (OSError, msgspec.DecodeError):
        return []
