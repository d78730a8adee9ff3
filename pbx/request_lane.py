"""A request lane: one WebSocket to Asterisk, over which requests are asked and answered in turn.

Asterisk runs the requests of one socket one after the other, in the order in which they were
written, and each for as long as the channel in question takes to do it (a thread of its own does).
So what belongs to one call goes over one lane, and calls do not wait for each other's.

Source: docs.asterisk.org, "ARI REST over WebSocket".
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import msgspec
import structlog

from pbx.ari_reply import LATE, LOST, Reply, Then
from pbx.ari_types import RestRequest, RestResponse
from pbx.small_answers import LONGEST_FRAME, check_answer_is_small

log = structlog.get_logger("ari")


class _Pending(msgspec.Struct):
    then: Then | None
    deadline: float
    what: str


_LANE = "-lane-"


def lane_apps(app: str, more: int) -> list[str]:
    """The applications of the lanes: the line's own, and so many more, to which nothing happens."""
    return [app, *(f"{app}{_LANE}{number}" for number in range(1, more + 1))]


def is_further_lane(app: str) -> bool:
    """Whether it is the application of a lane that takes requests only."""
    return _LANE in app


class RequestLane:
    """The requests over one socket for the application `app`; each gets exactly one Reply."""

    def __init__(self, app: str) -> None:
        self.app = app
        self.waiting: dict[str, _Pending] = {}  # without an answer yet
        self._encode = msgspec.json.Encoder().encode
        self._outgoing: deque[bytes] = deque()
        self._ready = asyncio.Event()
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def is_open(self) -> bool:
        """There is a live socket."""
        return self._socket is not None and not self._socket.closed

    async def open(
        self, connect: Callable[[str], Awaitable[aiohttp.ClientWebSocketResponse]]
    ) -> None:
        """Connect; `connect` opens a socket for an application."""
        link = await connect(self.app)
        _forgets_at_close(link)
        self._outgoing.clear()
        self._socket = link

    async def close(self) -> None:
        """Give the socket up; what is without an answer is lost."""
        link, self._socket = self._socket, None
        lost, self.waiting = self.waiting, {}
        if link is not None:
            await link.close()
        for request in lost.values():
            if request.then is not None:
                request.then(LOST)

    def send(
        self,
        request_id: str,
        method: str,
        uri: str,
        query: Mapping[str, str],
        body: Any,
        then: Then | None,
        timeout: float,
    ) -> None:
        """Write one request; `then` gets its Reply, or LATE after `timeout` seconds.

        Raises ValueError for one whose answer may be too long for a WebSocket.
        """
        check_answer_is_small(method, uri)
        loop = asyncio.get_running_loop()
        if self._socket is None:
            if then is not None:
                loop.call_soon(then, LOST)
            return
        request = RestRequest(
            request_id=request_id,
            method=method,
            uri=uri,
            query_strings=[{"name": name, "value": value} for name, value in query.items()],
            message_body="" if body is None else self._encode(body).decode(),
        )
        self.waiting[request_id] = _Pending(then, loop.time() + timeout, f"{method} {uri}")
        self._outgoing.append(self._encode(request))
        self._ready.set()

    async def write(self) -> None:
        """Write what is asked, until cancelled."""
        outgoing, link = self._outgoing, self._socket
        assert link is not None
        while True:
            await self._ready.wait()
            self._ready.clear()
            while outgoing:
                await link.send_frame(outgoing.popleft(), aiohttp.WSMsgType.TEXT)

    async def read(self, hear: Callable[[str], RestResponse | None]) -> None:
        """Hand what comes to `hear`, until the socket ends; take the answers that it finds."""
        assert self._socket is not None
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            if len(message.data) > LONGEST_FRAME:
                log.warning("ari_frame_long", signs=len(message.data), begin=message.data[:60])
            answer = hear(message.data)
            if answer is None:
                continue
            request = self.waiting.pop(answer.request_id, None)
            if request is not None and request.then is not None:
                request.then(Reply(answer.status_code, answer.reason_phrase, answer.message_body))

    def expire(self, now: float) -> None:
        """Answer LATE whose time was up at `now` (of the loop's clock)."""
        for key in [key for key, item in self.waiting.items() if item.deadline < now]:
            late = self.waiting.pop(key)
            log.warning("ari_request_late", request=late.what)
            if late.then is not None:
                late.then(LATE)


def _forgets_at_close(link: aiohttp.ClientWebSocketResponse) -> None:
    """Let the kernel drop what is unsent when the link is given up (SO_LINGER of 0, socket(7)).

    Over a cut it would be sent again and again, and reach Asterisk half a minute later: hang-ups
    and moves of calls that others have served meanwhile.
    """
    ours = link.get_extra_info("socket")
    if ours is not None:
        with socket.socket(fileno=os.dup(ours.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
