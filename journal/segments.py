"""The files of the local journal: lines with checksums in numbered segments, synced by a thread.

A line is appended by one write to the page cache, so a program that is killed loses nothing; a
thread brings the lines to the disk, many at a time, so nobody waits for it. Only the appending
thread calls `begin`, `append` and `close`; `read` may be called from any.

A write itself can be cut short by a kill. Lines that were written together stand or fall together,
so what the last write of a killed program has left unfinished is taken away when the folder is
opened.

A write to the page cache waits for the disk as well, while the disk is at work for the same file.
So what is written meanwhile, and what makes a file, goes through a thread with a limit.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from journal.disk_thread import DiskHangs, DiskThread
from journal.lines import finished, opened, sealed

_SUFFIX, _SUMMARY = ".log", ".sum"
_CHECKPOINT = "checkpoint"
_LOCK_S = 1.0  # an engine that has just died lets its files go one after the other
CLOSED_WITHIN_S = 5.0
# The log and the heartbeat wait for a disk too, and all of it has to be far from what a watchdog
# allows; but a machine that is busy must not be taken for a disk that hangs.
_HANGS_AFTER_S = 0.5
_SUMMING_S = 0.02  # at a time


class JournalInUse(Exception):
    """Another engine holds the journal; the message says what to do."""


class Place(NamedTuple):
    """Where a line begins."""

    segment: int
    offset: int


class Line(NamedTuple):
    """A line: where it begins and ends, and what is in it; None if that is damaged."""

    place: Place
    end: Place
    body: bytes | None


@dataclass(slots=True)
class Segment:
    """One file. `last`: the highest number of an entry in it. `summed`: it has its summary."""

    number: int
    last: int = 0
    summed: bool = False


class Segments:
    """The folder of a journal. What goes wrong with the disk is raised as OSError.

    `durable`: the newest segment that the disk has, with its begin. `sync_error`: why lines could
    not be brought to the disk, None once they are. `unfinished`: how many bytes the last write of
    the program before had left unfinished. `sum_up`: makes the summary of a segment out of
    its lines' bodies, for the segments that wait while the database is away.
    """

    def __init__(
        self,
        folder: Path,
        sync_every_s: float = 0.05,
        sum_up: Callable[[Iterable[bytes | None]], bytes] | None = None,
    ) -> None:
        self.folder = folder
        self._sum_up = sum_up
        self.all: list[Segment] = []
        self.size = 0
        self.durable = -1
        self.sync_error: OSError | None = None
        self.unfinished = 0
        self._every_s = sync_every_s
        self._lock: int | None = None
        self._file: int | None = None
        self._retired: list[int] = []
        self._drained = 0
        self._dirty, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._disk = DiskThread("journal-writes", _HANGS_AFTER_S)
        self._at_work = False  # the thread waits for the disk

    def attach(self) -> None:
        """Take the folder for ourselves, made if need be; raises JournalInUse."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _take(lock, self.folder)
            names = [path.stem for path in self.folder.glob(f"*{_SUFFIX}")]
            summed = {path.stem for path in self.folder.glob(f"*{_SUMMARY}")}
        except BaseException:
            os.close(lock)
            raise
        self._lock = lock
        numbers = sorted(int(one) for one in names if one.isdigit())
        self.all = [Segment(one, summed=self._path(one).stem in summed) for one in numbers]
        # where that fails, what is unfinished is read as damage
        with contextlib.suppress(OSError):
            self._drop_unfinished()

    def _drop_unfinished(self) -> None:
        """Take away what the program before had not written to its end; nothing followed from it.

        Only the newest segment can have such: each start looks, and begins another.
        """
        if not self.all:
            return
        with self._path(self.all[-1].number).open("r+b") as file:
            content = file.read()
            if (end := finished(content)) < len(content):
                file.truncate(end)
                self.unfinished = len(content) - end

    @property
    def is_durable(self) -> bool:
        """Whether the disk has the current segment, as far as anybody knows."""
        return self.sync_error is None and bool(self.all) and self.durable >= self.all[-1].number

    @property
    def attached(self) -> bool:
        """Whether the folder is ours."""
        return self._lock is not None

    def begin(self, content: bytes, last: int) -> Place:
        """Begin a new segment with these lines; without room for all of them there is none.

        `last`: the highest number of an entry in them. Returns where it begins.
        """
        number = self.all[-1].number + 1 if self.all else 1
        path = self._path(number)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW

        def drop(file: int) -> None:
            os.close(file)
            with contextlib.suppress(OSError):
                path.unlink()

        def make() -> int:
            file = os.open(path, flags, 0o600)
            try:
                _write(file, content)
                # of a segment that somebody has removed
                path.with_suffix(_SUMMARY).unlink(missing_ok=True)
            except BaseException:
                drop(file)
                raise
            return file

        file = self._disk.do(make, undo=drop)
        # in this order, for the thread reads them in the other: what it takes for the last segment
        # is in the file that it finds then, or in one that is retired
        if self._file is not None:
            self._retired.append(self._file)
        self._file, self.size = file, len(content)
        self.all.append(Segment(number, last))
        self.sync_error = None
        self._sync_soon()
        return Place(number, 0)

    def append(self, lines: bytes, last: int) -> Place:
        """Append lines (`in_one_write`) to the current segment, all or none; return where.

        After DiskHangs the lines may be there some time, and another segment has to be begun.
        """
        assert self._file is not None
        place = Place(self.all[-1].number, self.size)
        try:
            if self._at_work or self._disk.hangs:
                self._disk.do(partial(_write, self._file, lines))
            else:
                _write(self._file, lines)
        except DiskHangs:
            raise  # the lines may still come; nothing is written behind them, for the file is left
        except OSError:
            # what is half there is damaged, and nothing may be written behind it
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(lines)
        self.all[-1].last = last
        self._sync_soon()
        return place

    def read(self, place: Place) -> Iterator[Line]:
        """Yield every line from `place` on; what cannot be read is passed over, as damaged."""
        for number in [one.number for one in list(self.all) if one.number >= place.segment]:
            yield from self.read_one(place if number == place.segment else Place(number, 0))

    def read_one(self, here: Place) -> Iterator[Line]:
        """Yield every line of one segment from `here` on; what cannot be read is damaged."""
        try:
            for line in self._lines(here):
                yield line
                here = line.end
        except FileNotFoundError:
            return
        except OSError:
            yield Line(here, here, None)

    def _lines(self, here: Place) -> Iterator[Line]:
        """Yield every line of one segment from `here` on; raises OSError where the disk does."""
        number = here.segment
        with self._path(number).open("rb") as file:
            file.seek(here.offset)
            for line in file:
                end = Place(number, here.offset + len(line))
                yield Line(here, end, opened(line))
                here = end

    def summary(self, number: int) -> bytes | None:
        """Return the summary of a segment; None where there is none, or it is damaged."""
        try:
            return opened(self._path(number).with_suffix(_SUMMARY).read_bytes())
        except OSError:
            return None

    def checkpoint(self) -> int:
        """Return up to which entry the database has all; 0 if nobody can tell."""
        try:
            body = opened((self.folder / _CHECKPOINT).read_bytes())
        except FileNotFoundError:
            return 0
        return int(body) if body is not None and body.isdigit() else 0

    def drained(self, number: int) -> None:
        """Keep that the database has all up to this entry; files that nobody needs are removed."""
        self._drained = number
        if self._lock is None:
            return
        # a checkpoint that is old or damaged does no harm: entries can be written twice
        with contextlib.suppress(OSError):
            if self._at_work or self._disk.hangs:
                self._disk.do(partial(_write_checkpoint, self.folder, number))
            else:
                _write_checkpoint(self.folder, number)
        if len(self.all) > 1 and self.all[0].last <= number:
            self._sync_soon()

    def close(self) -> None:
        """Bring everything to the disk and let the folder go."""
        self._stop.set()
        self._dirty.set()
        if self._thread is not None:
            self._thread.join(CLOSED_WITHIN_S)
            if self._thread.is_alive():
                self._unlock()  # the disk hangs, and keeps the files; the next engine may not wait
                return
        for file in (self._file, self._lock):
            if file is not None:
                os.close(file)
        self._file = self._lock = None

    def _unlock(self) -> None:
        """Let another engine have the folder; the engine's own lock keeps two writers apart."""
        if self._lock is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    # --- the thread ---------------------------------------------------------------------------

    def _sync_soon(self) -> None:
        if not self._dirty.is_set():
            self._dirty.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._syncing, name="journal", daemon=True)
            self._thread.start()

    def _syncing(self) -> None:
        while not self._stop.is_set():
            self._dirty.wait()
            self._dirty.clear()
            self._sync()
            self._stop.wait(self._every_s)
        self._sync()

    def _sync(self) -> None:
        self._at_work = True
        try:
            self._sync_and_tidy()
        finally:
            self._at_work = False

    def _sync_and_tidy(self) -> None:
        segments = list(self.all)
        file = self._file
        try:
            # the file itself may be retired meanwhile; then it is closed the next time
            while self._retired and self._retired[0] != file:
                os.fdatasync(self._retired[0])
                os.close(self._retired.pop(0))
            if file is None:
                return
            os.fdatasync(file)
            if self.durable < segments[-1].number:
                if self._lock is not None:
                    os.fsync(self._lock)
                self.durable = segments[-1].number
        except OSError as error:
            self.sync_error = error
            if self._retired:
                os.close(self._retired.pop(0))
            return
        # what a removed file told of the state, the begin of a durable one tells as well
        while (
            len(self.all) > 1
            and self.all[0].last <= self._drained
            and (self.all[0].number < self.durable)
        ):
            path = self._path(self.all[0].number)
            with contextlib.suppress(OSError):
                path.with_suffix(_SUMMARY).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            self.all.pop(0)
        self._sum_up_some()

    def _sum_up_some(self) -> None:
        """Make the summaries of old segments, the oldest first; the rest soon, for that is work.

        The newest two have none: only a database that is away lets more of them wait.
        """
        until = time.monotonic() + _SUMMING_S
        for segment in [one for one in self.all[:-2] if not one.summed]:
            if self._stop.is_set() or self._sum_up is None:
                return
            if time.monotonic() > until:
                self._dirty.set()
                return
            segment.summed = True  # or a disk that takes no summary would be asked for ever
            # a summary of what cannot be read to its end would hide the rest for good
            bodies = (line.body for line in self._lines(Place(segment.number, 0)))
            path = self._path(segment.number).with_suffix(_SUMMARY)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with contextlib.suppress(OSError):
                content = sealed(self._sum_up(bodies))
                with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                    file.write(content)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:010d}{_SUFFIX}"


def _write(file: int, content: bytes) -> None:
    done = os.write(file, content)
    while done < len(content):
        done += os.write(file, content[done:])


def _write_checkpoint(folder: Path, number: int) -> None:
    path, flags = folder / _CHECKPOINT, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
        file.write(sealed(b"%020d" % number))


def _take(lock: int, folder: Path) -> None:
    deadline = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise JournalInUse(
                    f"The journal in {folder} is another engine's that runs; stop that one first."
                ) from None
            time.sleep(0.002)
        except OSError:
            return  # a file system without locks: the engine's own lock must do
        else:
            return
