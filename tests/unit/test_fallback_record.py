"""The record that the fallback script leaves of a call, however the call or the script ends."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from standin import SCRIPT, Asterisk, Dialled, within

from ngalam112.demo.wallclock import WallClock


@pytest.fixture
def asterisk(tmp_path: Path) -> Asterisk:
    return Asterisk(tmp_path)


def test_while_phones_ring_the_record_says_started_and_is_held(asterisk: Asterisk) -> None:
    seen: list[object] = []

    def look() -> None:
        within(lambda: asterisk.files(), "the first record is written")
        seen.append(asterisk.record()["status"])
        with asterisk.files()[0].open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                seen.append("held")

    asterisk.dials = [Dialled("101", answered_at=time.time(), meanwhile=look)]
    assert asterisk.serve() == 0
    assert seen == ["started", "held"]


def test_a_spool_that_cannot_be_written_keeps_nobody_from_being_served(asterisk: Asterisk) -> None:
    asterisk.spool.parent.mkdir(parents=True, exist_ok=True)
    asterisk.spool.write_text("not a folder")
    assert asterisk.serve() == 0
    assert asterisk.rung() == [["101", "102"]]
    assert asterisk.commands[-1] == "HANGUP", "not marked as recorded"
    assert '"status": "answered"' in asterisk.complaints, "the record is on the console"


def test_the_arrival_is_the_channels_even_if_the_dialplan_does_not_tell_it(
    asterisk: Asterisk,
) -> None:
    asterisk.arrived = ""
    asterisk.serve()
    assert asterisk.record()["arrived_at"] == int(asterisk.uniqueid.split(".")[0])


def test_asterisks_word_for_a_hang_up_does_not_end_it(asterisk: Asterisk) -> None:
    asterisk.dials = [
        Dialled("101", answered_at=time.time(), meanwhile=asterisk.signal(signal.SIGHUP))
    ]
    assert asterisk.serve() == 0
    assert asterisk.record()["status"] == "answered"


@pytest.mark.parametrize("how", ["closed pipes", "SIGTERM"])
def test_an_asterisk_that_stops_leaves_an_end_in_the_record(asterisk: Asterisk, how: str) -> None:
    stop: Callable[[], None] = asterisk.close
    if how == "SIGTERM":
        stop = asterisk.signal(signal.SIGTERM)
    asterisk.dials = [Dialled("101", meanwhile=stop)]
    assert asterisk.serve() == 1, "the dialplan must go on if it can"
    record = asterisk.record()
    assert (record["status"], record["ended_by"]) == ("started", "asterisk")
    assert record["ended_at"] is not None


@pytest.mark.parametrize("lines", [0, 3])
def test_even_a_call_of_which_asterisk_tells_nothing_leaves_a_record(
    asterisk: Asterisk, lines: int
) -> None:
    asterisk.start(lines=lines)
    asterisk.close()
    assert asterisk.wait() == 1
    assert asterisk.record()["asterisk_id"] == asterisk.uniqueid


def test_without_any_pipes_or_arguments_it_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pid = os.posix_spawn(
        SCRIPT, [str(SCRIPT)], os.environ, file_actions=[(os.POSIX_SPAWN_CLOSE, n) for n in (0, 1)]
    )
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    assert not list(tmp_path.iterdir()), "no record is left where nobody reads it"


def test_who_hung_up_before_anybody_took_the_call_gets_a_record(asterisk: Asterisk) -> None:
    assert asterisk.serve("--hung-up") == 0
    record = asterisk.record()
    assert (record["status"], record["answered_at"]) == ("hung_up", None)
    assert record["arrived_at"] < record["ended_at"]
    assert asterisk.rung() == []
    assert "ANSWER" not in asterisk.commands


def test_a_whole_record_is_left_as_it_is(asterisk: Asterisk) -> None:
    asterisk.serve()
    before = asterisk.record()
    assert asterisk.serve("--hung-up") == 0
    assert asterisk.record() == before


@pytest.mark.parametrize(("dialled", "status"), [(None, "unanswered"), ("101", "answered")])
def test_the_record_of_a_killed_script_is_made_good(
    asterisk: Asterisk, dialled: str | None, status: str
) -> None:
    def kill() -> None:
        within(lambda: asterisk.files(), "the first record is written")
        asterisk.signal(signal.SIGKILL)()

    asterisk.dials = [Dialled(dialled, answered_at=time.time(), meanwhile=kill)]
    assert asterisk.serve() == -signal.SIGKILL
    assert asterisk.record()["status"] == "started"
    assert asterisk.serve("--hung-up") == 0
    record = asterisk.record()
    assert (record["status"], record["phone"]) == (status, dialled)
    assert record["caller_number"] == "+62812"


def test_a_broken_record_is_written_anew(asterisk: Asterisk) -> None:
    asterisk.serve()
    asterisk.files()[0].write_text('["half a rec')
    assert asterisk.serve("--hung-up") == 0
    assert json.loads(asterisk.files()[0].read_text())["status"] == "answered"


@pytest.mark.parametrize("ahead", [3600.0, -3600.0], ids=["forward", "back"])
@pytest.mark.parametrize("answer_by_new", [False, True], ids=["answered before", "answered after"])
@pytest.mark.parametrize("killed", [False, True], ids=["lives", "is killed"])
def test_a_clock_that_is_set_in_the_call_makes_no_time_wrong(
    asterisk: Asterisk, tmp_path: Path, ahead: float, answer_by_new: bool, killed: bool
) -> None:
    clock = WallClock(tmp_path / "clock")
    answered = Dialled("101", answered_at=time.time() + 0.5 + ahead * answer_by_new)

    def talk() -> None:
        within(lambda: asterisk.files(), "the first record is written")
        clock.set_ahead(ahead)
        time.sleep(1.0)
        if killed:
            asterisk.signal(signal.SIGKILL)()

    answered.meanwhile = talk
    asterisk.dials = [answered]
    began = time.time()
    with clock.seen():
        asterisk.serve()
        if killed:
            assert asterisk.serve("--hung-up") == 0
    record = asterisk.record()
    assert record["status"] == "answered"
    assert record["arrived_at"] == pytest.approx(began - 0.5, abs=1.0)
    assert record["answered_at"] == pytest.approx(
        answered.answered_at - ahead * answer_by_new, abs=0.1
    )
    assert 0.3 < record["ended_at"] - record["answered_at"] < 5.0
