"""Processes that we started never outlive us, even if we are told to stop while they start."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from pbx import processes

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_who_is_cancelled_while_a_program_starts_leaves_no_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*argv: str) -> asyncio.subprocess.Process:
        process = await create(*argv)
        started.append(process)
        begun.set()
        await go_on.wait()
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)
    starting = asyncio.create_task(processes.start(*SLEEP))
    await begun.wait()
    assert lives(started[0].pid)
    starting.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not lives(started[0].pid)


async def test_a_program_that_started_runs_until_it_is_ended() -> None:
    process = await processes.start(*SLEEP)
    assert lives(process.pid)
    await processes.end(process, within=5.0)
    assert not lives(process.pid)
