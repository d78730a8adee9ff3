"""Waits for what other processes do, with a limit that a machine which stood still does not eat up.

Tests and plays wait by polling: nothing here knows when another process is done.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

from lab.machine.stalls import stood_still

EVERY_S = 0.02
_REST = 3.0  # a look that took 50 ms is followed by a rest of at least 150 ms
_LONGEST_REST_S = 0.25


class Limit:
    """A time limit of `seconds` from now on, in which a stall of the machine does not count."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.begun = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the machine has run for longer than the limit."""
        took = time.monotonic() - self.begun
        return took > self.seconds and took - stood_still(self.begun) > self.seconds

    @property
    def left(self) -> float:
        """How long to wait at most before `over` is asked again; for who is woken by events."""
        ran = time.monotonic() - self.begun - stood_still(self.begun)
        return max(EVERY_S, self.seconds - ran)

    def __str__(self) -> str:
        """Say how long the limit is, and how much of the time the machine stood still."""
        still = stood_still(self.begun)
        return f"{self.seconds:g} s" + (f" (and {still:.1f} s of a stall)" if still else "")


async def comes_true(
    check: Callable[[], Any], within: float, *, every: float = EVERY_S
) -> tuple[Any, Limit]:
    """Poll `check`, which may be async, until what it gives is true or the limit is over.

    Returns what it gave last, and the limit. It is asked once more after the limit is over: who
    polls may be late as well. A check that takes long is asked less often, so that waiting takes
    at most a quarter of a processor from whom is waited for.
    """
    limit = Limit(within)
    while True:
        last = limit.over
        asked = time.monotonic()
        found = check()
        if inspect.isawaitable(found):
            found = await found
        if found or last:
            return found, limit
        rest = min(_REST * (time.monotonic() - asked), _LONGEST_REST_S)
        await asyncio.sleep(max(every, rest))


async def eventually(
    check: Callable[[], Any],
    within: float = 10.0,
    what: str = "",
    *,
    every: float = EVERY_S,
    error: Callable[[str], Exception] = AssertionError,
) -> Any:
    """Poll `check` until it gives something true, and return that; raise `error` if it does not."""
    found, limit = await comes_true(check, within, every=every)
    if found:
        return found
    raise error(f"{what or check}: not within {limit}; last seen: {found!r}")


def eventually_sync(check: Callable[[], Any], within: float = 10.0, what: str = "") -> Any:
    """As `eventually`, where there is no event loop."""
    limit = Limit(within)
    while True:
        last = limit.over
        found = check()
        if found:
            return found
        if last:
            raise AssertionError(f"{what or check}: not within {limit}; last seen: {found!r}")
        time.sleep(EVERY_S)
