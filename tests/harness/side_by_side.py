"""Stories that tests of one file play on one line at the same time; each test waits for its own.

Most of such a test is waiting: for a wrap-up, for silence in a menu, for the end of a talk. On a
line of its own each would start an Asterisk to wait in, and one after the other they would wait in
turn. Stories that share a line keep apart by their phones, their callers' numbers, and the
categories that their operators have as skills.

    together = SideBySide()
    stories = together.fixture()  # uses the module's fixture `line`

    @together
    async def test_a_pause_has_a_reason(line: Line) -> None: ...

    @together.afterwards
    async def test_the_next_engine_knows_it(line: Line) -> None: ...  # kills the engine
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest_asyncio
from lines import Line

Story = Callable[[Line], Coroutine[Any, Any, None]]
Stories = dict[str, asyncio.Task[None]]
Test = Callable[[Stories], Coroutine[Any, Any, None]]
_begun: dict[str, float] = {}


class SideBySide:
    """The stories of one file."""

    def __init__(self) -> None:
        self._together: dict[str, Story] = {}
        self._afterwards: dict[str, Story] = {}

    def __call__(self, story: Story) -> Test:
        """Play this one beside the others; returns the test that fails as it fails."""
        return _test(story, self._together)

    def afterwards(self, story: Story) -> Test:
        """Play this one alone, once all of the others and the earlier ones of its kind are over."""
        return _test(story, self._afterwards)

    def fixture(self) -> Any:
        """The module's fixture `stories`: begins all of them, and ends what nobody waits for."""

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def stories(request: Any, line: Line) -> AsyncIterator[Stories]:
            begin(request.module)
            tasks = self._begin(line)
            try:
                yield tasks
            finally:
                for task in tasks.values():
                    task.cancel()
                await asyncio.gather(*tasks.values(), return_exceptions=True)

        return stories

    def _begin(self, line: Line) -> Stories:
        tasks = {name: asyncio.create_task(one(line)) for name, one in self._together.items()}
        for name, story in self._afterwards.items():
            tasks[name] = asyncio.create_task(_after(list(tasks.values()), story, line))
        return tasks


async def _after(others: list[asyncio.Task[None]], story: Story, line: Line) -> None:
    await asyncio.wait(others)
    await story(line)


def _test(story: Story, among: dict[str, Story]) -> Test:
    name = story.__name__
    among[name] = story

    async def test(stories: Stories) -> None:
        await stories[name]

    test.__name__, test.__qualname__, test.__module__ = name, name, story.__module__
    test.__doc__ = story.__doc__
    return test


def begin(module: Any) -> None:
    """What the tests of this module look at begins now, so a stall from now on spoils them."""
    _begun[module.__name__] = time.monotonic()


def begun(module: Any, test_began: float) -> float:
    """When what a test of this module waits for began (monotonic), if before the test itself."""
    return min(test_began, _begun.get(getattr(module, "__name__", ""), test_began))
