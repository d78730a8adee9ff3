"""Keeps what happened: takes it at once into memory and writes it in batches. No call waits for it.

Every write can be done twice without harm, so after any failure the same batch is simply written
again: nothing is lost, nothing is there twice, and the order stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy.exc import CompileError, DBAPIError, StatementError

from acd.ids import new_id
from acd.records import CallEvent, CallRecord
from models.database import Database, why
from models.tables import Base, CallEventRow, CallRow, OperatorEventRow, OperatorRow
from models.writing import insert_new, upsert

log = structlog.get_logger("recorder")

_BATCH = 200  # entries of one transaction; it holds the loop for 20 ms, 500 held it for 30 to 40
_LINGER_S = 0.05  # how long an entry waits for others to share its transaction
_CLOSING_PAUSE_S = 0.1
_DATA_ERRORS = ("22", "23")  # SQLSTATE classes: the value, not the database, is at fault


class _Row(NamedTuple):
    model: type[Base]
    values: dict[str, Any]


_Entry = tuple[_Row, ...]

# calls before their events, which point to them; the key names the row of which the last one counts
_ORDER: tuple[tuple[type[Base], str | None], ...] = (
    (CallRow, "call_id"),
    (CallEventRow, None),
    (OperatorRow, "id"),
    (OperatorEventRow, None),
)


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


class Recorder:
    """The journal of the line (`acd.ports.Journal`) on a database.

    `backlog`: entries not written yet. `written`, `refused`: entries since the start that the
    database took, or will never take. `failing_since`: seconds since the epoch, None while all is
    well. Memory is the only bound of the backlog: an event is about 2 kB.
    """

    def __init__(
        self,
        database: Database,
        *,
        first_pause_s: float = 0.2,
        longest_pause_s: float = 15.0,
        write_limit_s: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.written = 0
        self.refused = 0
        self.failing_since: float | None = None
        self._database = database
        self._pauses = (first_pause_s, longest_pause_s)
        self._write_limit_s = write_limit_s
        self._clock = clock
        self._waiting: deque[_Entry] = deque()
        self._accepted = 0
        self._flushes: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._stopped = False
        self._operator_events = new_id(clock())

    @property
    def backlog(self) -> int:
        """How many entries are not written yet."""
        return len(self._waiting)

    def call_event(self, event: CallEvent, record: CallRecord) -> None:
        """Keep an event, and the record as it is now; it may go on changing."""
        self._accept(
            _Row(CallRow, record.row()),
            _Row(CallEventRow, msgspec.structs.asdict(event)),
        )

    def operator_event(
        self, operator: str, at: float, kind: str, phone: str | None, reason: str | None
    ) -> None:
        """Keep that an operator logged in or out, paused, became ready, missed a call..."""
        values = {
            "id": f"{self._operator_events}{self._accepted:010x}",
            "operator": operator,
            "at": at,
            "kind": kind,
            "phone": phone,
            "reason": reason,
        }
        self._accept(_Row(OperatorEventRow, values))

    def operator_state(self, row: dict[str, Any]) -> None:
        """Keep the operator's status and fairness (a row of `operators`) over a restart."""
        self._accept(_Row(OperatorRow, dict(row)))

    def keep(self, key: str, value: Any | None) -> None:
        """Keep a fact for the next engine."""

    async def flushed(self) -> None:
        """Return when all that was handed over before this call is written (or refused)."""
        if self._waiting:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._flushes.append((self._accepted, done))
            await done

    async def run(self) -> None:
        """Write until `close`; never fails, waits through every outage."""
        first, longest = self._pauses
        pause = first
        while await self._has_work():
            try:
                await self._write_or_split(list(islice(self._waiting, _BATCH)))
            except Exception as error:
                self._outage(error)
                await self._rest(pause)
                pause = min(pause * 2, longest)
            else:
                self._recovered()
                pause = first

    async def close(self, limit: float) -> int:
        """Write what is left within `limit` seconds; then `run` ends, written or not.

        Returns how many entries could not be written; each of them is in the log.
        """
        self._closing.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self.flushed()
        self._stopped = True
        self._wake.set()
        for entry in self._waiting:
            log.error("record_not_written", **_for_log(entry))
        return self.backlog

    def _accept(self, *entry: _Row) -> None:
        self._waiting.append(entry)
        self._accepted += 1
        self._wake.set()

    async def _has_work(self) -> bool:
        while not self._waiting and not self._stopped:
            self._wake.clear()
            await self._wake.wait()
        if len(self._waiting) < _BATCH and not self._closing.is_set():
            await self._rest(_LINGER_S)
        return not self._stopped

    async def _rest(self, pause: float) -> None:
        """Wait; but a line that is closing wants to know soon whether the database is back."""
        if self._closing.is_set():
            await asyncio.sleep(min(pause, _CLOSING_PAUSE_S))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._closing.wait()

    async def _write_or_split(self, batch: Sequence[_Entry]) -> None:
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
        self._done(len(batch))

    async def _write(self, batch: Sequence[_Entry]) -> None:
        rows = [row for entry in batch for row in entry]
        async with (
            asyncio.timeout(self._write_limit_s),
            self._database.engine.begin() as connection,
        ):
            for model, key in _ORDER:
                values = [row.values for row in rows if row.model is model]
                if key is None:
                    await insert_new(connection, model, values)
                else:
                    await upsert(
                        connection, model, list({one[key]: one for one in values}.values())
                    )

    def _done(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        handled = self._accepted - len(self._waiting)
        while self._flushes and self._flushes[0][0] <= handled:
            _, flush = self._flushes.popleft()
            if not flush.done():
                flush.set_result(None)

    def _outage(self, error: Exception) -> None:
        if self.failing_since is None:
            self.failing_since = self._clock()
            log.error("recording_fails", error=why(error), backlog=self.backlog)

    def _recovered(self) -> None:
        if self.failing_since is not None:
            seconds = round(self._clock() - self.failing_since, 3)
            self.failing_since = None
            log.info("recording_again", after_s=seconds, backlog=self.backlog)


def _for_log(entry: _Entry) -> dict[str, Any]:
    """Name what an entry holds, so that nothing disappears; an operator's PIN stays out."""
    values = entry[-1].values
    return {"entry": {name: one for name, one in values.items() if name != "pin_hash"}}
