"""A supervisor and its part: real processes, that die, freeze, or are found running."""

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
from ngalam112.process.supervisor import Part, Supervisor, SupervisorError

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
    """A supervisor at work, until the block ends; with `found` its part must run already."""
    said: list[str] = []
    supervisor = Supervisor(one, home / "run", said.append)
    supervisor.said = said  # type: ignore[attr-defined]
    assert supervisor.find() is found
    work = asyncio.create_task(supervisor.keep())
    try:
        yield supervisor
    finally:
        work.cancel()
        await asyncio.wait({work})
        await supervisor.end(signal.SIGTERM, within=5)
        supervisor.close()


def pid_of(supervisor: Supervisor) -> int:
    found = supervisor.process
    return found.pid if found is not None else 0


async def lives(supervisor: Supervisor, but: int = 0) -> int:
    """The pid of the part, once it lives and is not `but`."""
    await eventually(lambda: pid_of(supervisor) not in (0, but))
    return pid_of(supervisor)


async def stays(supervisor: Supervisor, pid: int, for_s: float) -> None:
    """The part lives on for so long."""
    limit = asyncio.get_running_loop().time() + for_s
    while asyncio.get_running_loop().time() < limit:
        assert pid_of(supervisor) == pid
        await asyncio.sleep(0.05)


async def test_what_dies_is_started_again(tmp_path: Path) -> None:
    async with keeping(part(tmp_path, SLEEPS), tmp_path) as supervisor:
        first = await lives(supervisor)
        os.kill(first, signal.SIGKILL)
        second = await lives(supervisor, but=first)
        assert "killed by SIGKILL" in supervisor.said[0]  # type: ignore[attr-defined]
    assert pidfiles.started_at(second) is None
    assert not supervisor.file.exists()


async def test_what_ends_by_itself_is_started_again_and_its_words_are_kept(tmp_path: Path) -> None:
    async with keeping(part(tmp_path, FAILS), tmp_path) as supervisor:
        said = supervisor.said  # type: ignore[attr-defined]
        await eventually(lambda: len(said) >= 2)
        assert "exit 1; started again in 0.25 s" in said[0]
        assert "exit 1; started again in 0.5 s" in said[1]
        assert supervisor.last_words() == "cannot work"


async def test_what_does_not_beat_any_more_is_killed_and_started_again(tmp_path: Path) -> None:
    async with keeping(part(tmp_path, BEATS, heartbeat_s=1.0), tmp_path) as supervisor:
        first = await lives(supervisor)
        await stays(supervisor, first, 1.5)
        os.kill(first, signal.SIGSTOP)
        await lives(supervisor, but=first)
        assert "no heartbeat for 1 s" in supervisor.said[0]  # type: ignore[attr-defined]


async def test_a_part_that_runs_is_found_by_the_next_keeper_and_kept(tmp_path: Path) -> None:
    one = part(tmp_path, BEATS, heartbeat_s=1.0)
    dead = Supervisor(one, tmp_path / "run", lambda _: None)
    dead.start()
    pid = await lives(dead)
    dead.close()
    async with keeping(one, tmp_path, found=True) as supervisor:
        await stays(supervisor, pid, 1.5)
        os.kill(pid, signal.SIGSTOP)
        await lives(supervisor, but=pid)


async def test_a_part_that_does_not_end_when_asked_is_killed(tmp_path: Path) -> None:
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"
    supervisor = Supervisor(part(tmp_path, code), tmp_path / "run", lambda _: None)
    supervisor.start()
    pid = await lives(supervisor)
    await supervisor.end(signal.SIGTERM, within=0.2)
    assert pidfiles.started_at(pid) is None
    await supervisor.end(signal.SIGTERM, within=0.2)


async def test_a_folder_with_too_long_a_path_for_a_socket_is_said_in_one_sentence(
    tmp_path: Path,
) -> None:
    deep = tmp_path / ("x" * 120)
    with pytest.raises(SupervisorError, match="set NGALAM112_HOME to a shorter path"):
        Supervisor(part(tmp_path, BEATS, heartbeat_s=1.0), deep, lambda _: None)
