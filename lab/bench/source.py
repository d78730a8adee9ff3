"""Where the calls of the engine alone come from: as many as are served, or so many a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from lab.machine.waiting import Limit

STUCK_S = 60.0
_RISE_S = 2.0


class Source:
    """Begins calls: a new one when one is over, or so many a second."""

    def __init__(self, at_once: int, rate: float | None) -> None:
        self.at_once, self.rate = at_once, rate
        self.begin: Callable[[], None] = lambda: None
        self._left = self._running = 0
        self._done = asyncio.Event()

    def one_is_over(self) -> None:
        """A call has come to its end."""
        self._running -= 1
        if self.rate is None:
            self._next()
        if not self._left and not self._running:
            self._done.set()

    def _next(self) -> None:
        if self._left:
            self._left -= 1
            self._running += 1
            self.begin()

    async def play(self, calls: int) -> None:
        """Let so many calls come; returns when the last one is over."""
        self._left = calls
        self._done.clear()
        if self.rate is None:
            # not all at the same moment, as they would stay together then
            for _ in range(self.at_once):
                self._next()
                await asyncio.sleep(_RISE_S / self.at_once)
        else:
            loop = asyncio.get_running_loop()
            start = loop.time()
            for index in range(calls):
                await asyncio.sleep(max(0.0, start + index / self.rate - loop.time()))
                self._next()
        limit = Limit(STUCK_S)
        while not self._done.is_set() and not limit.over:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit.left):
                    await self._done.wait()
        if not self._done.is_set():
            raise TimeoutError
