"""The line as it is now, pushed by a real engine over real HTTP; Asterisk is down."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import socket
import struct
import sys
import termios
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from answer_types import hold_to_its_type
from lines import eventually
from served import ServedEngine, an_engine

from lab.actors.sipp import free_port
from ngalam112.api.live import MOST_CLIENTS, LiveClient, LiveFeed
from ngalam112.api.live_state import MOST_WAITING
from ngalam112.cli.client import EngineRefused
from ngalam112.cli.live.stream import looks
from ngalam112.cli.live.view import Silent
from ngalam112.config.settings import PROJECT


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path) as one:
        yield one


@pytest.fixture
async def http(served: ServedEngine) -> AsyncIterator[aiohttp.ClientSession]:
    token = served.settings.secrets.api_token
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{served.settings.api_port}",
        headers={"Authorization": f"Bearer {token}"},
    ) as session:
        yield session


def feed_of(served: ServedEngine) -> LiveFeed:
    assert served.api is not None
    return served.api.live.feed


async def events(http: aiohttp.ClientSession, count: int, last: str = "") -> list[dict[str, str]]:
    """So many events, each as its fields."""
    headers = {"Last-Event-ID": last} if last else {}
    async with http.get("/api/live", params={"events": count}, headers=headers) as answer:
        assert answer.status == 200 and answer.content_type == "text/event-stream"
        text = await answer.text()
    return [
        dict(line.split(": ", 1) for line in one.splitlines()) for one in text.split("\n\n") if one
    ]


def told(event: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event["data"])
    return found


async def test_who_watches_gets_the_whole_line_at_once_and_again_each_second(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    await served.post("/api/phones", number="101")
    await served.post("/api/operators", id="1001", name="Sari", pin="654321", home_phone="101")
    await served.post("/api/operators/1001/login")
    await served.post("/api/operators/1001/pause", reason="prayer")
    first, second = await events(http, 2)
    assert first["event"] == "snapshot" and first["id"] != second["id"]
    hold_to_its_type("GET", "/api/live", told(first))
    assert [told(one)["seq"] for one in (first, second)] == [1, 2]
    (person,) = told(second)["people"]
    kept = ("id", "status", "state", "pause_reason", "phone", "device")
    assert [person[name] for name in kept] == ["1001", "paused", "idle", "prayer", "101", "unknown"]
    assert 0.5 < person["for_s"] < 20, "since the pause"
    assert told(second)["engine"]["ari"] is False
    assert feed_of(served).clients == set()


async def test_of_many_who_wait_all_are_counted_and_the_first_are_told(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    many = MOST_WAITING + 10
    for n in range(many):
        await served.citizen(f"c{n}", f"0812{n:06}")
    await eventually(lambda: len(served.engine.dispatcher.queue) == many, within=20)
    (one,) = await events(http, 1)
    found = told(one)
    hold_to_its_type("GET", "/api/live", found)
    assert (found["queue"]["length"], len(found["waiting"])) == (many, MOST_WAITING)
    assert sum(each["waiting"] for each in found["categories"]) == many
    assert found["waiting"][0]["kind"] == "call" and found["waiting"][0]["wait_s"] > 0
    assert found["last_call_s"] is None, "these did not ask to be claimed"


async def test_a_snapshot_is_made_once_for_all_and_only_while_somebody_watches(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    feed = feed_of(served)
    both = await asyncio.gather(events(http, 2), events(http, 2))
    assert both[0][1] == both[1][1] and feed.seq <= 3
    before = feed.seq
    await asyncio.sleep(1.3)  # longer than from one to the next
    assert feed.seq == before


async def test_who_comes_back_after_a_drop_is_not_told_again_what_it_had(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    async with http.get("/api/live") as other:  # another one watches on
        await other.content.readline()
        (first,) = await events(http, 1)
        (after,) = await events(http, 1, first["id"])
        assert told(after)["seq"] > told(first)["seq"]
        (unknown,) = await events(http, 1, "of-another-engine-7")
        assert told(unknown)["seq"] >= told(after)["seq"]


async def test_not_more_than_some_watch_and_a_place_is_free_again(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(MOST_CLIENTS):
            answer = await stack.enter_async_context(http.get("/api/live"))
            await answer.content.readline()
        async with http.get("/api/live") as refused:
            assert refused.status == 409
            assert "close one of the boards" in (await refused.json())["error"]
    await eventually(lambda: not feed_of(served).clients, within=10, what="they are gone")
    assert len(await events(http, 1)) == 1


async def test_who_reads_nothing_costs_nothing_and_is_cut_off(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    assert served.api is not None
    feed, served.api.live.within_s = feed_of(served), 1.0
    feed._every_s, feed._make = 0.02, lambda seq: {"seq": seq, "much": "x" * 50_000}
    deaf = socket.create_connection(("127.0.0.1", served.settings.api_port))
    token = served.settings.secrets.api_token
    with deaf:
        deaf.sendall(
            f"GET /api/live HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        await eventually(lambda: len(feed.clients) == 1)
        (client,) = feed.clients
        seen = await events(http, 40)
        numbers = [told(one)["seq"] for one in seen]
        assert numbers == list(range(numbers[0], numbers[0] + 40)), "nobody else waits for it"
        await eventually(lambda: client not in feed.clients, within=10, what="it is cut off")
    assert served.engine.event_errors == 0


def test_who_comes_again_and_again_has_no_snapshot_made_before_its_time() -> None:
    made: list[int] = []
    feed = LiveFeed(lambda seq: made.append(seq), every_s=0.0)
    feed.took_s = 60.0  # as on a machine that is very slow
    feed._made_at, feed.newest = time.monotonic(), b"the newest"
    loop = asyncio.new_event_loop()
    feed._task = loop.create_task(asyncio.sleep(0))
    client = LiveClient(feed)
    feed.join(client, "")
    assert made == [] and loop.run_until_complete(client.take()) == b"the newest"
    loop.close()


async def test_a_snapshot_that_cannot_be_made_takes_no_place_of_who_watches(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    assert served.api is not None
    feed, served.api.live.within_s = feed_of(served), 0.5
    right, feed._make = feed._make, lambda seq: 1 / 0
    for _ in range(2):
        with suppress(aiohttp.ClientError):
            await (await http.get("/api/live")).read()
    await eventually(lambda: not feed.clients, within=10, what="they are gone")
    feed._make = right
    assert len(await events(http, 1)) == 1


async def test_a_question_that_is_none_is_refused(http: aiohttp.ClientSession) -> None:
    for asked in ({"events": "0"}, {"events": "many"}, {"colour": "red"}):
        async with http.get("/api/live", params=asked) as refused:
            assert refused.status == 400 and "error" in await refused.json()
    async with http.head("/api/live") as head:
        assert head.status == 200 and head.content_type == "text/event-stream"


async def test_an_engine_that_goes_ends_the_answers_at_once(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    async with http.get("/api/live") as answer:
        await answer.content.readline()
        feed_of(served).stop()
        async with asyncio.timeout(5):
            await answer.content.read()


async def test_the_board_comes_back_by_itself_to_the_next_engine(tmp_path: Path) -> None:
    port = free_port()
    async with an_engine(tmp_path, api_port=port) as first:
        watching = looks(first.settings)
        one = await anext(watching)
        assert not isinstance(one, Silent) and one["seq"] == 1
    while not isinstance(one, Silent):
        one = await anext(watching)
    async with an_engine(tmp_path, api_port=port):
        while isinstance(one, Silent):
            one = await anext(watching)
        assert one["seq"] == 1 and one["people"] == []
    await watching.aclose()


async def test_a_board_that_is_one_too_many_ends_with_the_engines_sentence(
    served: ServedEngine,
) -> None:
    feed_of(served).clients.update(LiveClient(feed_of(served)) for _ in range(MOST_CLIENTS))
    with pytest.raises(EngineRefused, match="close one of the boards"):
        await anext(looks(served.settings))


async def test_a_supervisor_puts_a_citizen_first_or_in_another_category(
    served: ServedEngine, http: aiohttp.ClientSession
) -> None:
    for n in range(3):
        await served.citizen(f"c{n}", f"0812{n:06}")
    await eventually(lambda: len(served.engine.dispatcher.queue) == 3, within=20)
    last = [one.id for one in served.engine.dispatcher.queue][-1]
    assert (await served.post(f"/api/calls/{last}/first", by="budi"))["call_id"] == last
    moved = await served.post(f"/api/calls/{last}/category", category="fire")
    assert moved["category"] == "fire"
    (one,) = await events(http, 1)
    assert (told(one)["waiting"][0]["id"], told(one)["waiting"][0]["category"]) == (last, "fire")
    for action, body, status, says in (
        ("category", {"category": "love"}, 400, "choose: "),
        ("first", {"by": ""}, 400, "body"),
    ):
        found = await served.refusal("post", f"/api/calls/{last}/{action}", **body)
        assert found[0] == status and says in found[1]
    assert (await served.refusal("post", "/api/calls/nobody/first"))[0] == 404
    await served.journal.recorder.flushed()
    kept = [event["kind"] for event in (await served.get(f"/api/calls/{last}"))["events"]]
    assert "put_first" in kept and "moved" in kept


async def test_on_a_terminal_it_is_a_screen_and_elsewhere_lines(served: ServedEngine) -> None:
    await served.post("/api/operators", id="1001", name="Sari", pin="654321")
    environment = {**os.environ, **served.settings.environment(), "TERM": "xterm", "LANG": "id_ID"}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = (sys.executable, "-m", "ngalam112", "live")
    screen = await asyncio.create_subprocess_exec(
        *command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=PROJECT
    )
    lines = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env=environment, cwd=PROJECT
    )
    try:
        os.set_blocking(ours, False)
        seen = bytearray()

        def has_come() -> bool:
            with suppress(BlockingIOError):
                seen.extend(os.read(ours, 65_536))
            return b"1001" in seen and "Sari" in seen.decode(errors="replace")

        await eventually(has_come, within=30, what="the operators are on the screen")
        os.write(ours, b"q")
        # who does not read its farewell would hold it up
        await eventually(lambda: has_come() and screen.returncode is not None, within=20)
        assert screen.returncode == 0 and b"ANTREAN" in seen
        assert lines.stdout is not None
        async with asyncio.timeout(30):
            first = await lines.stdout.readline()
        assert b"ANTREAN 0" in first and b"\x1b" not in first
    finally:
        for process in (screen, lines):
            if process.returncode is None:
                process.kill()
            await process.wait()
        os.close(ours)
        os.close(theirs)
