"""The line as it is now, pushed to all who watch it: `/api/live`, server-sent events.

One snapshot a second at most is made and written as bytes once, for all clients, and only while
there are any. A client has a place for one snapshot: who reads slowly gets the newest one and not
those in between, and who does not read at all is cut off, so nobody who watches costs a call.
Each snapshot is whole: after a drop the next one tells everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Annotated

import msgspec
import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from ngalam112.api.live_state import live_state
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

log = structlog.get_logger("api")

EVERY_S = 1.0
SHARE = 50
"""Making a snapshot takes at most one part in so many of the engine's time."""
MOST_CLIENTS = 16
READ_WITHIN_S = 20.0
"""A client that has taken nothing for so long is cut off."""
LONGEST_S = 600.0
"""An answer ends by then, so that whoever asks is looked at again: a token may be revoked."""
_KERNEL_BYTES = 64 * 1024
"""So much the machine keeps for a client that does not read; as shipped it would be megabytes."""


class LiveRefused(Exception):
    """Too many watch already; the message is one sentence."""


class LiveAsked(msgspec.Struct, forbid_unknown_fields=True):
    """`events`: the answer ends after so many; without it, it goes on until one side leaves."""

    events: (
        Annotated[int, msgspec.Meta(ge=1, le=86_400, description="End after so many events.")]
        | None
    ) = None


class LiveFeed:
    """Makes the snapshots. `make(seq)` returns the one of this number."""

    def __init__(self, make: Callable[[int], object], every_s: float = EVERY_S) -> None:
        self._make, self._every_s = make, every_s
        self._series = f"{time.time():.0f}"  # numbers of two engines are not to be mixed up
        self._task: asyncio.Task[None] | None = None
        self._made_at = -every_s
        self.clients: set[LiveClient] = set()
        self.seq, self.newest, self.took_s = 0, b"", 0.0
        self.stopped = False

    @property
    def newest_id(self) -> str:
        """The id of the newest snapshot, by which a client says what it had last."""
        return f"{self._series}-{self.seq}"

    @property
    def _pause_s(self) -> float:
        """So long after the last snapshot the next one may be made, whoever asks."""
        return max(self._every_s, SHARE * self.took_s)

    def join(self, client: LiveClient, last_id: str) -> None:
        """Push to this client as well; `last_id`: what it had, "" for nothing."""
        self.clients.add(client)
        if time.monotonic() - self._made_at >= self._pause_s:
            self._next()
        elif last_id != self.newest_id:
            client.offer(self.newest)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="live")

    def leave(self, client: LiveClient) -> None:
        """Push to it no more; without clients nothing is made."""
        self.clients.discard(client)
        if not self.clients and self._task is not None:
            self._task.cancel()
            self._task = None

    def stop(self) -> None:
        """End all answers: the engine goes, and the next one has them."""
        self.stopped = True
        for client in self.clients:
            client.wake()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s)
            try:
                self._next()
            except Exception:
                # who watches must not end by it, and sees that nothing comes
                log.exception("live_failed")

    def _next(self) -> None:
        begun = time.monotonic()
        data = msgspec.json.encode(self._make(self.seq + 1))
        self._made_at, self.seq = begun, self.seq + 1
        head = f"id: {self.newest_id}\nevent: snapshot\ndata: ".encode()
        self.newest = head + data + b"\n\n"
        self.took_s = time.monotonic() - begun
        for client in self.clients:
            client.offer(self.newest)


class LiveClient:
    """A place for one snapshot, which a newer one replaces."""

    def __init__(self, feed: LiveFeed) -> None:
        self._feed, self._newest, self._filled = feed, b"", asyncio.Event()

    def offer(self, snapshot: bytes) -> None:
        """Put a snapshot there."""
        self._newest = snapshot
        self._filled.set()

    def wake(self) -> None:
        """Have `take` return, with nothing if there is nothing."""
        self._filled.set()

    async def take(self) -> bytes:
        """Wait for a snapshot and return it; b"" once the feed has stopped."""
        await self._filled.wait()
        if self._feed.stopped:
            return b""
        self._filled.clear()
        return self._newest


class LiveAnswer(web.StreamResponse):
    """An answer that goes on: sent whole while it is prepared, as that of a file is."""

    def __init__(self, feed: LiveFeed, events: int | None, within_s: float) -> None:
        super().__init__(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        self._feed, self._events, self._within_s = feed, events, within_s

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send until the client or the engine leaves, or the client does not read."""
        writer = await super().prepare(request)
        if request.method == "HEAD":
            return writer
        with contextlib.suppress(AttributeError, OSError):
            made: socket.socket = request.get_extra_info("socket")
            made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        client = LiveClient(self._feed)
        try:
            self._feed.join(client, request.headers.get("Last-Event-ID", ""))
            await self._push(client)
        except TimeoutError:
            log.warning("live_client_cut", seconds=self._within_s)
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._feed.leave(client)
        return writer

    async def _push(self, client: LiveClient) -> None:
        sent, until = 0, time.monotonic() + LONGEST_S
        while time.monotonic() < until:
            async with asyncio.timeout(self._within_s):  # to be made, and to be read
                if not (snapshot := await client.take()):
                    return
                await self.write(snapshot)
            sent += 1
            if sent == self._events:
                return


class LiveRoutes:
    """The handler; it raises what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine, settings: Settings, health: Callable[[], object]) -> None:
        self.feed = LiveFeed(lambda seq: live_state(engine, settings, health(), seq))
        self.within_s = READ_WITHIN_S

    async def live(self, query: LiveAsked) -> web.StreamResponse:
        """Push the line as it is, about once a second, as server-sent events.

        The data of each event, `snapshot`, is JSON on one line, and whole: who reads slowly misses
        some, by `seq`. The header Last-Event-ID says which one was read last. Sixteen may watch.
        """
        if len(self.feed.clients) >= MOST_CLIENTS:
            raise LiveRefused(f"{MOST_CLIENTS} watch the line already; close one of the boards.")
        return LiveAnswer(self.feed, query.events, self.within_s)
