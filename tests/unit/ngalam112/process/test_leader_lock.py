"""One engine serves: the lock, and who gets it when."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from ngalam112.process.leader_lock import LeaderLock

HOLD = """
import sys, time
from pathlib import Path
from ngalam112.process.leader_lock import LeaderLock
print(LeaderLock(Path(sys.argv[1])).take(), flush=True)
time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Another process that has the lock."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "True\n"
    return child


async def test_the_lock_comes_in_the_moment_its_holder_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "engine.lock"
    with holder(path) as other:
        try:
            lock = LeaderLock(path)
            assert not lock.take()
            coming = asyncio.create_task(lock.wait())
            done, _ = await asyncio.wait({coming}, timeout=0.1)
            assert not done
        finally:
            other.kill()
        async with asyncio.timeout(2):
            await coming
    assert not LeaderLock(path).take(), "it is ours alone"
    lock.give()
    assert LeaderLock(path).take()


def test_a_free_lock_is_taken_at_once(tmp_path: Path) -> None:
    assert LeaderLock(tmp_path / "state" / "engine.lock").take()
