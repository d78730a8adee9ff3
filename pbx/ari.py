"""The ARI client: one WebSocket for events and requests, an HTTP lane for claims.

Requests are written in the order in which `send` is called, and Asterisk runs the requests of one
socket in that order. Claims have connections of their own, so nothing can delay the door. Every
request gets exactly one `Reply`: Asterisk's, or status 0 when the time is up or the socket is lost.

Sources: docs.asterisk.org, "ARI REST over WebSocket" and "StasisBroadcast".
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, TypeVar

import aiohttp
import msgspec
import structlog

from pbx.ari_reply import (
    LATE,
    LOST,
    AriError,
    AriRefused,
    AriUnreachable,
    ChannelGone,
    Reply,
    Then,
)
from pbx.ari_types import EVENT_NAMES, AnyEvent, Event, RestRequest, RestResponse
from pbx.claims import ClaimLane
from pbx.reconnect import reconnect_delays

log = structlog.get_logger("ari")
T = TypeVar("T")


class _Pending(msgspec.Struct):
    then: Then | None
    deadline: float
    what: str


class AriClient:
    """The link of one application to one Asterisk.

    `on_event` and the `then` of a request are called in the event loop's thread and must not
    block. `on_up` runs after each (re)connect, before any further event is handed out; `on_down`
    after each loss.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        app: str,
        user: str,
        password: str,
        on_event: Callable[[Event], None],
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        request_timeout: float = 5.0,
        connect_timeout: float = 5.0,
        heartbeat: float = 5.0,
    ) -> None:
        self.app = app
        self.requests_sent = 0
        self.events_received = 0
        self.undecodable = 0
        self.connects = 0
        self._base = f"http://{host}:{port}/ari"
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}
        self._on_event, self._on_up, self._on_down = on_event, on_up, on_down
        self._request_timeout = request_timeout
        self._connect_timeout = connect_timeout
        self._heartbeat = heartbeat
        self._decode = msgspec.json.Decoder(AnyEvent).decode
        self._encode = msgspec.json.Encoder().encode
        self._pending: dict[str, _Pending] = {}
        self._outgoing: deque[bytes] = deque()
        self._outgoing_ready = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._lane = ClaimLane(host, port, app, self._headers["Authorization"], request_timeout)
        self._claims: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """There is a live event socket."""
        return self._socket is not None and not self._socket.closed

    @property
    def waiting(self) -> int:
        """Requests without an answer yet: the back-pressure of the link."""
        return len(self._pending)

    # --- requests ---------------------------------------------------------------------------

    def send(
        self,
        method: str,
        uri: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        then: Then | None = None,
        timeout: float | None = None,
    ) -> None:
        """Write one request; `then` gets its Reply. `body` is sent as JSON."""
        if self._socket is None:
            if then is not None:
                asyncio.get_running_loop().call_soon(then, LOST)
            return
        self.requests_sent += 1
        request_id = str(self.requests_sent)
        request = RestRequest(
            request_id=request_id,
            method=method,
            uri=uri,
            query_strings=[{"name": name, "value": value} for name, value in (query or {}).items()],
            message_body="" if body is None else self._encode(body).decode(),
        )
        deadline = asyncio.get_running_loop().time() + (timeout or self._request_timeout)
        self._pending[request_id] = _Pending(then, deadline, f"{method} {uri}")
        self._outgoing.append(self._encode(request))
        self._outgoing_ready.set()

    async def call(
        self,
        method: str,
        uri: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Any = None,
        timeout: float | None = None,
    ) -> str:
        """Send one request and wait for it; returns the body or raises an AriError."""
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def then(reply: Reply) -> None:
            if not answer.done():
                answer.set_result(reply)

        self.send(method, uri, query, body=body, then=then, timeout=timeout)
        reply = await answer
        if reply.ok:
            return reply.body
        if reply.gone:
            raise ChannelGone(f"{method} {uri}: {reply.reason}")
        raise (AriUnreachable if reply.status == 0 else AriError)(
            f"{method} {uri}: {reply.status} {reply.reason}"
        )

    async def get(self, uri: str, type: type[T]) -> T:
        """Read `uri` and decode it as `type`."""
        return msgspec.json.decode(await self.call("GET", uri), type=type)

    def claim(self, channel_id: str, then: Then) -> None:
        """Claim a broadcast call; `then` gets 2xx if it is ours, 404 or 409 if not."""
        task = asyncio.create_task(self._claim(channel_id, then), name=f"claim {channel_id}")
        self._claims.add(task)
        task.add_done_callback(self._claims.discard)

    async def _claim(self, channel_id: str, then: Then) -> None:
        then(await self._lane.claim(channel_id))

    # --- the connection ---------------------------------------------------------------------

    async def run(self, *, first_within: float | None = None) -> None:
        """Stay connected until cancelled.

        Raises AriRefused when the password is wrong at the first connect, AriUnreachable when
        there was no connection at all for `first_within` seconds from the start.
        """
        loop = asyncio.get_running_loop()
        give_up = None if first_within is None else loop.time() + first_within
        delays = reconnect_delays()
        with closing(self._lane):
            async with aiohttp.ClientSession() as self._session:
                while True:
                    try:
                        async with asyncio.timeout(self._connect_timeout):
                            socket = await self._connect()
                    except (aiohttp.ClientError, OSError, TimeoutError, AriError) as error:
                        self._failed_connect(error, give_up)
                        await asyncio.sleep(next(delays))
                        continue
                    give_up, delays = None, reconnect_delays()
                    await self._serve(socket)
                    await asyncio.sleep(next(delays))

    def _failed_connect(self, error: BaseException, give_up: float | None) -> None:
        refused = isinstance(error, aiohttp.WSServerHandshakeError) and error.status in (401, 403)
        if refused and self.connects == 0:
            raise AriRefused(
                f"Asterisk at {self._base} refuses our ARI user or password; "
                "the running Asterisk was started with other secrets, so restart it."
            ) from None
        if give_up is not None and asyncio.get_running_loop().time() > give_up:
            raise AriUnreachable(
                f"No ARI at {self._base} ({error or type(error).__name__}); is Asterisk running?"
            ) from None
        log.warning("ari_connect_failed", error=str(error) or type(error).__name__)

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        assert self._session is not None
        link = await self._session.ws_connect(
            f"{self._base}/events?app={self.app}",
            headers=self._headers,
            heartbeat=self._heartbeat,
            max_msg_size=64 * 1024 * 1024,
            compress=0,
        )
        _forgets_at_close(link)
        return link

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._outgoing.clear()
        self.connects += 1
        log.info("ari_up", connects=self.connects)
        try:
            async with asyncio.TaskGroup() as tasks:
                writer = tasks.create_task(self._write(socket), name="ari writer")
                sweeper = tasks.create_task(self._expire(), name="ari time-outs")
                self.send(
                    "PUT",
                    f"applications/{self.app}/eventFilter",
                    body={"allowed": [{"type": name} for name in EVENT_NAMES]},
                    then=self._filtered,
                )
                self._on_up()
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self._receive(message.data)
                writer.cancel()
                sweeper.cancel()
        except* (aiohttp.ClientError, OSError) as group:
            log.warning("ari_socket_failed", error=str(group.exceptions[0]))
        finally:
            self._socket = None
            pending, self._pending = self._pending, {}
            await socket.close()
            log.warning("ari_down", unanswered=len(pending))
            for request in pending.values():
                if request.then is not None:
                    request.then(LOST)
            self._on_down()

    def _filtered(self, reply: Reply) -> None:
        if not reply.ok:
            log.error("ari_event_filter_refused", status=reply.status, reason=reply.reason)

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        outgoing = self._outgoing
        while True:
            await self._outgoing_ready.wait()
            self._outgoing_ready.clear()
            while outgoing:
                await socket.send_frame(outgoing.popleft(), aiohttp.WSMsgType.TEXT)

    async def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.25)
            now = loop.time()
            for key in [key for key, item in self._pending.items() if item.deadline < now]:
                late = self._pending.pop(key)
                log.warning("ari_request_late", request=late.what)
                if late.then is not None:
                    late.then(LATE)

    def _receive(self, text: str) -> None:
        try:
            event = self._decode(text)
        except msgspec.DecodeError as error:
            # an event type that the filter should have kept out, or a text that is no JSON
            self.undecodable += 1
            log.debug("ari_event_skipped", error=str(error))
            return
        if isinstance(event, RestResponse):
            request = self._pending.pop(event.request_id, None)
            if request is not None and request.then is not None:
                request.then(Reply(event.status_code, event.reason_phrase, event.message_body))
            return
        self.events_received += 1
        self._on_event(event)


def _forgets_at_close(link: aiohttp.ClientWebSocketResponse) -> None:
    """Let the kernel drop what is unsent when the link is given up (SO_LINGER of 0, socket(7)).

    Over a cut it would be sent again and again, and reach Asterisk half a minute later: hang-ups
    and moves of calls that others have served meanwhile.
    """
    ours = link.get_extra_info("socket")
    if ours is not None:
        with socket.socket(fileno=os.dup(ours.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
