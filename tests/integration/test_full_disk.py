"""The disk of the state folder is full: calls are served, an alarm is raised, nothing is lost.

No file of the engine may grow: a limit that the kernel keeps (RLIMIT_FSIZE) fails its writes, those
of SQLite among them, as a full disk does.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest_asyncio
from lines import Line, eventually, open_line

from ngalam112.process.running_line import healthy
from pbx.programs import Programs

NOTHING = (0, resource.RLIM_INFINITY)
ALL = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest_asyncio.fixture
async def line(programs: Programs, built_sounds: Path, tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path, programs, built_sounds, desks=1, wrap_up_s=0) as line:
        await line.operators_ready("101")
        yield line


async def serve(line: Line, caller: str) -> None:
    served = await line.players.citizens(
        "citizen_key_talk_until_bye", 1, caller=caller, keys={"key": "3"}
    )
    assert served.successful == 1


async def engine_says(line: Line, holds: Callable[[dict[str, Any]], object]) -> None:
    async def said() -> bool:
        return bool(holds((await line.get("/api/status"))["engine"]))

    await eventually(said, within=20, what="what the status says of the engine")


async def is_complete(line: Line, caller: str) -> None:
    (record,) = await line.ended(1, caller, within=30.0)
    assert record.outcome == "answered"
    events = (await line.history(record.call_id)).events
    assert [one.seq for one in events] == list(range(1, record.events + 1))


async def test_a_disk_that_becomes_full_and_has_room_again_costs_no_call_and_no_record(
    line: Line,
) -> None:
    pid = line.running.engine.pid
    assert pid is not None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, NOTHING)
    await serve(line, "0870")
    await engine_says(line, lambda it: it["journal_failing_since"] and it["database_away_since"])
    await engine_says(line, lambda it: it["backlog"] > 0 and it["entries_lost"] == 0)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, ALL)
    await engine_says(line, lambda it: not it["journal_failing_since"])
    await engine_says(line, lambda it: not it["database_away_since"] and it["backlog"] == 0)
    await is_complete(line, "0870")


async def test_an_engine_starts_and_serves_on_a_disk_that_is_full(line: Line) -> None:
    await line.running.engine.stop(within=5.0)
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ngalam112", "engine"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=line.settings.environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, NOTHING),
    )
    try:
        await eventually(lambda: healthy(line.settings), within=20, what="the engine serves")
        await eventually(lambda: line.idle(("101",)), what="who was ready is ready")
        await serve(line, "0871")
        await engine_says(line, lambda it: it["journal_failing_since"] and it["backlog"] > 0)
        resource.prlimit(engine.pid, resource.RLIMIT_FSIZE, ALL)
        await engine_says(line, lambda it: not it["journal_failing_since"])
        await is_complete(line, "0871")
    finally:
        engine.terminate()
        await engine.wait()
    await line.running.engine.start()
