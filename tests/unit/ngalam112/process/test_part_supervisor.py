"""A keeper and its part: real processes, that die, freeze, or are found running."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lab.machine.waiting import eventually
from ngalam112.process import pidfiles
from ngalam112.process.supervisor import KeeperError, Part, Supervisor

SLEEPS = "import time; time.sleep(60)"
FAILS = "import sys; sys.exit('cannot work')"
BEATS = """
import asyncio
from ngalam112.process.heartbeat import Heartbeat, Notifier
asyncio.run(Heartbeat(Notifier(), every_s=0.05).run())
"""


def part(home: Path, code: str, heartbeat_s: float | None = None) -> Part:
    return Part(
        name="one",
        command=lambda: [sys.executable, "-c", code],
        output=home / "log" / "one.out",
        heartbeat_s=heartbeat_s,
    )


@asynccontextmanager
async def keeping(one: Part, home: Path, *, found: bool = False) -> AsyncIterator[Supervisor]:
    """A keeper at work; with `found` its part must run already. The part's end is this block's."""
    said: list[str] = []
    keeper = Supervisor(one, home / "run", said.append)
    keeper.said = said  # type: ignore[attr-defined]
    assert keeper.find() is found
    work = asyncio.create_task(keeper.keep())
    try:
        yield keeper
    finally:
        work.cancel()
        await asyncio.wait({work})
        await keeper.end(signal.SIGTERM, within=5)
        keeper.close()


def pid_of(keeper: Supervisor) -> int:
    found = keeper.process
    return found.pid if found is not None else 0


async def lives(keeper: Supervisor, but: int = 0) -> int:
    """The pid of the part, once it lives and is not `but`."""
    await eventually(lambda: pid_of(keeper) not in (0, but))
    return pid_of(keeper)


async def stays(keeper: Supervisor, pid: int, for_s: float) -> None:
    """The part lives on for so long."""
    limit = asyncio.get_running_loop().time() + for_s
    while asyncio.get_running_loop().time() < limit:
        assert pid_of(keeper) == pid
        await asyncio.sleep(0.05)


async def test_what_dies_is_started_again(tmp_path: Path) -> None:
    async with keeping(part(tmp_path, SLEEPS), tmp_path) as keeper:
        first = await lives(keeper)
        os.kill(first, signal.SIGKILL)
        second = await lives(keeper, but=first)
        assert "killed by SIGKILL" in keeper.said[0]  # type: ignore[attr-defined]
    assert pidfiles.started_at(second) is None
    assert not keeper.file.exists()


async def test_what_ends_by_itself_is_started_again_and_its_words_are_kept(tmp_path: Path) -> None:
    async with keeping(part(tmp_path, FAILS), tmp_path) as keeper:
        said = keeper.said  # type: ignore[attr-defined]
        await eventually(lambda: len(said) >= 2)
        assert "exit 1; started again in 0.25 s" in said[0]
        assert "exit 1; started again in 0.5 s" in said[1]
        assert keeper.last_words() == "cannot work"


async def test_what_does_not_beat_any_more_is_killed_and_started_again(tmp_path: Path) -> None:
    async with keeping(part(tmp_path, BEATS, heartbeat_s=1.0), tmp_path) as keeper:
        first = await lives(keeper)
        await stays(keeper, first, 1.5)
        os.kill(first, signal.SIGSTOP)
        await lives(keeper, but=first)
        assert "no heartbeat for 1 s" in keeper.said[0]  # type: ignore[attr-defined]


async def test_a_part_that_runs_is_found_by_the_next_keeper_and_kept(tmp_path: Path) -> None:
    one = part(tmp_path, BEATS, heartbeat_s=1.0)
    dead = Supervisor(one, tmp_path / "run", lambda _: None)
    dead.start()
    pid = await lives(dead)
    dead.close()
    async with keeping(one, tmp_path, found=True) as keeper:
        await stays(keeper, pid, 1.5)
        os.kill(pid, signal.SIGSTOP)
        await lives(keeper, but=pid)


async def test_a_part_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
    keeper = Supervisor(part(tmp_path, code), tmp_path / "run", lambda _: None)
    keeper.start()
    pid = await lives(keeper)
    await keeper.end(signal.SIGTERM, within=0.2)
    assert pidfiles.started_at(pid) is None
    await keeper.end(signal.SIGTERM, within=0.2)


async def test_a_folder_with_too_long_a_path_for_a_socket_is_said_in_one_sentence(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("x" * 120)
    with pytest.raises(KeeperError, match="set NGALAM112_HOME to a shorter path"):
        Supervisor(part(tmp_path, BEATS, heartbeat_s=1.0), deep, lambda _: None)
