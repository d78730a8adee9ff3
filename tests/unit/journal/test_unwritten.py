"""How much of a journal the database lacks, counted without touching it."""

from __future__ import annotations

from pathlib import Path

from acd.calls.record import CallRecord
from journal.row_kinds import CALLS
from journal.unwritten import unwritten
from journal.write_ahead_log import WriteAheadLog


def kept(journal: WriteAheadLog, count: int) -> None:
    for n in range(count):
        journal.add((CALLS.table, CallRecord(call_id=f"c{n}").row()))


def test_what_the_database_lacks_is_counted_beside_the_engine_that_writes_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "journal"
    assert unwritten(folder) == 0 and not folder.exists()
    journal = WriteAheadLog(folder, segment_bytes=4000)
    try:
        kept(journal, 40)
        assert unwritten(folder) == journal.backlog == 40
        journal.done(journal.waiting(15))
        assert unwritten(folder) == 25
    finally:
        journal.close()
    newest = max(folder.glob("*.log"))
    newest.write_bytes(newest.read_bytes()[:-5])  # a write that was cut off
    assert unwritten(folder) == 24
