"""The local journal: however an engine died, the next one knows what was kept."""

from __future__ import annotations

import os
import resource
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from factories import a_record, an_operator
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from acd.operators.operator import Phone
from journal import write_ahead_log
from journal.entries import Entry, Glance, glanced
from journal.lines import sealed
from journal.segments import JournalInUse, Line, Place, Segment, Segments
from journal.write_ahead_log import WriteAheadLog
from lab.machine.waiting import eventually_sync


def tell(journal: WriteAheadLog, seq: int, call: str = "call", ended: bool = False) -> int:
    """Let one thing happen to a call."""
    record = a_record(call, call_id=call, events=seq, ended_at=9.0 if ended else None)
    event = {"call_id": call, "seq": seq, "at": 1.0, "kind": "queued", "data": {}}
    return journal.add(("calls", record.row()), ("call_events", event))


def seq_of(entry: Entry) -> int:
    number: int = entry.rows[-1][1]["seq"]
    return number


def drain(journal: WriteAheadLog, count: int = 7) -> list[int]:
    """Take all that waits, as the recorder does; returns the events in their order."""
    found = []
    while journal.backlog:
        if journal.must_read:
            journal.loaded(journal.read(count))
        if batch := journal.waiting(count):
            found += [seq_of(entry) for entry in batch]
            journal.done(batch)
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


@contextmanager
def full_disk(bytes_left: int = 0) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: a write ends short, then fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def reopened(journal: WriteAheadLog, **more: Any) -> WriteAheadLog:
    journal.close()
    return WriteAheadLog(journal.folder, **more)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[WriteAheadLog]:
    opened = WriteAheadLog(tmp_path / "journal", retry_s=0.0)
    yield opened
    opened.close()


def test_the_next_engine_knows_rows_that_were_not_drained_facts_phones_and_the_state(
    journal: WriteAheadLog,
) -> None:
    tell(journal, 1, "lives")
    tell(journal, 2, "over", ended=True)
    journal.add(("operators", an_operator("1001").row()))
    for value in ("old", {"deep": [1, None, "ü"]}):
        journal.keep("fact", value)
    journal.keep("gone", 1)
    journal.keep("gone", None)
    journal.keep_phones([Phone("101", "secret", "sip:101@127.0.0.1")])
    kept = (after := reopened(journal)).kept
    assert after.backlog == 3
    assert list(kept.calls) == ["lives"] and kept.calls["lives"]["events"] == 1
    assert kept.operators == {"1001": an_operator("1001").row()}
    assert kept.phones == (Phone("101", "secret", "sip:101@127.0.0.1"),)
    assert kept.facts == {"fact": {"deep": [1, None, "ü"]}}
    assert kept.newer == {"lives", "over", "1001"}
    after.close()


def test_what_is_kept_together_is_one_write_and_the_last_fact_counts(
    journal: WriteAheadLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.keep("begun", 1)  # the first write begins the file
    writes, write = [], os.write
    monkeypatch.setattr(os, "write", lambda *args: writes.append(args) or write(*args))
    with journal.together():
        for seq in (1, 2, 3):
            tell(journal, seq)
            journal.keep("where", seq)
        assert not writes, "nothing is written before the block's end"
    assert len(writes) == 1
    monkeypatch.undo()
    after = reopened(journal)
    assert after.kept.facts == {"begun": 1, "where": 3}
    assert after.kept.calls["call"]["events"] == 3
    assert drain(after) == [1, 2, 3]


def test_what_is_kept_together_waits_in_memory_on_a_full_disk(journal: WriteAheadLog) -> None:
    tell(journal, 1)
    with capture_logs(), full_disk(), journal.together():
        tell(journal, 2)
        tell(journal, 3)
    assert journal.unsaved == 2
    assert drain(journal) == [1, 2, 3]


def test_what_is_drained_is_not_newer_but_still_known(journal: WriteAheadLog) -> None:
    tell(journal, 1)
    journal.add(("operators", an_operator("1001").row()))
    while journal.backlog:
        journal.done(journal.waiting(1))
    after = reopened(journal)
    assert (after.backlog, after.kept.newer) == (0, frozenset())
    assert list(after.kept.calls) == ["call"] and list(after.kept.operators) == ["1001"]
    after.close()


def test_numbers_go_on_over_engines(journal: WriteAheadLog) -> None:
    first = tell(journal, 1)
    after = reopened(journal, clock=lambda: 1.0)
    assert tell(after, 2) > first
    after.close()


def test_files_are_for_the_line_s_own_user_only(journal: WriteAheadLog, tmp_path: Path) -> None:
    tell(journal, 1)
    drain(journal)
    folder = tmp_path / "journal"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}


def test_only_one_engine_has_it(journal: WriteAheadLog, tmp_path: Path) -> None:
    with pytest.raises(JournalInUse, match="another engine's"):
        WriteAheadLog(tmp_path / "journal")


def test_files_that_are_drained_are_removed_and_the_state_stays_known(tmp_path: Path) -> None:
    journal = WriteAheadLog(tmp_path, segment_bytes=4000, tail=5)
    journal.keep("fact", 7)
    journal.add(("operators", an_operator("1001").row()))
    tell(journal, 0, "lives")
    while journal.backlog:
        journal.done(journal.waiting(9))
    for seq in range(100):
        tell(journal, seq, "over", ended=True)
    assert len(files(tmp_path)) > 10
    assert drain(journal) == list(range(100))
    eventually_sync(lambda: len(files(tmp_path)) == 1, what="one file is left")
    after = reopened(journal)
    assert (after.kept.facts, list(after.kept.calls)) == ({"fact": 7}, ["lives"])
    assert list(after.kept.operators) == ["1001"]
    after.close()


def test_a_damaged_line_costs_that_line_only(journal: WriteAheadLog, tmp_path: Path) -> None:
    for seq in range(5):
        tell(journal, seq)
    journal.close()
    (file,) = files(tmp_path / "journal")
    lines = file.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"queued", b"qveued")
    file.write_bytes(b"".join(lines) + b"\0" * 99)
    with capture_logs() as logs:
        after = WriteAheadLog(tmp_path / "journal")
    assert drain(after) == [0, 1, 3, 4]
    assert [(one["event"], one["lines"]) for one in logs] == [("journal_damaged", 2)]
    after.close()


def test_what_was_written_together_is_there_or_not_wherever_a_kill_has_ended_the_write(
    tmp_path: Path,
) -> None:
    journal = WriteAheadLog(tmp_path / "journal")
    tell(journal, 1)
    journal.keep("fact", 1)
    (file,) = files(tmp_path / "journal")
    before = file.stat().st_size
    with journal.together():
        tell(journal, 2)
        tell(journal, 3, "other")
        journal.keep("fact", 2)
    journal.close()
    whole = file.read_bytes()
    for end in range(before, len(whole) + 1):
        copy = tmp_path / str(end)
        copy.mkdir()
        (copy / file.name).write_bytes(whole[:end])
        with capture_logs() as logs:
            after = WriteAheadLog(copy)
        found = (drain(after), after.kept.facts, list(after.kept.calls))
        after.close()
        if end == len(whole):
            assert (found, logs) == (([1, 2, 3], {"fact": 2}, ["call", "other"]), [])
            continue
        assert found == ([1], {"fact": 1}, ["call"]), end
        torn = [] if end == before else [("journal_write_unfinished", end - before)]
        assert [(one["event"], one["bytes"]) for one in logs] == torn


def test_what_is_left_of_lines_that_were_written_together_is_whole(tmp_path: Path) -> None:
    first = WriteAheadLog(tmp_path)
    tell(first, 0)
    size = len(files(tmp_path)[0].read_bytes().splitlines(keepends=True)[-1])
    journal = reopened(first, unsaved_bytes=size * 3 // 2)
    with capture_logs():
        with full_disk(), journal.together():
            tell(journal, 1)
            tell(journal, 2, "over", ended=True)
        eventually_sync(lambda: journal.tend() or journal.failing_since is None, what="end seen")
    assert journal.lost == 1, "what has ended was given up, which was the last line of the write"
    after = reopened(journal)
    assert drain(after) == [0, 1]
    after.close()


def test_a_state_that_is_cut_off_is_taken_from_the_file_before(tmp_path: Path) -> None:
    journal = WriteAheadLog(tmp_path)
    journal.keep("fact", 1)
    tell(journal, 1)
    journal = reopened(journal)
    journal.keep("fact", 2)
    journal.close()
    newest = files(tmp_path)[-1]
    newest.write_bytes(newest.read_bytes()[:20])
    after = WriteAheadLog(tmp_path)
    assert (after.kept.facts, drain(after)) == ({"fact": 1}, [1])
    after.close()


def test_on_a_full_disk_entries_wait_in_memory_and_are_written_when_there_is_room(
    journal: WriteAheadLog, tmp_path: Path
) -> None:
    tell(journal, 0)
    journal.keep("fact", "before")
    (file,) = files(tmp_path / "journal")
    size = file.stat().st_size
    with capture_logs() as logs:
        with full_disk(size + 300):
            tell(journal, 1)
            assert file.stat().st_size == size, "half a line is taken away again"
        with full_disk():
            for seq in range(2, 20):
                tell(journal, seq)
            journal.keep("fact", "during")
            journal.tend()
            assert journal.failing_since is not None and journal.unsaved == 19
            assert files(tmp_path / "journal") == [file]
        eventually_sync(lambda: journal.tend() or journal.failing_since is None, what="end seen")
    assert [one["event"] for one in logs] == ["journal_fails", "journal_again"]
    tell(journal, 20)
    assert (journal.unsaved, journal.lost, journal.backlog) == (0, 0, 21)
    after = reopened(journal)
    assert after.kept.facts == {"fact": "during"}
    assert drain(after) == list(range(21))
    after.close()


def test_what_is_drained_from_memory_on_a_full_disk_is_drained_once(
    journal: WriteAheadLog,
) -> None:
    tell(journal, 0)
    with capture_logs(), full_disk():
        for seq in range(1, 10):
            tell(journal, seq)
        batch = journal.waiting(5)
    # the disk has room again while a batch is on its way to the database
    tell(journal, 10)
    journal.done(batch)
    assert [seq_of(one) for one in batch] + drain(journal) == list(range(11))
    assert journal.lost == 0


def test_without_any_disk_and_database_the_oldest_finished_calls_are_given_up(
    tmp_path: Path,
) -> None:
    (tmp_path / "journal").touch()
    with capture_logs() as logs:
        journal = WriteAheadLog(tmp_path / "journal", unsaved_bytes=40_000)
        for seq in range(20):
            tell(journal, seq, "lives")
        for seq in range(20, 80):
            tell(journal, seq, "over", ended=True)
    found = drain(journal)
    assert journal.lost == 80 - len(found) > 0
    assert found[:20] == list(range(20)) and found == sorted(found) and found[-1] == 79
    assert [one["event"] for one in logs if one["event"] != "entries_lost"] == ["journal_fails"]
    assert logs[-1]["lost"] == journal.lost
    journal.close()


def test_a_folder_that_comes_late_gets_all_that_waited(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    earlier = WriteAheadLog(folder)
    tell(earlier, 1, "earlier")
    earlier.keep("old", 1)
    earlier.close()
    folder.rename(tmp_path / "aside")
    folder.touch()
    journal = WriteAheadLog(folder, retry_s=0.0)
    tell(journal, 2, "later")
    journal.keep("new", 2)
    folder.unlink()
    (tmp_path / "aside").rename(folder)
    eventually_sync(lambda: journal.tend() or journal.failing_since is None, what="it is written")
    assert (journal.unsaved, journal.backlog) == (0, 2)
    after = reopened(journal)
    assert after.kept.facts == {"old": 1, "new": 2}
    assert drain(after) == [1, 2]
    after.close()


def test_what_the_disk_may_have_lost_is_written_again(
    journal: WriteAheadLog, tmp_path: Path
) -> None:
    tell(journal, 0)
    (file,) = [
        int(one.name) for one in Path("/proc/self/fd").iterdir() if _is_segment(one, tmp_path)
    ]
    read, write = os.pipe()  # takes what is written, and cannot be brought to a disk
    os.dup2(write, file)
    with capture_logs() as logs:
        tell(journal, 1)
        eventually_sync(lambda: journal.tend() or journal.failing_since, what="the failure is seen")
        tell(journal, 2)
        eventually_sync(lambda: journal.tend() or journal.failing_since is None, what="end seen")
    os.close(read)
    os.close(write)
    assert {one["event"] for one in logs} == {"journal_fails", "journal_again"}
    after = reopened(journal)
    assert drain(after) == [0, 1, 2]
    after.close()


def _is_segment(link: Path, folder: Path) -> bool:
    try:
        target = link.readlink()
    except OSError:
        return False
    return folder in target.parents and target.suffix == ".log"


def test_what_no_json_can_hold_is_kept_as_far_as_it_goes(journal: WriteAheadLog) -> None:
    round_and_round: list[Any] = []
    round_and_round.append(round_and_round)
    for odd in ("\ud800", 1 << 80, round_and_round, object(), {1.5: {2}}):
        journal.add(("call_events", {"seq": 1, "data": {"odd": odd}}))
    with capture_logs() as logs:
        journal.keep("fact", "\ud800")
    assert logs[0]["event"] == "fact_not_kept"
    after = reopened(journal)
    assert drain(after) == [1] * 5
    after.close()


# --- how long the next engine takes --------------------------------------------------------------


def summaries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.sum"))


def an_outage(
    folder: Path, entries: int, drained: int = 0, summaries_but: int = 2
) -> WriteAheadLog:
    """The journal after so many entries of which the database has the first `drained` only."""
    journal = WriteAheadLog(folder, segment_bytes=8_000, tail=5)
    journal.keep_phones([])  # begins a file
    for seq in range(entries):
        tell(journal, seq, f"call {seq // 4}", ended=seq % 4 == 3)
        if seq < drained:
            journal.done(journal.waiting(1))
    eventually_sync(
        lambda: summaries(folder) and len(summaries(folder)) >= len(files(folder)) - summaries_but,
        what="all files but the newest have a summary",
    )
    assert journal.failing_since is None and journal.unsaved == 0
    journal.close()
    return journal


@pytest.mark.parametrize("drained", [0, 1, 250])
def test_a_start_by_the_summaries_knows_what_one_without_them_knows(
    tmp_path: Path, drained: int
) -> None:
    an_outage(tmp_path, 600, drained)
    by_summaries = WriteAheadLog(tmp_path, segment_bytes=8_000, tail=5)
    kept, backlog = by_summaries.kept, by_summaries.backlog
    by_summaries.close()
    for path in summaries(tmp_path):
        path.unlink()
    without = WriteAheadLog(tmp_path, segment_bytes=8_000, tail=5)
    assert (without.kept, without.backlog) == (kept, backlog)
    assert backlog == 600 - drained
    assert drain(without) == list(range(drained, 600))
    assert without.lost == 0
    without.close()


def test_a_start_reads_no_more_after_a_long_outage_than_after_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def counting(body: bytes | None) -> Glance | None:
        nonlocal read
        read += 1
        return glanced(body)

    found = []
    for entries in (200, 2_000):
        an_outage(tmp_path / str(entries), entries)
        monkeypatch.setattr(write_ahead_log, "glanced", counting)
        read = 0
        after = WriteAheadLog(tmp_path / str(entries), segment_bytes=8_000, tail=5)
        found.append(read)
        monkeypatch.undo()
        assert drain(after, 50) == list(range(entries))
        after.close()
    # two whole files, and the last lines of a third
    assert found[1] <= found[0] * 1.5 < 100, found


def test_a_file_that_is_begun_while_the_one_before_is_synced_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Begun(list[Segment]):
        """Another file is begun in the moment in which the thread looks at those that are there."""

        def __iter__(self) -> Iterator[Segment]:
            before = tuple(super().__iter__())
            monkeypatch.setattr(Begun, "__iter__", list.__iter__)
            files.begin(sealed(b"two"), 2)
            return iter(before)

    files = Segments(tmp_path / "journal")
    monkeypatch.setattr(files, "_sync_soon", lambda: None)  # this test is the thread
    files.attach()
    files.begin(sealed(b"one"), 1)
    files.all = Begun(files.all)
    files._sync()
    assert files.sync_error is None and files.durable == 1
    files._sync()
    assert files.sync_error is None and files.durable == 2
    files.close()


def test_a_summary_that_is_damaged_is_as_good_as_none(tmp_path: Path) -> None:
    an_outage(tmp_path, 300)
    for number, path in enumerate(summaries(tmp_path)):
        content = path.read_bytes()
        path.write_bytes(content[:-3] if number % 2 else b"")
    after = WriteAheadLog(tmp_path)
    after.keep_phones([])  # begins a file
    assert after.backlog == 300 and drain(after) == list(range(300))
    eventually_sync(lambda: len(files(tmp_path)) == 1, what="one file is left")
    assert summaries(tmp_path) == [], "a summary goes with its file"
    after.close()


def test_a_file_that_cannot_be_read_to_its_end_gets_no_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def torn(self: Segments, here: Place) -> Iterator[Line]:
        for line in lines(self, here):
            if here.segment == 2 and line.place.offset > 4_000:
                raise OSError(5, "Input/output error")
            yield line

    lines = Segments._lines
    with monkeypatch.context() as patch:
        patch.setattr(Segments, "_lines", torn)
        an_outage(tmp_path, 600, summaries_but=3)
    assert "0000000002" not in [path.stem for path in summaries(tmp_path)]
    after = WriteAheadLog(tmp_path, segment_bytes=8_000, tail=5)
    assert drain(after) == list(range(600)) and after.lost == 0
    after.close()


# --- any history ---------------------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 3), st.booleans()),
        st.tuples(st.just("keep"), st.sampled_from("abc"), st.none() | st.integers(0, 9)),
        st.tuples(st.just("drain"), st.integers(1, 6), st.booleans()),
        st.tuples(st.just("crash"), st.floats(0, 1), st.just(False)),
    ),
    max_size=60,
)


class Told:
    """What was told to a journal, and what has to come of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.table: list[int] = []
        self.expected: list[int] = []
        self.facts: dict[str, int] = {}
        self.undo: list[tuple[int, Callable[[], None]]] = []  # of lines in the newest file
        self.next = 0
        self.open()

    def open(self) -> None:
        self.journal = WriteAheadLog(self.folder, segment_bytes=3000, tail=3)
        self.journal.keep_phones([])  # begins a file
        self.undo = []

    def add(self, call: int, ended: bool) -> None:
        seq, self.next = self.next, self.next + 1
        self.expected.append(seq)

        def forget() -> None:
            if seq not in self.table:
                self.expected.remove(seq)

        self.wrote(lambda: tell(self.journal, seq, f"call {call}", ended), forget)

    def keep(self, key: str, value: int | None) -> None:
        before = dict(self.facts)

        def forget() -> None:
            self.facts = before

        self.facts = {k: v for k, v in (before | {key: value}).items() if v is not None}  # type: ignore[misc]
        self.wrote(lambda: self.journal.keep(key, value), forget)

    def wrote(self, act: Callable[[], Any], forget: Callable[[], None]) -> None:
        newest = files(self.folder)[-1]
        start = newest.stat().st_size
        act()
        if files(self.folder)[-1] == newest:
            self.undo.append((start, forget))
        else:
            self.undo = []  # all that was in the file before is safe

    def drain(self, count: int, told: bool) -> None:
        if self.journal.must_read:
            self.journal.loaded(self.journal.read(count))
        batch = self.journal.waiting(count)
        self.table += [seq for one in batch if (seq := seq_of(one)) not in self.table]
        if batch and told:
            self.journal.done(batch)

    def crash(self, part: float, _: bool) -> None:
        """The machine dies: of the newest file, the disk has only so much behind its begin."""
        self.journal.close()
        newest = files(self.folder)[-1]
        content = newest.read_bytes()
        begin = content.index(b"\n") + 1
        cut = begin + int(part * (len(content) - begin))
        newest.write_bytes(content[:cut])
        for start, forget in reversed(self.undo):
            end = content.index(b"\n", start) + 1
            if end > cut:
                forget()
        self.open()


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_any_history_gives_all_rows_once_and_in_order_and_the_latest_facts(
    steps: list[tuple[str, Any, Any]],
) -> None:
    with tempfile.TemporaryDirectory(prefix="ngalam112-journal-") as folder:
        told = Told(Path(folder))
        for what, *values in steps:
            getattr(told, what)(*values)
        told.crash(1.0, False)
        assert told.journal.kept.facts == told.facts
        while told.journal.backlog:
            told.drain(5, True)
        assert told.table == told.expected
        assert told.journal.lost == 0
        told.journal.close()
