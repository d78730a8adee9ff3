"""Keeps what happened: at once in the local journal, and from there in batches in the database.

No call waits for either. Every write can be done twice without harm, so after any failure the same
batch is simply written again, by the next engine if need be: nothing is lost, nothing is there
twice, and the order stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import CompileError, DBAPIError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection

from acd.calls.ids import new_id
from acd.calls.record import CallEvent, CallRecord
from journal.entries import UNKNOWN_ROW, Entry
from journal.row_kinds import (
    BY_TABLE,
    CALL_EVENTS,
    CALLS,
    IN_ORDER,
    OPERATOR_EVENTS,
    OPERATORS,
    RowKind,
)
from journal.write_ahead_log import WriteAheadLog
from models.database import Database, why
from models.rows import columns_of
from models.writing import insert_new, upsert, upsert_newer

log = structlog.get_logger("recorder")

_BATCH = 200  # entries of one transaction; it holds the loop for 20 ms, 500 held it for 30 to 40
# how long an entry waits for others to share its transaction, whose own cost is that of ten calls'
# entries; it is in the local journal meanwhile
_LINGER_S = 0.25
_CLOSING_PAUSE_S = 0.1
_PROBE_S = 2.0  # how often a database that has nothing to do is asked whether it is there
_DATA_ERRORS = ("22", "23")  # SQLSTATE classes: the value, not the database, is at fault
_MOST_UNKNOWN = 10_000  # rows of a later version that are kept for it


_CALLS, _CALL_EVENTS = CALLS.table, CALL_EVENTS.table
_OPERATORS, _OPERATOR_EVENTS = OPERATORS.table, OPERATOR_EVENTS.table


def _is_refused(error: Exception) -> bool:
    """Whether the database will never take these rows, however often they are written."""
    if not isinstance(error, DBAPIError):
        # a StatementError that no driver raised is about the values, such as a missing one
        return isinstance(
            error, StatementError | CompileError | LookupError | TypeError | ValueError
        )
    state = getattr(error.orig, "sqlstate", None)
    if state:
        return str(state)[:2] in _DATA_ERRORS
    cause = error.orig.__cause__ if error.orig else None
    return type(error).__name__ in ("IntegrityError", "DataError") or isinstance(cause, ValueError)


class DatabaseWriter:
    """The journal of the line (`acd.calls.journal.Journal`) on a local journal and a database.

    `backlog`: entries that are not in the database yet. `written`, `refused`: entries since the
    start that the database took, or will never take. `failing_since`: since when the database has
    been away, seconds since the epoch; None while all is well. `operators_after`: what entries up
    to this one say of operators is left out, because a later word stands in the database.
    """

    def __init__(
        self,
        database: Database,
        journal: WriteAheadLog,
        *,
        first_pause_s: float = 0.2,
        longest_pause_s: float = 3.0,
        write_limit_s: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.written = 0
        self.refused = 0
        self.failing_since: float | None = None
        self.operators_after = 0
        self.local = journal
        self._database = database
        self._pauses = (first_pause_s, longest_pause_s)
        self._write_limit_s = write_limit_s
        self._clock = clock
        self._flushes: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._stopped = False
        self._operator_events = new_id(clock())
        self._told = 0
        self._unknown: set[str] = set()  # keys of rows that are kept for a later version
        self._write_known_by_now()

    @property
    def backlog(self) -> int:
        """How many entries are not written yet."""
        return self.local.backlog

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        """Keep an event, and the record as it is now; it may go on changing."""
        happened = msgspec.structs.asdict(event)
        happened["at"] = _finite(event.at)
        self.local.add((_CALLS, record.row()), (_CALL_EVENTS, happened))
        self._wake.set()

    def operator_event(
        self, operator: str, at: float, kind: str, phone: str | None, reason: str | None
    ) -> None:
        """Keep that an operator logged in or out, paused, became ready, missed a call..."""
        self._told += 1
        values = {
            "id": f"{self._operator_events}{self._told:010x}",
            "operator": operator,
            "at": _finite(at),
            "kind": kind,
            "phone": phone,
            "reason": reason,
        }
        self.local.add((_OPERATOR_EVENTS, values))
        self._wake.set()

    def operator_state(self, row: dict[str, Any], *changes: tuple[str, dict[str, Any]]) -> None:
        """Keep the operator's status and fairness (a row of `operators`) over a restart."""
        self.local.add((_OPERATORS, dict(row)), *changes)
        self._wake.set()

    def row(self, table: str, values: dict[str, Any]) -> None:
        """Keep a row of one of the tables of `journal.row_kinds`, as it is from now on."""
        self.rows_together((table, values))

    def rows_together(self, *rows: tuple[str, dict[str, Any]]) -> None:
        """Keep rows of several tables that the database takes together, or not at all."""
        self.local.add(*rows)
        self._wake.set()

    def keep(self, key: str, value: Any | None) -> None:
        """Keep a fact for the next engine only, never for the database; None forgets it."""
        self.local.keep(key, value)

    def together(self) -> AbstractContextManager[None]:
        """Keep all that happens in the block by one write at its end; no await may be in it."""
        return self.local.together()

    async def flushed(self) -> None:
        """Return when all that was handed over before this call is written (or refused)."""
        if self.backlog:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append((self.local.last, done))
            await done

    async def run(self) -> None:
        """Write until `close`; never fails, waits through every outage."""
        first, longest = self._pauses
        pause = first
        while not self._stopped:
            try:
                if await self._work_is_done():
                    self._recovered()
                    pause = first
            except Exception as error:
                self.away(error)
                await self._rest(pause)
                pause = min(pause * 2, longest)

    async def close(self, limit: float) -> int:
        """Write what is left within `limit` seconds; then `run` ends, written or not.

        What the local journal holds, the next engine writes; so nobody waits for a database that
        is away. Returns how many entries are not written; those that are nowhere are in the log.
        """
        self._closing.set()
        self._wake.set()
        in_memory = self.local.unsaved > 0
        if self.failing_since is None or in_memory:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self.flushed()
        self._stopped = True
        self._wake.set()
        for entry in self.local.in_memory_only():
            log.error("record_not_written", **_for_log(entry))
        return self.backlog

    def away(self, error: Exception) -> None:
        """Know that the database cannot be used, and say so once."""
        if self.failing_since is None:
            self.failing_since = self._clock()
            log.error("recording_fails", error=why(error), backlog=self.backlog)

    async def _work_is_done(self) -> bool:
        """Wait for entries and write some of them; False if the database was not asked at all."""
        journal = self.local
        if not journal.backlog:
            return await self._waited()
        if journal.backlog < _BATCH and not self._closing.is_set():
            await self._rest(_LINGER_S)
        if journal.must_read:
            journal.loaded(await asyncio.to_thread(journal.read, _BATCH))
            self._tell_flushed()
        batch = journal.waiting(_BATCH)
        if batch:
            await self._write_or_split(batch)
        return bool(batch)

    async def _waited(self) -> bool:
        """Wait for the next entry; after a while without one, see whether the database is there."""
        self._wake.clear()
        try:
            async with asyncio.timeout(_PROBE_S):
                await self._wake.wait()
        except TimeoutError:
            async with asyncio.timeout(self._write_limit_s):
                await self._database.check_connection()
            return True
        return False

    async def _rest(self, pause: float) -> None:
        """Wait; but a line that is closing wants to know soon whether the database is back."""
        if self._closing.is_set():
            await asyncio.sleep(min(pause, _CLOSING_PAUSE_S))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._closing.wait()

    async def _write_or_split(self, batch: Sequence[Entry]) -> None:
        """Write the first entries that wait; where rows are refused, halve until they are alone."""
        try:
            await self._write(batch)
        except Exception as error:
            if not _is_refused(error):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._write_or_split(batch[:middle])
                await self._write_or_split(batch[middle:])
                return
            log.error("record_refused", error=why(error), **_for_log(batch[0]))
            self.refused += 1
        else:
            self.written += len(batch)
        self._done(batch)

    async def _write(self, batch: Sequence[Entry]) -> None:
        async with (
            asyncio.timeout(self._write_limit_s),
            self._database.engine.begin() as connection,
        ):
            self._keep_unknown(batch)
            for kind in IN_ORDER:
                after = self.operators_after if kind is OPERATORS else 0
                values = [
                    row
                    for one in batch
                    if one.n > after
                    for table, row in one.rows
                    if table == kind.table
                ]
                await _write_rows(connection, kind, values)

    def _keep_unknown(self, batch: Sequence[Entry]) -> None:
        """Keep what only a later version can write for the next engine, which may be of that."""
        for entry in batch:
            for place, (table, values) in enumerate(entry.rows):
                kind = BY_TABLE.get(table)
                if kind is not None and values.keys() <= columns_of(kind.model):
                    continue
                key = f"{UNKNOWN_ROW}{entry.n}.{place}"
                if key in self._unknown:
                    continue
                if len(self._unknown) >= _MOST_UNKNOWN:
                    log.error("row_of_a_later_version_lost", table=table)
                    continue
                self._unknown.add(key)
                self.local.keep(key, (table, values))
                log.warning("row_of_a_later_version_kept", table=table, count=len(self._unknown))

    def _write_known_by_now(self) -> None:
        """Hand over what an earlier version has kept because it had no place for it."""
        for key, value in self.local.kept.facts.items():
            if not key.startswith(UNKNOWN_ROW):
                continue
            table, values = value
            kind = BY_TABLE.get(table)
            if kind is None or not values.keys() <= columns_of(kind.model):
                self._unknown.add(key)
                continue
            self.local.add((table, values))
            self.local.keep(key, None)

    def _done(self, batch: Sequence[Entry]) -> None:
        self.local.done(batch)
        self._tell_flushed()

    def _tell_flushed(self) -> None:
        drained = self.local.drained if self.local.backlog else self.local.last
        while self._flushes and self._flushes[0][0] <= drained:
            _, flush = self._flushes.popleft()
            if not flush.done():
                flush.set_result(None)

    def _recovered(self) -> None:
        if self.failing_since is not None:
            seconds = round(self._clock() - self.failing_since, 3)
            self.failing_since = None
            log.info("recording_again", after_s=seconds, backlog=self.backlog)


async def _write_rows(
    connection: AsyncConnection, kind: RowKind, rows: Sequence[dict[str, Any]]
) -> None:
    """Write rows of one table by its rule; columns that this version does not have are left out."""
    model, known = kind.model, columns_of(kind.model)
    rows = [
        row if row.keys() <= known else {name: row[name] for name in row if name in known}
        for row in rows
    ]
    if kind.key is None:
        await insert_new(connection, model, rows)
        return
    last = [kind.as_now(one) for one in {one[kind.key]: one for one in rows}.values()]
    if kind.counter is not None and kind.ended is not None:
        ended = None if kind.reopens else kind.ended
        await upsert_newer(connection, model, last, kind.counter, ended)
    else:
        await upsert(connection, model, last)


def _finite(at: float) -> float:
    return at if math.isfinite(at) else 0.0  # no JSON holds others


def _for_log(entry: Entry) -> dict[str, Any]:
    """Name what an entry holds, so that nothing disappears; an operator's PIN stays out."""
    _, values = entry.rows[-1]
    return {"entry": {name: one for name, one in values.items() if name != "pin_hash"}}
