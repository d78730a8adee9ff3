"""`ngalam112 up` keeps a line: whatever part dies, citizens stay and somebody serves at once."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path

import fork_server
import pytest_asyncio
from kept import Up, kept_line
from lines import Line, eventually, line_settings

from ngalam112.process import pidfiles
from ngalam112.process.running_line import healthy
from pbx.programs import Programs

SERVES_AGAIN_WITHIN_S = 2.0


@pytest_asyncio.fixture
async def kept(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> AsyncIterator[tuple[Line, Up]]:
    """A line whose `up` and engines are forked off: no test of these is of imports."""
    async with kept_line(tmp_path, programs, built_sounds) as line_and_up:
        yield line_and_up


@pytest_asyncio.fixture
async def kept_as_in_production(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> AsyncIterator[tuple[Line, Up]]:
    """A line each part of which the interpreter starts."""
    async with kept_line(tmp_path, programs, built_sounds, forked=False) as line_and_up:
        yield line_and_up


def waiting_citizen(line: Line, caller: str) -> asyncio.Task[int]:
    """A citizen who presses 3, and talks until the operator hangs up."""

    async def call() -> int:
        keys = {"key": "3"}
        scenario = "citizen_key_talk_until_bye"
        return (await line.players.citizens(scenario, 1, caller=caller, keys=keys)).successful

    return asyncio.create_task(call())


async def at_stage(line: Line, caller: str, stage: str) -> None:
    """Wait until the engine tells of a living call of this caller in this stage."""

    async def there() -> bool:
        living = (await line.get("/api/status"))["living"]
        return any(one["caller"].startswith(caller) and one["stage"] == stage for one in living)

    await eventually(there, what=f"{caller} is {stage}")


async def test_a_killed_engine_is_followed_by_the_one_that_waited(
    kept_as_in_production: tuple[Line, Up],
) -> None:
    line, up = kept_as_in_production
    engines, asterisk = await up.all_engines(), up.asterisk()
    serving = await up.engine_that("serving")
    waits = waiting_citizen(line, "0871")
    await at_stage(line, "0871", "queued")
    killed_at = time.monotonic()
    os.kill(serving, signal.SIGKILL)
    await eventually(lambda: healthy(line.settings), what="the line serves again")
    assert time.monotonic() - killed_at < SERVES_AGAIN_WITHIN_S
    assert await up.engine_that("serving") in engines - {serving}
    await line.operators_ready("101")
    assert await waits == 1, "the citizen who waited was kept, and served"
    record = (await line.ended(1, "0871"))[0]
    assert (record.outcome, record.category) == ("answered", "fire")
    await up.engine_that("waiting", but=serving)
    assert up.asterisk() == asterisk
    assert "killed by SIGKILL" in up.said()


async def test_calls_go_on_while_up_is_dead_and_the_next_one_takes_all_on(
    kept: tuple[Line, Up],
) -> None:
    line, up = kept
    await line.operators_ready("101", answer="phone_answer_talk_long_bye")
    talks = waiting_citizen(line, "0873")
    await at_stage(line, "0873", "talking")
    await up.all_engines()
    before = sorted(up.parts())
    assert len(before) == 5, "Asterisk, three engines, the rescuer"
    await up.end(signal.SIGKILL)
    assert sorted(up.parts()) == before
    await up.start()
    await eventually(lambda: "Found running" in up.said(), 60, "the next one says what it found")
    assert await talks == 1
    assert (await line.ended(1, "0873"))[0].ended_by == "operator"
    assert sorted(up.parts()) == before, "nothing was started anew"
    # what was taken on is kept as well
    serving = await up.engine_that("serving")
    os.kill(serving, signal.SIGSTOP)
    await up.engine_that("serving", but=serving)
    await up.engine_that("waiting", but=serving)
    assert await up.end(signal.SIGTERM) == 0
    assert up.parts() == []
    assert not await healthy(line.settings)


async def test_an_engine_is_restarted_and_no_call_notices(kept: tuple[Line, Up]) -> None:
    line, up = kept
    await line.operators_ready("101", answer="phone_answer_talk_long_bye")
    talks = waiting_citizen(line, "0876")
    await at_stage(line, "0876", "talking")
    waits = waiting_citizen(line, "0877")
    await at_stage(line, "0877", "queued")
    engines = await up.all_engines()
    before = set(up.parts())
    command = (sys.executable, "-m", "ngalam112", "engine", "restart", "--format", "json")
    restart = await fork_server.start(
        *command, env=line.settings.environment(), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await restart.communicate()
    assert restart.returncode == 0
    told = json.loads(out)
    assert told["away_ms"] < SERVES_AGAIN_WITHIN_S * 1000
    assert await up.engine_that("serving") == told["serves"]
    await up.engine_that("waiting", but=told["served"])
    assert before - set(up.parts()) == engines, "all engines are fresh, and nothing else"
    assert (await talks, await waits) == (1, 1)
    first, second = (await line.ended(1, "0876"))[0], (await line.ended(1, "0877"))[0]
    assert (first.outcome, first.ended_by) == ("answered", "operator")
    assert (second.outcome, second.category) == ("answered", "fire")


async def test_the_parts_run_as_services_of_their_own(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    settings = line_settings(tmp_path)
    for name in ("sounds", "music"):
        shutil.copytree(built_sounds / name, tmp_path / name)
    commands = (("engine", "--name", "1"), ("engine", "--name", "2"), ("asterisk",), ("rescue",))
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as endpoint:
        endpoint.bind(str(tmp_path / "notify"))
        endpoint.setblocking(False)
        environment = {**settings.environment(), "NOTIFY_SOCKET": endpoint.getsockname()}
        started = []
        try:
            for command in commands:
                started.append(
                    await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", "ngalam112", *command), env=environment
                    )
                )
            heard: set[bytes] = set()
            wanted = {b"READY=1\nSTATUS=waiting", b"READY=1\nSTATUS=serving", b"WATCHDOG=1"}

            def all_heard() -> bool:
                with suppress(BlockingIOError):
                    while True:
                        heard.add(endpoint.recv(4096))
                return wanted <= heard

            await eventually(all_heard, 60, "one serves and one waits")
            await eventually(lambda: healthy(settings), what="the line serves")
            pids = {one.pid for one in started}

            def all_told() -> bool:
                files = [pidfiles.read(path) for path in settings.run.glob("*.pid")]
                return {one.pid for one in files if one is not None} == pids

            await eventually(all_told, what="each part has its pid file")
        finally:
            for process in started:
                if process.returncode is None:
                    process.terminate()
            async with asyncio.timeout(30):
                codes = [await process.wait() for process in started]
    assert codes == [0, 0, 0, 0]
