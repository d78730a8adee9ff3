"""Somebody sets the machine's clock by an hour during calls: no duration is wrong.

The engine sees the clock that is set; the monotonic one goes on evenly, as on a real machine. The
true durations are measured here, on the test's own monotonic clock.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from lab.actors.softphone import Softphone
from lab.machine.wallclock import WallClock
from pbx.programs import Programs

HOUR = 3600.0
CLOSE_S = 0.5
WRAP_UP_S = 10.0  # in which an engine is started


@pytest.fixture(scope="session")
def shared_clock(tmp_path_factory: pytest.TempPathFactory) -> WallClock:
    """One for all tests of a process: what sees it is forked off one that has imported all."""
    return WallClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def clock(shared_clock: WallClock) -> WallClock:
    shared_clock.set_ahead(0.0)
    return shared_clock


@pytest_asyncio.fixture
async def line(
    programs: Programs, built_sounds: Path, tmp_path: Path, clock: WallClock
) -> AsyncIterator[Line]:
    """A line whose engine sees the clock."""
    home = tmp_path / "line"
    home.mkdir()
    async with open_line(home, programs, built_sounds, desks=1, wrap_up_s=WRAP_UP_S) as line:
        await line.running.engine.stop(signal.SIGTERM)
        with clock.seen():
            await line.running.engine.start()
        yield line


async def start_again(line: Line, clock: WallClock) -> None:
    await line.running.engine.stop(signal.SIGKILL)
    with clock.seen():
        await line.running.engine.start()


async def since(check: Callable[[], Any], what: str) -> float:
    """Wait for it, and return when it was, on the monotonic clock."""
    await eventually(check, 2 * WRAP_UP_S, what)
    return time.monotonic()


def rings(phone: Softphone) -> bool:
    return any(call.state == "incoming" for call in phone.calls.values())


async def stage(line: Line, wanted: str) -> bool:
    return any(one["stage"] == wanted for one in (await line.get("/api/status"))["living"])


async def state(line: Line, wanted: str) -> bool:
    return bool((await line.get("/api/operators"))["operators"][0]["state"] == wanted)


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
@pytest.mark.parametrize("killed", [False, True], ids=["the engine lives on", "a new engine"])
async def test_waits_talks_and_wrap_ups_are_as_long_as_they_were(
    line: Line, clock: WallClock, step: float, killed: bool
) -> None:
    ahead = 0.0

    async def is_set(there: Callable[[], Any]) -> None:
        nonlocal ahead
        ahead += step
        clock.set_ahead(ahead)
        if killed:
            await start_again(line, clock)
        await eventually(there, what="the engine knows how it was")

    async with line.operator_at("101") as operator, line.softphone("0871") as citizen:
        await line.post("/api/operators/1101/pause")
        dialled = await citizen.dial("112")
        await citizen.established(dialled)
        await citizen.audio_flows(dialled, packets=3)
        await citizen.send_digits("3", dialled)
        queued = await since(lambda: stage(line, "queued"), "the citizen waits")
        await is_set(lambda: stage(line, "queued"))
        await line.post("/api/operators/1101/ready")
        await eventually(lambda: rings(operator), what="the phone rings")
        talking = time.monotonic()
        await operator.answer(operator.current())
        await eventually(lambda: stage(line, "talking"), what="the two talk")
        await is_set(lambda: stage(line, "talking"))
        over = time.monotonic()
        await citizen.hang_up(dialled)
        await eventually(lambda: state(line, "wrap_up"), what="the wrap-up begins")
        await is_set(lambda: state(line, "wrap_up"))
        idle = await since(lambda: state(line, "idle"), "the wrap-up is over")

    record = (await line.ended(1, "0871"))[0]
    assert record.queued_at and record.operator_answered_at and record.ended_at
    waited = record.operator_answered_at - record.queued_at
    assert waited == pytest.approx(talking - queued, abs=CLOSE_S)
    assert (record.wait_ms or 0) / 1000 == pytest.approx(waited, abs=CLOSE_S)
    assert (record.talk_ms or 0) / 1000 == pytest.approx(over - talking, abs=CLOSE_S)
    assert idle - over == pytest.approx(WRAP_UP_S, abs=CLOSE_S)


async def test_with_nothing_open_a_new_engine_goes_by_the_clock_as_it_is_set(
    line: Line, clock: WallClock
) -> None:
    clock.set_ahead(HOUR)
    await start_again(line, clock)
    calling = asyncio.create_task(line.players.citizens("citizen_menu_bye", 1, caller="0872"))
    await calling
    record = (await line.ended(1, "0872"))[0]
    assert record.arrived_at == pytest.approx(time.time() + HOUR, abs=30)
