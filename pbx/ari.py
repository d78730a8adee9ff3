"""The ARI client: WebSockets for events and for requests about one call, HTTP for all else.

What goes by HTTP: lists, and all else whose answer grows with the line, because Asterisk ends when
it has to send a long text over a WebSocket (`pbx/small_answers.py`); and claims.

Requests are written in the order in which `send` is called, and Asterisk runs the requests of one
lane in that order. Claims have connections of their own, so nothing can delay a claim. Every
request gets exactly one `Reply`: Asterisk's, or status 0 when the time is up or the link is lost.
All sockets are one link: when one is lost, all are given up and made anew.

Sources: docs.asterisk.org, "ARI REST over WebSocket" and "StasisBroadcast".
"""

from __future__ import annotations

import asyncio
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
from pbx.ari_types import EVENT_NAMES, AnyEvent, Event, RestResponse
from pbx.claims import ClaimLane
from pbx.reconnect import reconnect_delays
from pbx.request_lane import RequestLane, lane_apps

log = structlog.get_logger("ari")
T = TypeVar("T")
_FILTERED_S = 0.5  # so long the calls wait for the filters at most
_REFUSED_OFTEN = 4  # half a second of tries
_CLOSE_S = 0.5  # for Asterisk's word on the end of a socket; over a cut there is none


class _LinkLostError(Exception):
    """A socket of the link has ended."""


class AriClient:
    """The link of one application to one Asterisk.

    Lane 0 is the event socket; `lanes` further ones take requests only, each as an application of
    its own to which nothing happens (`lane_apps`), for a second socket would take the first
    one's application over.
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
        lanes: int = 0,
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
        self._session: aiohttp.ClientSession | None = None
        self._lanes = [RequestLane(name) for name in lane_apps(app, lanes)]
        authorization = self._headers["Authorization"]
        self._claim_lane = ClaimLane(host, port, app, authorization, request_timeout)
        self._claims: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """There is a live link."""
        return all(lane.is_open for lane in self._lanes)

    @property
    def waiting(self) -> int:
        """Requests without an answer yet: the back-pressure of the link."""
        return sum(len(lane.waiting) for lane in self._lanes)

    @property
    def lanes(self) -> int:
        """How many lanes there are for requests, the event socket among them."""
        return len(self._lanes)

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
        lane: int = 0,
    ) -> None:
        """Write one request; `then` gets its Reply. `body` is sent as JSON.

        Raises ValueError for one whose answer may be too long for a WebSocket.
        """
        self.requests_sent += 1
        self._lanes[lane].send(
            str(self.requests_sent),
            method,
            uri,
            query or {},
            body,
            then,
            timeout or self._request_timeout,
        )

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
        return _body(method, uri, await answer)

    async def get(self, uri: str, type: type[T]) -> T:
        """Read `uri` over HTTP and decode it as `type`; raises an AriError or a MsgspecError."""
        return msgspec.json.decode(await self._over_http("GET", uri), type=type)

    async def put(self, uri: str, body: Any) -> None:
        """Have something done over HTTP that no call is to wait for; raises an AriError."""
        await self._over_http("PUT", uri, body=body)

    async def caught_up(self) -> None:
        """Wait until Asterisk has done what was asked on lane 0, and its events so far are here.

        An answer over HTTP may overtake both; raises an AriError.
        """
        await self.call("GET", "asterisk/ping")

    async def _over_http(self, method: str, uri: str, *, body: Any = None) -> bytes:
        """Ask over HTTP, outside of the lanes' order; return the body or raise an AriError."""
        if self._session is None or self._session.closed:
            raise AriUnreachable(f"{method} {uri}: {LOST.reason}")
        self.requests_sent += 1
        try:
            async with self._session.request(
                method,
                f"{self._base}/{uri}",
                headers=self._headers,
                json=body,
                timeout=aiohttp.ClientTimeout(total=self._request_timeout),
            ) as response:
                read = await response.read()
                reply = Reply(response.status, response.reason or "")
        except TimeoutError:
            reply = LATE
        except (aiohttp.ClientError, OSError) as error:
            raise AriUnreachable(f"{method} {uri}: {error or type(error).__name__}") from None
        _body(method, uri, reply)
        return read

    def claim(self, channel_id: str, then: Then) -> None:
        """Claim a broadcast call; `then` gets 2xx if it is ours, 404 or 409 if not."""
        task = asyncio.create_task(self._claim(channel_id, then), name=f"claim {channel_id}")
        self._claims.add(task)
        task.add_done_callback(self._claims.discard)

    async def _claim(self, channel_id: str, then: Then) -> None:
        then(await self._claim_lane.claim(channel_id))

    # --- the connection ---------------------------------------------------------------------

    async def run(self, *, first_within: float | None = None) -> None:
        """Stay connected until cancelled.

        Raises AriRefused when the password is wrong at the first connect, AriUnreachable when
        there was no connection at all for `first_within` seconds from the start.
        """
        loop = asyncio.get_running_loop()
        give_up = None if first_within is None else loop.time() + first_within
        delays = reconnect_delays()
        with closing(self._claim_lane):
            async with aiohttp.ClientSession() as self._session:
                while True:
                    try:
                        async with asyncio.timeout(self._connect_timeout):
                            # the event socket last: with it an earlier engine is replaced
                            for lane in reversed(self._lanes):
                                await lane.open(self._connect)
                    except (aiohttp.ClientError, OSError, TimeoutError, AriError) as error:
                        await self._close()
                        self._failed_connect(error, give_up)
                        await asyncio.sleep(next(delays))
                        continue
                    give_up, delays = None, reconnect_delays()
                    await self._serve()
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

    async def _connect(self, app: str) -> aiohttp.ClientWebSocketResponse:
        assert self._session is not None
        return await self._session.ws_connect(
            f"{self._base}/events?app={app}",
            headers=self._headers,
            heartbeat=self._heartbeat,
            max_msg_size=64 * 1024 * 1024,
            compress=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
        )

    async def _serve(self) -> None:
        self.connects += 1
        log.info("ari_up", connects=self.connects)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._expire(), name="ari time-outs")
                # first, for what is not filtered is work for both sides; without an answer we go on
                filters = [
                    tasks.create_task(self._filter_events(lane.app), name=f"{lane.app} filter")
                    for lane in self._lanes
                ]
                await asyncio.wait(filters, timeout=_FILTERED_S)
                for lane in self._lanes:
                    tasks.create_task(lane.write(), name=f"{lane.app} writer")
                self._on_up()
                for lane in self._lanes:
                    tasks.create_task(self._read(lane), name=f"{lane.app} reader")
        except* _LinkLostError:
            pass
        except* (aiohttp.ClientError, OSError) as group:
            log.warning("ari_socket_failed", error=str(group.exceptions[0]))
        finally:
            log.warning("ari_down", unanswered=self.waiting)
            self._on_down()  # before the answers that are lost are told
            await self._close()

    async def _read(self, lane: RequestLane) -> None:
        await lane.read(self._hear)
        raise _LinkLostError

    async def _filter_events(self, app: str) -> None:
        """Let Asterisk say what we read and nothing else; answers to requests count among that.

        Over HTTP, because the answer lists all channels of the application. Until it takes it:
        Asterisk opens a socket before it knows the application, so the first answer can be 404.
        """
        wanted = EVENT_NAMES if app == self.app else ["RESTResponse"]
        body = {"allowed": [{"type": name} for name in wanted]}
        for refused, delay in enumerate(reconnect_delays()):
            try:
                await self._over_http("PUT", f"applications/{app}/eventFilter", body=body)
                return
            except AriError as error:
                if refused == _REFUSED_OFTEN:
                    log.error("ari_event_filter_refused", error=str(error))
                await asyncio.sleep(delay)

    async def _close(self) -> None:
        await asyncio.gather(*(lane.close() for lane in self._lanes))

    async def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.25)
            for lane in self._lanes:
                lane.expire(loop.time())

    def _hear(self, text: str) -> RestResponse | None:
        try:
            event = self._decode(text)
        except msgspec.DecodeError as error:
            # an event type that the filter should have kept out, or a text that is no JSON
            self.undecodable += 1
            log.debug("ari_event_skipped", error=str(error))
            return None
        if isinstance(event, RestResponse):
            return event
        self.events_received += 1
        self._on_event(event)
        return None


def _body(method: str, uri: str, reply: Reply) -> str:
    """Return the body of a reply, or raise it as an AriError."""
    if reply.ok:
        return reply.body
    if reply.gone:
        raise ChannelGone(f"{method} {uri}: {reply.reason}")
    raise (AriUnreachable if reply.status == 0 else AriError)(
        f"{method} {uri}: {reply.status} {reply.reason}"
    )
