"""The inbox of the engine: everything that wants to change a call waits here for the one writer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from ngalam112.engine.event_router import Do
from pbx.ari_types import CallBroadcast

T = TypeVar("T")


class Inbox:
    """Two queues in order of arrival: questions for claims first, then all other events."""

    def __init__(self) -> None:
        self._events: deque[object] = deque()
        self._broadcasts: deque[object] = deque()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """How many events wait for the writer: the back-pressure of the engine."""
        return len(self._events) + len(self._broadcasts)

    def post(self, event: object) -> None:
        """Put an event into the inbox; never blocks.

        Calls to be claimed come first, for the fallback serves whom nobody claims in time.
        """
        first = isinstance(event, CallBroadcast)
        (self._broadcasts if first else self._events).append(event)
        self._wake.set()

    def take(self) -> object:
        """Take the next event; IndexError if there is none."""
        return (self._broadcasts or self._events).popleft()

    async def do(self, act: Callable[[float], T]) -> T:
        """Have the writer call `act(now)` and return what it returns, or raise what it raises."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

        def run(now: float) -> None:
            try:
                answer.set_result(act(now))
            except Exception as error:
                answer.set_exception(error)

        self.post(Do(run))
        return await answer

    async def filled(self, within: float | None) -> None:
        """Wait for an event, at most `within` seconds."""
        alarm = None
        if within is not None:
            alarm = asyncio.get_running_loop().call_later(within, self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if alarm is not None:
            alarm.cancel()
