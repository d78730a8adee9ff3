"""How long the machine stood still is measured, and no limit of a test is used up by it."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.machine.stalls import FINE_S, Stalls, stalls, stood_still, watched
from lab.machine.waiting import Limit, comes_true, eventually, eventually_sync

STALL_S = 0.5


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Stalls]:
    with watched(tmp_path / "stalls") as found:
        yield found


def sleeper(file: Path) -> int:
    """The process that sleeps and writes to this file."""
    for folder in Path("/proc").glob("[0-9]*"):
        words = (folder / "cmdline").read_bytes().split(b"\0") if folder.exists() else []
        if str(file).encode() in words:
            return int(folder.name)
    raise AssertionError(f"nobody writes to {file}")


def a_stall(tmp_path: Path, seconds: float = STALL_S) -> tuple[float, float]:
    """Let the machine stand still, for all that the sleeping process can tell."""
    pid = eventually_sync(lambda: sleeper(tmp_path / "stalls"), what="it sleeps")
    begun = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    return begun, time.monotonic()


def test_a_stall_is_told_with_its_length(machine: Stalls, tmp_path: Path) -> None:
    begun, ended = a_stall(tmp_path)
    assert STALL_S - 0.1 < stood_still(begun, ended) <= ended - begun
    assert [one for one in machine.between(begun, ended) if one[1] - one[0] > STALL_S - 0.1]


def test_it_is_told_by_the_first_look_after_it(machine: Stalls, tmp_path: Path) -> None:
    pid = sleeper(tmp_path / "stalls")
    begun = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    time.sleep(STALL_S)
    seen = stood_still(begun)
    os.kill(pid, signal.SIGCONT)
    assert seen > STALL_S - 0.1, "the sleeping process has not run since"


def test_who_measures_gaps_in_audio_is_told_of_shorter_ones(tmp_path: Path) -> None:
    with watched(tmp_path / "stalls", FINE_S) as found:
        begun, ended = a_stall(tmp_path, 0.08)
        seen = sum(end - begin for begin, end in found.between(begun, ended))
    assert 0.04 < seen <= ended - begun


def test_only_the_time_that_is_asked_for_counts(tmp_path: Path) -> None:
    file = tmp_path / "stalls"
    file.write_bytes(struct.pack("5d", time.monotonic() + 60, 10.0, 11.0, 20.0, 25.0))
    assert Stalls(file).between(10.5, 22.0) == [(10.5, 11.0), (20.0, 22.0)]
    assert Stalls(file).between(11.0, 20.0) == []
    # the last one is being written at this moment
    file.write_bytes(file.read_bytes() + b"half")
    assert Stalls(file).between(0.0, 30.0) == [(10.0, 11.0), (20.0, 25.0)]


def test_what_several_processors_have_seen_at_a_time_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "stalls"
    seen = (20.0, 25.0, 10.0, 12.0, 11.0, 13.0, 21.0, 22.0)
    file.write_bytes(struct.pack("9d", time.monotonic() + 60, *seen))
    assert Stalls(file).between(0.0, 30.0) == [(10.0, 13.0), (20.0, 25.0)]


def test_each_processor_has_somebody_who_sleeps_on_it(machine: Stalls, tmp_path: Path) -> None:
    folder = Path(f"/proc/{sleeper(tmp_path / 'stalls')}/task")

    def processors() -> set[frozenset[int]]:
        return {frozenset(os.sched_getaffinity(int(one.name))) for one in folder.iterdir()}

    everywhere = os.sched_getaffinity(0)
    wanted = {frozenset(everywhere), *(frozenset({one}) for one in everywhere)}
    eventually_sync(lambda: processors() == wanted, what="a thread for each processor")


def test_without_a_watch_there_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab.machine.stalls._watched", [])  # the whole test run is watched
    assert stalls(0.0) == []


def test_a_limit_is_not_used_up_by_a_stall(machine: Stalls, tmp_path: Path) -> None:
    limit = Limit(0.3)
    a_stall(tmp_path)
    assert not limit.over
    assert "of a stall" in str(limit)
    eventually_sync(lambda: limit.over, 5.0, "the machine has run for so long")


async def test_what_never_comes_true_fails_with_what_was_seen_last() -> None:
    with pytest.raises(AssertionError, match=r"^phones: not within 0\.05 s; last seen: \[\]$"):
        await eventually(list, 0.05, "phones")
    with pytest.raises(LookupError):
        await eventually(lambda: None, 0.05, error=LookupError)
    with pytest.raises(AssertionError, match=r"^phones: not within"):
        eventually_sync(lambda: 0, 0.05, "phones")


async def test_what_comes_true_is_returned_also_by_one_who_has_to_be_awaited() -> None:
    asked: list[int] = []

    async def third() -> int:
        asked.append(1)
        await asyncio.sleep(0)
        return len(asked) if len(asked) > 2 else 0

    assert await eventually(third, 5.0) == 3


async def test_a_check_that_takes_long_is_asked_less_often() -> None:
    asked = []

    def slow() -> bool:
        asked.append(time.sleep(0.05))
        return False

    await comes_true(slow, 0.6, every=0.01)
    assert 2 <= len(asked) <= 5, "each is followed by a rest of three times its length"


async def test_it_is_asked_once_more_after_the_limit() -> None:
    found, _ = await comes_true(lambda: True, 0.0)
    assert found is True
