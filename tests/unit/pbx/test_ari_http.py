"""What ARI is asked over HTTP: an answer is a value, and whatever else comes is an AriError."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest
from aiohttp import WSMsgType, web

from ngalam112.recovery.snapshot import snapshot
from pbx.ari import AriClient
from pbx.ari_reply import AriUnreachable, ChannelGone
from pbx.ari_types import Bridge, Channel, RestRequest


async def listed(_: web.Request) -> web.Response:
    return web.json_response([{"id": "b1", "channels": ["c1"]}])


async def is_slow(_: web.Request) -> web.Response:
    await asyncio.sleep(30.0)
    return web.Response()


async def events(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        assert message.type is WSMsgType.TEXT
        asked = msgspec.json.decode(message.data, type=RestRequest)
        answer = {"request_id": asked.request_id, "status_code": 200}
        await socket.send_json({"type": "RESTResponse", **answer})
    return socket


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def connected(take_filter: Handler = listed) -> AsyncIterator[AriClient]:
    app = web.Application()
    app.router.add_get("/ari/events", events)
    app.router.add_get("/ari/bridges", listed)
    app.router.add_get("/ari/channels", is_slow)
    app.router.add_put("/ari/applications/{app}/eventFilter", take_filter)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    up = asyncio.Event()
    ari = AriClient(
        host="127.0.0.1",
        port=runner.addresses[0][1],
        app="ngalam112",
        user="engine",
        password="secret",
        on_event=lambda _: None,
        on_up=up.set,
        on_down=lambda: None,
        request_timeout=0.3,
    )
    running = asyncio.create_task(ari.run())
    try:
        await asyncio.wait_for(up.wait(), 5.0)
        yield ari
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await runner.cleanup()


async def test_a_list_is_read_over_http() -> None:
    async with connected() as ari:
        assert await ari.get("bridges", list[Bridge]) == [Bridge(id="b1", channels=["c1"])]


async def test_what_does_not_exist_is_gone() -> None:
    async with connected() as ari:
        with pytest.raises(ChannelGone, match="GET applications/other"):
            await ari.get("applications/other", Channel)


async def test_a_list_that_does_not_come_in_time_is_no_answer() -> None:
    async with connected() as ari:
        with pytest.raises(AriUnreachable, match="in time"):
            await ari.get("channels", list[Channel])


async def test_without_a_connection_there_is_no_list() -> None:
    async with connected() as ari:
        pass
    with pytest.raises(AriUnreachable):
        await ari.get("bridges", list[Bridge])


async def test_the_event_socket_answers_a_ping_behind_all_before() -> None:
    async with connected() as ari:
        answered: list[str] = []
        ari.send("POST", "bridges/b1", then=lambda _: answered.append("bridge"))
        await ari.caught_up()
        assert answered == ["bridge"]


class Ordered:
    """Notes in which order it is asked."""

    app = "ngalam112"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def get(self, uri: str, type: Any) -> Any:
        self.asked.append(uri)
        return msgspec.json.decode(
            b"[]" if uri in ("channels", "bridges") else b'{"name":""}', type=type
        )

    async def call(self, method: str, uri: str) -> str:
        self.asked.append(uri)
        raise ChannelGone

    async def caught_up(self) -> None:
        self.asked.append("caught up")


async def test_a_snapshot_is_no_older_than_what_was_asked_and_no_newer_than_what_was_told() -> None:
    ari = Ordered()
    await snapshot(cast(AriClient, ari), ["p1"])
    assert ari.asked[0] == ari.asked[-1] == "caught up"
    assert set(ari.asked[1:-1]) >= {"channels", "bridges", "applications/ngalam112"}


async def test_a_filter_that_comes_before_the_application_is_asked_for_again_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pbx.ari._FILTERED_S", 30.0)
    answers: list[int] = []

    async def knows_it_at_the_third_try(request: web.Request) -> web.Response:
        answers.append(404 if len(answers) < 2 else 200)
        return web.Response(status=answers[-1])

    async with connected(knows_it_at_the_third_try) as ari:
        # what happens to citizens is read only now
        assert answers[:3] == [404, 404, 200]
        assert ari.connected
