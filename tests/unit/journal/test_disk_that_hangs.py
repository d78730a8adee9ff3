"""A disk that does not answer: nobody stands still for it, and nothing is lost by it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from test_write_ahead_log import drain, files, tell

from journal import segments
from journal.disk_thread import DiskHangs, DiskThread
from journal.write_ahead_log import WriteAheadLog
from lab.machine.waiting import eventually_sync
from ngalam112.config.logs import LogFile
from ngalam112.process.heartbeat import BeatFile, read_beat

LONG_S = 20.0
AT_MOST_S = 2.0  # a watchdog allows three; the limit of a journal is half a second


class HangingDisk:
    """Whatever is done to the files below a folder stands still while `hangs`."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder = str(folder)
        self._goes_on = threading.Event()
        self._goes_on.set()
        self.stuck: list[str] = []
        for name in ("write", "pwrite", "fdatasync"):
            patch.setattr(os, name, self._of_a_file(name, getattr(os, name)))
        patch.setattr(os, "open", self._open(os.open))

    @contextmanager
    def hangs(self) -> Iterator[None]:
        self._goes_on.clear()
        try:
            yield
        finally:
            self._goes_on.set()

    def _wait(self, what: str) -> None:
        if not self._goes_on.is_set():
            self.stuck.append(what)
            self._goes_on.wait(LONG_S)

    def _of_a_file(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def patched(file: int, *more: Any) -> Any:
            if str(Path(f"/proc/self/fd/{file}").readlink()).startswith(self._folder):
                self._wait(name)
            return real(file, *more)

        return patched

    def _open(self, real: Callable[..., int]) -> Callable[..., int]:
        def patched(path: Any, flags: int, *more: Any, **named: Any) -> int:
            if flags & os.O_CREAT and str(path).startswith(self._folder):
                self._wait("open")
            return real(path, flags, *more, **named)

        return patched


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HangingDisk:
    return HangingDisk(tmp_path, monkeypatch)


@pytest.fixture
def journal(tmp_path: Path, disk: HangingDisk) -> Iterator[WriteAheadLog]:
    opened = WriteAheadLog(tmp_path / "journal", retry_s=0.0)
    yield opened
    opened.close()


def test_entries_wait_in_memory_for_a_disk_that_hangs_and_are_written_once(
    journal: WriteAheadLog, disk: HangingDisk
) -> None:
    journal.keep_phones([])  # begins a file
    tell(journal, 0)
    with capture_logs() as logs:
        with disk.hangs():
            tell(journal, 1)  # the thread brings it to the disk, and stands still
            eventually_sync(lambda: "fdatasync" in disk.stuck, what="the disk is asked")
            begun = time.monotonic()
            for seq in range(2, 50):
                tell(journal, seq)
                journal.keep("fact", seq)
            journal.tend()
            assert time.monotonic() - begun < AT_MOST_S
            assert journal.failing_since is not None and journal.unsaved in (48, 49)
            assert journal.backlog == 50, "the database can have them nevertheless"
        eventually_sync(lambda: journal.tend() or journal.failing_since is None, what="it is well")
    assert [one["event"] for one in logs] == ["journal_fails", "journal_again"]
    assert "does not answer" in logs[0]["error"]
    assert journal.unsaved == 0
    tell(journal, 50)
    journal.close()
    after = WriteAheadLog(journal.folder)
    assert after.kept.facts == {"fact": 49}
    assert drain(after) == list(range(51))
    assert after.lost == 0
    after.close()


def test_a_file_that_cannot_be_begun_in_time_leaves_nothing_behind(
    journal: WriteAheadLog, disk: HangingDisk
) -> None:
    with disk.hangs():
        begun = time.monotonic()
        journal.keep_phones([])
        for seq in range(10):
            tell(journal, seq)
        journal.done(journal.waiting(3))  # the database has some
        assert time.monotonic() - begun < AT_MOST_S
        assert journal.unsaved == 7
    eventually_sync(lambda: journal.tend() or journal.failing_since is None, what="it is well")
    assert [int(path.stem) for path in files(journal.folder)] == [1], "the late one is gone"
    journal.close()
    after = WriteAheadLog(journal.folder)
    assert drain(after)[-7:] == list(range(3, 10))
    after.close()


def test_the_next_engine_gets_the_journal_of_one_that_stops_while_the_disk_hangs(
    journal: WriteAheadLog, disk: HangingDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.keep_phones([])  # begins a file
    tell(journal, 1)
    monkeypatch.setattr(segments, "CLOSED_WITHIN_S", 0.05)
    monkeypatch.setattr(segments, "_LOCK_S", 0.05)
    with disk.hangs():
        journal._files._sync_soon()
        eventually_sync(lambda: "fdatasync" in disk.stuck, what="the disk is asked")
        journal.close()
        after = WriteAheadLog(journal.folder)
    assert drain(after) == [1]
    after.close()


def test_a_log_and_a_heartbeat_do_not_stand_still_either(tmp_path: Path, disk: HangingDisk) -> None:
    beat, log = BeatFile(tmp_path / "engine.beat"), LogFile(tmp_path / "engine.jsonl")
    beat.touch()
    before = read_beat(tmp_path / "engine.beat")
    with disk.hangs():
        begun = time.monotonic()
        for _ in range(20):
            log.write("during\n")
            beat.touch()
        assert time.monotonic() - begun < AT_MOST_S
        assert log.missed == 20

    def beats() -> bool:
        beat.touch()
        return read_beat(tmp_path / "engine.beat") != before

    eventually_sync(beats, what="it beats again")
    eventually_sync(lambda: log.write("after\n") or not log.missed, what="it logs again")
    said = (tmp_path / "engine.jsonl").read_text()
    assert "log_lines_missed" in said and said.endswith("after\n")
    beat.close()
    log.__exit__()


def test_what_is_done_in_time_gives_its_result_or_its_error() -> None:
    thread = DiskThread("test")

    def full() -> None:
        raise OSError(28, "No space left on device")

    assert thread.do(lambda: 7) == 7
    with pytest.raises(OSError, match="No space"):
        thread.do(full)
    assert not thread.hangs


def test_what_was_given_up_is_undone_when_it_is_done_at_last() -> None:
    thread, goes_on, undone = DiskThread("test", 0.05), threading.Event(), list[int]()

    def late() -> int:
        goes_on.wait(LONG_S)
        return 7

    with pytest.raises(DiskHangs):
        thread.do(late, undo=undone.append)
    with pytest.raises(DiskHangs):
        thread.do(lambda: 8)
    goes_on.set()
    eventually_sync(lambda: not thread.hangs, what="it answers")
    assert undone == [7] and thread.do(lambda: 8) == 8
