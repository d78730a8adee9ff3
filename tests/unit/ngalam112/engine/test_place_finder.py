"""Copies of INVITEs are read in a thread, each once, and a flood of them is cut off."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pidf import circle, document, invite

from lab.machine.waiting import eventually
from ngalam112.config.settings import load_settings
from ngalam112.engine import place_worker
from ngalam112.engine.locations import Told
from ngalam112.engine.place_finder import MOST_OF_A_CALL, PlaceFinder
from ngalam112.engine.place_worker import PlaceWorker
from pbx.hep import Copy


class Listener:
    """In the place of `Locations`."""

    def __init__(self) -> None:
        self.heard: list[Told] = []
        self.got: list[tuple[str, Any]] = []

    def told(self, told: Told, now: float) -> None:
        self.heard.append(told)

    def fetched(self, channel: str, place: Any, now: float) -> None:
        self.got.append((channel, place))


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def finder(listener: Listener, tmp_path: Path) -> PlaceFinder:
    found = PlaceFinder(load_settings(home=tmp_path), lambda act: act(0.0))
    found.locations = listener  # type: ignore[assignment]
    return found


def copy(lat: float = -7.9797, call_id: str = "a@b", **changes: Any) -> Copy:
    values = {"geolocation": "<cid:place@citizen>", "pidf": document(circle(lat, 112.6304))}
    return Copy("127.0.0.1", call_id, invite(**(values | changes)))


async def test_a_copy_is_read_named_and_told(finder: PlaceFinder, listener: Listener) -> None:
    finder.copied(copy())
    await eventually(lambda: bool(listener.heard), what="told")
    (told,) = listener.heard
    assert told.place is not None
    assert (told.sip_id, told.place.kelurahan) == ("a@b", "Kauman")


async def test_what_is_sent_again_is_read_once_and_changes_are_few(
    finder: PlaceFinder, listener: Listener
) -> None:
    same = copy()
    for _ in range(5):
        finder.copied(same)
    for step in range(50):
        finder.copied(copy(-7.9 - step / 1000))
    finder.copied(copy(call_id="last"))
    await eventually(lambda: listener.heard and listener.heard[-1].sip_id == "last", what="all")
    assert len([one for one in listener.heard if one.sip_id == "a@b"]) == MOST_OF_A_CALL


async def test_what_is_no_place_is_told_to_nobody(finder: PlaceFinder, listener: Listener) -> None:
    finder.copied(copy(pidf=b"<!DOCTYPE a []><a/>"))
    finder.copied(copy(call_id="good"))
    await eventually(lambda: bool(listener.heard), what="told")
    assert [one.sip_id for one in listener.heard] == ["good"]


async def test_a_reference_to_a_host_that_is_not_listed_is_not_fetched(
    finder: PlaceFinder, listener: Listener
) -> None:
    finder.fetch("c1", ("https://evil.example/",))
    await eventually(lambda: bool(listener.got), what="over")
    assert listener.got == [("c1", None)]


async def test_a_later_reference_takes_the_place_of_one_that_is_being_fetched(
    finder: PlaceFinder, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def fetch(references: tuple[str, ...]) -> bytes:
        asked.append(references[0])
        if len(asked) == 1:
            await asyncio.sleep(30)
        return document(circle(-7.9797, 112.6304))

    monkeypatch.setattr(finder._fetcher, "fetch", fetch)
    finder.fetch("c1", ("https://a/1",))
    await eventually(lambda: bool(asked), what="the first is being fetched")
    finder.fetch("c1", ("https://a/2",))
    await eventually(lambda: bool(listener.got), what="fetched")
    assert asked == ["https://a/1", "https://a/2"]
    ((channel, place),) = listener.got
    assert (channel, place.source) == ("c1", "reference")
    await eventually(lambda: not finder._fetching, what="forgotten")


async def test_work_that_fails_is_an_answer_too(tmp_path: Path) -> None:
    worker = PlaceWorker(tmp_path / "no.geojson")
    assert await worker.ask(lambda city: 1 // 0) is None
    assert await worker.ask(lambda city: city is None) is True, "without a map places have no names"


async def test_a_flood_of_long_work_leaves_the_processor_to_calls(tmp_path: Path) -> None:
    def busy(_: object) -> float:
        begun = time.thread_time()
        while time.thread_time() - begun < 0.02:
            pass
        return time.monotonic()

    worker, ended = PlaceWorker(tmp_path / "no.geojson"), list[float]()
    assert await worker.ask(lambda city: city) is None, "what it loads is loaded"
    for _ in range(4):
        worker.do(busy, ended.append)
    await eventually(lambda: len(ended) == 4, what="done")
    assert all(later - one > 0.07 for one, later in pairwise(ended))


async def test_no_more_work_waits_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place_worker, "MOST_WAITING", 3)
    worker, done = PlaceWorker(tmp_path / "no.geojson"), list[int]()
    taken = [worker.do(lambda city, n=n: n, done.append) for n in range(10)]  # type: ignore[misc]
    assert taken == [True] * 3 + [False] * 7
    await eventually(lambda: done == [0, 1, 2], what="done")
    assert worker.do(lambda city: 3, done.append)
    await asyncio.sleep(0)
