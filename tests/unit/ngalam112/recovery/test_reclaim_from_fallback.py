"""Taking back: nobody is moved on what was true a while ago."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ngalam112.recovery import reclaim_from_fallback
from pbx.ari_types import Bridge, Channel, DialplanPlace


class Fallback:
    """Asterisk with citizens in the fallback; `redirected` is who was taken, in order."""

    def __init__(self, count: int, moves: Callable[[Fallback], None]) -> None:
        self.waiting = [f"c{index}" for index in range(count)]
        self.talking: set[str] = set()
        self.redirected: list[str] = []
        self._moves = moves

    async def get(self, path: str, _: object) -> list[Any]:
        if path == "bridges":
            return [Bridge(id=one, channels=[one, f"phone of {one}"]) for one in self.talking]
        place = DialplanPlace("fallback", "112")
        return [Channel(id=one, name=one, dialplan=place) for one in self.waiting]

    async def redirect(self, name: str, *_: str) -> None:
        self.redirected.append(name)
        self._moves(self)
        await asyncio.sleep(0.02)


async def take_back(fallback: Fallback, here: set[str]) -> None:
    looking = reclaim_from_fallback.keep_reclaiming(
        fallback,  # type: ignore[arg-type]
        fallback,  # type: ignore[arg-type]
        is_here=here.__contains__,
        is_wanted=lambda: False,
        tell=lambda _: None,
    )
    await looking


@pytest.fixture(autouse=True)
def one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reclaim_from_fallback, "LOOKS_S", (0.0,))
    monkeypatch.setattr(reclaim_from_fallback, "FRESH_S", 0.01)


async def test_all_who_wait_are_taken_once_in_their_order() -> None:
    fallback = Fallback(5, lambda _: None)
    await take_back(fallback, set())
    assert fallback.redirected == ["c0", "c1", "c2", "c3", "c4"]


async def test_who_has_begun_to_talk_since_the_look_is_left_alone() -> None:
    def answer(fallback: Fallback) -> None:
        fallback.talking.add("c2")

    fallback = Fallback(4, answer)
    await take_back(fallback, set())
    assert fallback.redirected == ["c0", "c1", "c3"]


async def test_who_is_back_already_is_not_moved_again() -> None:
    fallback = Fallback(3, lambda _: None)
    await take_back(fallback, {"c1"})
    assert fallback.redirected == ["c0", "c2"]
