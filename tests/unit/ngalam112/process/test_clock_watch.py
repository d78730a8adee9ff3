"""A clock that was set is told once, and followed as soon as nothing is open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from ngalam112.process import clock_watch
from ngalam112.process.clock_watch import SERVES_AT_LEAST_S, ClockWatch, watch_clock


def told(watch: ClockWatch, *aheads: float) -> list[float]:
    with structlog.testing.capture_logs() as logged:
        for ahead in aheads:
            watch.look(ahead, 1000.0, False, True)
    return [one["seconds"] for one in logged if one["event"] == "clock_was_set"]


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 1.1])
def test_a_step_is_followed_when_nothing_is_open_and_another_engine_waits(ahead: float) -> None:
    watch = ClockWatch()
    assert not watch.look(ahead, 1000.0, idle=False, next_waits=True)
    assert not watch.look(ahead, 1000.0, idle=True, next_waits=False)
    assert watch.look(ahead, 1000.0, idle=True, next_waits=True)


def test_an_engine_that_serves_since_a_moment_goes_on() -> None:
    served = SERVES_AT_LEAST_S - 1.0
    assert not ClockWatch().look(3600.0, served, idle=True, next_waits=True)


def test_what_a_time_server_corrects_bit_by_bit_is_nothing() -> None:
    assert not ClockWatch().look(0.9, 1000.0, idle=True, next_waits=True)
    assert told(ClockWatch(), 0.2, -0.9, 1.0) == []


def test_each_step_is_told_once() -> None:
    assert told(ClockWatch(), 0.0, 60.0, 60.1, 60.2, 3600.0, 0.0, 60.0) == [60.0, 3600.0, 60.0]


class FakeEngine:
    """An engine that is idle once it has been asked three times."""

    def __init__(self) -> None:
        self.clock, self.asked = self, 0

    def ahead(self) -> float:
        return 3600.0

    async def do(self, act: Callable[[float], Any]) -> Any:
        return act(0.0)

    def is_idle(self) -> bool:
        self.asked += 1
        return self.asked == 3


async def test_the_turn_is_left_once_and_not_before_all_is_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_watch, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(clock_watch, "SERVES_AT_LEAST_S", 0.0)
    engine, left = FakeEngine(), []
    async with asyncio.timeout(5):
        await watch_clock(engine, lambda: True, lambda: left.append(engine.asked))  # type: ignore[arg-type]
    assert left == [3]
