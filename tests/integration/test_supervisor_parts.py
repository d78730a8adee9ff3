"""`ngalam112 up` keeps each part of a line: what dies or freezes is followed, one after the other.

One line for all: after each of these tests it is whole again by itself, which the next one awaits.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from kept import Up, kept_line
from lines import Line, eventually
from test_supervisor import SERVES_AGAIN_WITHIN_S, waiting_citizen

from ngalam112.process import pidfiles
from ngalam112.process.running_line import healthy
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")
HEARTBEAT_S = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Line, Up]]:
    """The line; its `up` and engines are forked off: no test of these is of imports."""
    async with kept_line(tmp_path_factory.mktemp("u"), programs, built_sounds) as line_and_up:
        yield line_and_up


async def test_a_second_up_on_the_same_line_says_so_in_one_sentence(
    shared: tuple[Line, Up],
) -> None:
    line, _ = shared
    second = Up(line.settings.model_copy())
    await second.start()
    assert await second.end(signal.SIGCONT) == 1
    assert "is kept by another `ngalam112 up` (pid " in second.said()
    assert await healthy(line.settings)


async def test_a_dead_rescuer_is_started_again(shared: tuple[Line, Up]) -> None:
    line, up = shared
    file = line.settings.run / "rescue.pid"
    first = pidfiles.read(file)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    await eventually(lambda: (pidfiles.read(file) or first).pid != first.pid, what="another one")
    assert f"rescue (pid {first.pid}" in up.said()


async def test_a_frozen_engine_is_killed_and_followed(shared: tuple[Line, Up]) -> None:
    line, up = shared
    engines, serving = await up.all_engines(), await up.engine_that("serving")
    frozen_at = time.monotonic()
    os.kill(serving, signal.SIGSTOP)
    await up.engine_that("serving", but=serving)
    await eventually(lambda: healthy(line.settings), what="the line serves again")
    assert time.monotonic() - frozen_at < HEARTBEAT_S + SERVES_AGAIN_WITHIN_S
    assert await up.engine_that("serving") in engines - {serving}
    assert "no heartbeat for 3 s" in up.said()


async def test_a_dead_asterisk_is_started_again_and_the_engine_stays(
    shared: tuple[Line, Up],
) -> None:
    line, up = shared
    await up.all_engines()
    asterisk, serving = up.asterisk(), await up.engine_that("serving")
    os.kill(asterisk, signal.SIGKILL)
    await eventually(lambda: up.asterisk() not in (0, asterisk), what="another Asterisk")
    await eventually(lambda: healthy(line.settings), 30, "the line serves again")
    assert await up.engine_that("serving") == serving
    await line.operators_ready("101")
    assert await waiting_citizen(line, "0875") == 1
