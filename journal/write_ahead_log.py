"""What the line keeps beside the database: entries that it has not taken yet, facts for the next
engine, and the state that an engine needs to start while the database is away.

Everything is written at once to a file (`journal.segments`), in order, and read again by the next
engine. Without a disk that can be written, entries wait in memory, up to a bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import structlog

from acd.operators.operator import Phone
from journal.backlog import Read, Unsaved, Waiting, in_memory
from journal.entries import (
    Entry,
    Fact,
    Kept,
    PhoneLine,
    Row,
    State,
    Summary,
    decoded,
    encode,
    encoded,
    glanced,
    joined,
    kept_of,
    note,
    restate,
    summary_of,
    summed,
)
from journal.lines import in_one_write, sealed
from journal.segments import Place, Segments

log = structlog.get_logger("journal")

_SEGMENT = 4 * 1024 * 1024  # bytes of a file; read at the start of an engine in some 50 ms
_TAIL = 5_000  # entries that are kept in memory too; about 4 kB each
_UNSAVED = 64 * 1024 * 1024  # bytes that wait for a disk that can be written
_RETRY_S = 1.0


class WriteAheadLog:
    """The journal in the folder; only one engine can have it open.

    Opening it reads what an earlier engine left (`kept`), and fails only where another engine has
    the folder (JournalInUse). `backlog`: entries that the database does not have. `lost`: entries
    that could be kept nowhere, or were damaged. `failing_since`: seconds since the epoch, None
    while the disk takes everything.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = _SEGMENT,
        tail: int = _TAIL,
        unsaved_bytes: int = _UNSAVED,
        retry_s: float = _RETRY_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.kept = Kept()
        self.lost = 0
        self.failing_since: float | None = None
        self.folder = folder
        self._files = Segments(folder, sum_up=summed)
        self._segment_bytes, self._unsaved_bytes = segment_bytes, unsaved_bytes
        self._full = segment_bytes
        self._retry_s, self._clock = retry_s, clock
        self._state = State()
        self._newest = 0
        self._queue = Waiting(tail)
        self._writable = self._doubtful = self._held = False
        self._entries: list[Entry] = []  # what is not written yet, inside `together`
        self._facts: dict[str, Any] = {}
        self._try_at = 0.0
        self._load()
        # numbers that grow even if what was there before cannot be read
        self._state.last = max(self._state.last, self._queue.drained, int(clock() * 1e6))

    @property
    def backlog(self) -> int:
        """How many entries the database does not have."""
        return len(self._queue)

    @property
    def last(self) -> int:
        """The number of the newest entry."""
        return self._newest

    @property
    def drained(self) -> int:
        """The database has all entries up to this one."""
        return self._queue.drained

    @property
    def unsaved(self) -> int:
        """How many entries are in memory only."""
        return len(self._queue.unsaved)

    def add(self, *rows: Row) -> int:
        """Keep rows that belong together for the database; returns the entry's number."""
        entry = Entry(self._state.last + 1, rows)
        self._state.last = self._newest = entry.n
        self._entries.append(entry)
        if not self._held:
            self._write_all()
        return entry.n

    def keep(self, key: str, value: Any | None) -> None:
        """Keep a fact for the next engine; the last value counts, None forgets it."""
        self._facts[key] = value
        if not self._held:
            self._write_all()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Write all that is kept in the block at its end, by one write.

        Nothing may leave the engine before that which follows from what is kept: no await in it.
        """
        outer, self._held = self._held, True
        try:
            yield
        finally:
            self._held = outer
            if not outer and (self._entries or self._facts):
                self._write_all()

    def restate(self, rows: Mapping[str, Iterable[dict[str, Any]]]) -> None:
        """Keep these rows, by table, as the state for the next start, in place of what was kept."""
        for table, some in rows.items():
            restate(self._state, table, some)

    def keep_phones(self, phones: Iterable[Phone]) -> None:
        """Keep all phones for the next start, and what has been restated."""
        self._state.phones = [PhoneLine(one.number, one.password, one.contact) for one in phones]
        self._begin()

    def forget_operator(self, operator: str) -> None:
        """Keep nothing of an operator for the next start; the database has all that was kept."""
        if self._state.operators.pop(operator, None) is not None:
            self._begin()

    def is_newer(self, operator: str) -> bool:
        """Whether the database does not have the last word about this operator yet."""
        return self._state.operators.get(operator, (0,))[0] > self._queue.drained

    @property
    def must_read(self) -> bool:
        """Whether the next entries have to be read from a file: `loaded(read(count))`."""
        return self._queue.must_read

    def read(self, count: int) -> Read:
        """Read the next entries; may be called in a thread, for it changes nothing."""
        return self._queue.read(self._files, count)

    def loaded(self, read: Read) -> None:
        """Take up what `read` has found."""
        if lost := self._queue.loaded(read):
            self._count_lost(lost, "they cannot be read any more")

    def waiting(self, count: int) -> list[Entry]:
        """Return the first entries that the database does not have, as far as `must_read` let."""
        return self._queue.first(count)

    def in_memory_only(self) -> list[Entry]:
        """Return the entries that neither a file nor the database has."""
        return in_memory(self._queue.unsaved)

    def done(self, entries: Sequence[Entry]) -> None:
        """The database has these, the first ones that waited (or will never take them)."""
        self._queue.done(entries)
        self._files.drained(self._queue.drained)

    def tend(self) -> None:
        """Try a disk again that could not be written; to be called now and then."""
        if self._files.sync_error is not None:
            self._fails(self._files.sync_error)
            self._doubtful = True
        if not self._writable and self.failing_since is not None:
            self._recover()
        if self._writable and self.failing_since is not None and self._files.is_durable:
            seconds = round(self._clock() - self.failing_since, 3)
            self.failing_since = None
            log.info("journal_again", after_s=seconds, lost=self.lost)

    def close(self) -> None:
        """Bring everything to the disk and let the folder go."""
        self._files.close()

    # --- writing ------------------------------------------------------------------------------

    def _write_all(self) -> None:
        """Write what has been kept since the last time."""
        entries, self._entries = self._entries, []
        facts, self._facts = self._facts, {}
        state = self._state
        bodies = [encoded(entry) for entry in entries]
        for entry in entries:
            note(state, entry)
        # if facts cannot be written, the begin of the next segment tells them
        lines = in_one_write([sealed(body) for body in bodies + self._noted(facts)])
        place = self._write(b"".join(lines))
        if place is None:
            self._not_saved(entries, lines[: len(entries)])
            return
        segment, offset = place
        for entry, line in zip(entries, lines, strict=False):
            self._queue.saved(entry, Place(segment, offset))
            offset += len(line)

    def _noted(self, facts: dict[str, Any]) -> list[bytes]:
        """Take facts up into the state; what their lines say."""
        bodies = []
        for key, value in facts.items():
            try:
                fact = Fact(key, msgspec.Raw(encode(value)))
                bodies.append(encode(fact))
            except (TypeError, ValueError, RecursionError) as error:
                log.error("fact_not_kept", key=key, error=str(error))
                continue
            note(self._state, fact)
        return bodies

    def _not_saved(self, entries: list[Entry], lines: list[bytes]) -> None:
        for entry, line in zip(entries, lines, strict=True):
            row = entry.rows[0][1]
            whom = row.get("id") or row.get("call_id", "")
            self._queue.not_saved(Unsaved(entry.n, whom, line))
        if self._queue.bytes_unsaved > self._unsaved_bytes:
            # a tenth at a time
            lost = self._queue.give_up(self._unsaved_bytes * 9 // 10, self._living())
            self._count_lost(lost, "no disk and no database took them in time")

    def _living(self) -> set[str]:
        """The ids of calls and other rows without an end."""
        return set(self._state.calls).union(*self._state.others.values())

    def _write(self, lines: bytes) -> Place | None:
        """Write lines; None if they are not in the file."""
        if self._files.sync_error is not None:
            self._fails(self._files.sync_error)
            self._doubtful = True
        if not self._writable and not self._recover():
            return None
        try:
            place = self._files.append(lines, self._state.last)
        except OSError as error:
            self._fails(error)
            return None
        if self._files.size > self._full:
            self._begin()
        return place

    def _recover(self) -> bool:
        now = time.monotonic()
        if now < self._try_at:
            return False
        self._try_at = now + self._retry_s
        if not self._files.attached and self._queue.given <= self._queue.drained:
            self._load()
        return self._files.attached and self._begin()

    def _begin(self) -> bool:
        """Begin a new segment, with all that is in memory only; an old one must do if it fails."""
        head = sealed(encode(self._state))
        queue = self._queue
        # lines that the disk may have lost are written again
        again = () if queue.has_gap or not self._doubtful else queue.tail
        lines = [sealed(encoded(entry)) for entry in again]
        start = len(head) + sum(len(line) for line in lines)
        lines += [one.line for one in queue.unsaved]
        head, *lines = in_one_write([head, *lines])
        last = again[-1].n if again else queue.drained
        last = queue.unsaved[-1].n if queue.unsaved else last
        try:
            place = self._files.begin(head + b"".join(lines), last)
        except OSError as error:
            if self._writable:
                self._full = self._files.size + self._segment_bytes // 8
                self._alarm(error)
            else:
                self._fails(error)
            return False
        self._writable, self._doubtful = True, False
        self._full = max(self._segment_bytes, 4 * len(head))
        queue.all_saved(Place(place.segment, start))
        return True

    def _fails(self, error: Exception) -> None:
        self._writable = False
        self._alarm(error)

    def _alarm(self, error: Exception) -> None:
        if self.failing_since is None:
            self.failing_since = self._clock()
            log.error("journal_fails", error=str(error), what="see the disk of the state folder")

    def _count_lost(self, count: int, why: str) -> None:
        self.lost += count
        log.error("entries_lost", count=count, why=why, lost=self.lost)

    # --- reading at the start -----------------------------------------------------------------

    def _newest_state(self) -> int:
        """The newest segment that begins with a state: what is before it tells nothing more."""
        for segment in reversed(self._files.all):
            line = next(self._files.read(Place(segment.number, 0)), None)
            if line is not None and isinstance(decoded(line.body), State):
                return segment.number
        return 0

    def _load(self) -> None:
        try:
            self._files.attach()
            drained = max(self._queue.drained, self._files.checkpoint())
        except OSError as error:
            self._fails(error)
            return
        self._queue.drained = drained
        state, newer, damaged, seen = State(), set[str](), 0, 0
        begin = self._newest_state()
        for segment in list(self._files.all):
            summary = self._summary(segment.number, seen) if segment.number < begin else None
            if summary is not None:
                seen = segment.last = summary.last
                if summary.first > drained:
                    self._queue.in_file(summary.count, Place(segment.number, 0))
                    newer.update(summary.ids)
                damaged += summary.damaged
                continue
            for line in self._files.read_one(Place(segment.number, 0)):
                entry = glanced(line.body)
                if entry is not None and entry.n > seen:  # else written again, the disk in doubt
                    seen = segment.last = entry.n
                    if entry.n > drained:
                        self._queue.in_file(1, line.place)
                        newer |= entry.ids
                if segment.number >= begin and (found := decoded(line.body)) is not None:
                    note(state, found)
                damaged += line.body is None
        if self._files.unfinished:
            what = "an engine was killed while it wrote, and nothing had followed from that yet"
            log.warning("journal_write_unfinished", bytes=self._files.unfinished, what=what)
        if damaged:
            log.error("journal_damaged", lines=damaged, what="the rest has been read")
        state.last = max(state.last, seen)
        self._newest = max(self._newest, seen)
        self.kept = kept_of(state, newer, drained)
        # a folder that could not be read at the start: what this engine knows is newer
        self._state = joined(state, self._state)

    def _summary(self, segment: int, seen: int) -> Summary | None:
        """The summary of a segment, if it tells all that the segment itself would.

        It does not of one that has entries up to `seen` once more, nor of the one in the midst of
        which the database has stopped.
        """
        summary = summary_of(self._files.summary(segment))
        drained = self._queue.drained
        if summary is None or summary.first <= seen or summary.first <= drained < summary.last:
            return None
        return summary
