"""Sees that somebody has set the machine's clock, tells it, and lets the next engine go by it.

An engine's clock never steps (`ngalam112.engine.clock`), so one that has started before the machine
knew the time is wrong for as long as it lives. Nothing that counts seconds could bear a step in
between; but an engine that starts with nothing open goes by the clock as it is. So this one leaves
its turn to one that waits, as soon as no call, talk or wrap-up is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ngalam112.engine.clock import STEP_S
from ngalam112.engine.engine import Engine

log = structlog.get_logger("clock")

LOOK_EVERY_S = 5.0
SERVES_AT_LEAST_S = 60.0
"""A clock that is set again and again must not change engines all the time."""


class ClockWatch:
    """Decides what a clock that is ahead (or behind: negative) means. Pure but for the log."""

    def __init__(self) -> None:
        self._told = 0.0

    def look(self, ahead: float, served_s: float, idle: bool, next_waits: bool) -> bool:
        """Tell a step once; return whether to leave the turn to the next engine."""
        if abs(ahead) <= STEP_S:
            self._told = 0.0
            return False
        if abs(ahead - self._told) > STEP_S:
            self._told = ahead
            log.error("clock_was_set", seconds=round(ahead, 3))
        return idle and next_waits and served_s >= SERVES_AT_LEAST_S


async def watch_clock(
    engine: Engine, next_waits: Callable[[], bool], leave: Callable[[], None]
) -> None:
    """Look at the clock for ever; `leave()` is called once, when the next engine is to serve."""
    watch, loop = ClockWatch(), asyncio.get_running_loop()
    began = loop.time()
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        ahead = engine.clock.ahead()
        idle = abs(ahead) > STEP_S and await engine.do(lambda _: engine.is_idle())
        if watch.look(ahead, loop.time() - began, idle, idle and next_waits()):
            log.warning("clock_is_followed", seconds=round(ahead, 3))
            leave()
            return
