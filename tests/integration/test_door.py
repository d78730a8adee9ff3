"""The door: an engine that claims a call serves it, and so does one that is late but beats."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest_asyncio
from lines import Line, eventually, open_line

from ngalam112.config.provision import APP, ARI_USER
from ngalam112.process.service import SPOOL_EVERY_S
from ngalam112.recovery.fallback_records import SETTLE_S
from pbx.ari import AriClient
from pbx.ari_reply import Reply
from pbx.ari_types import CallBroadcast, Event, StasisStart
from pbx.programs import Programs


@pytest_asyncio.fixture
async def line(programs: Programs, built_sounds: Path, tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path, programs, built_sounds, desks=1) as line:
        yield line


@contextlib.contextmanager
def frozen(line: Line) -> Iterator[None]:
    """The engine stands still; its beat is young yet."""
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def channel_is(line: Line, where: str) -> bool:
    """Whether a citizen's channel is in this application of the dialplan."""
    found = await line.running.asterisk.console("core show channels concise")
    return any("trunk" in one and where in one.replace("!", ",") for one in found.splitlines())


async def test_an_engine_that_comes_back_while_the_door_asks_gets_the_call(line: Line) -> None:
    await line.operators_ready("101")
    with frozen(line):
        calling = asyncio.create_task(
            line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0861")
        )
        await eventually(lambda: channel_is(line, "StasisBroadcast"), what="the door asks")
        # two or three questions of the door go by
        await asyncio.sleep(0.6)
    assert (await calling).successful == 1
    (record,) = await line.ended(1, "0861")
    assert (record.outcome, record.operator) == ("answered", "1101")
    assert len(await line.records()) == 1


async def test_a_citizen_whom_a_late_engine_has_not_claimed_waits_for_it_with_music(
    line: Line,
) -> None:
    await line.operators_ready("101")
    dialled = time.time()
    with frozen(line):
        calling = asyncio.create_task(
            line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0862")
        )
        await eventually(lambda: channel_is(line, ",Stasis,"), what="nobody has claimed the call")
        found = await line.running.asterisk.console("core show channels concise")
        assert "!Up!" in found, "answered"
        assert "queue" in await line.running.asterisk.console("moh show classes")
    assert (await calling).successful == 1
    (record,) = await line.ended(1, "0862")
    assert (record.outcome, record.operator) == ("answered", "1101")
    assert abs(record.arrived_at - dialled) < 1.0, "the wait counts from the true arrival"
    assert len(await line.records()) == 1
    assert list(line.settings.spool.glob("call-*")) == [], "the fallback had nothing to do"


async def test_who_hangs_up_while_nobody_has_claimed_the_call_has_one_record(line: Line) -> None:
    with frozen(line):
        calling = asyncio.create_task(line.players.citizens("citizen_menu_bye", 1, caller="0865"))
        await eventually(lambda: channel_is(line, ",Stasis,"), what="nobody has claimed the call")
        await calling
        await line.running.asterisk.console("core show channels")
    (record,) = await line.ended(1, "0865")
    assert (record.outcome, record.ended_by) == ("lost_menu", "caller")
    # Asterisk noted the end while the beat was old; the note goes once the engine has told of it
    await eventually(
        lambda: not list(line.settings.spool.glob("call-*")),
        within=SETTLE_S + 2 * SPOOL_EVERY_S,
        what="the note of the end is read",
    )
    assert len(await line.records()) == 1


class SlowEngine:
    """Claims every call, and lets Asterisk do on the socket what takes seconds."""

    def __init__(self, line: Line) -> None:
        self.broadcast: dict[str, float] = {}
        self.entered: dict[str, float] = {}
        self.blocked_until = 0.0
        self.ari = AriClient(
            host="127.0.0.1",
            port=line.settings.ari_port,
            app=APP,
            user=ARI_USER,
            password=line.settings.secrets.ari_password,
            on_event=self._event,
            on_up=lambda: None,
            on_down=lambda: None,
            request_timeout=20.0,
        )
        self._menu = f"sound:{line.settings.sounds / 'menu'}"

    def _event(self, event: Event) -> None:
        match event:
            case CallBroadcast(channel=channel):
                self.broadcast.setdefault(channel.id, time.monotonic())
                self.ari.claim(channel.id, lambda _: None)
            case StasisStart(channel=channel):
                self.entered[channel.id] = time.monotonic()
                if len(self.entered) == 1:
                    self._block(channel.id)

    def _block(self, channel: str) -> None:
        """Ask for what Asterisk cannot do before the prompt is over."""

        def done(_: Reply) -> None:
            self.blocked_until = time.monotonic()

        self.ari.send("POST", f"channels/{channel}/answer")
        self.ari.send("POST", f"channels/{channel}/play/p1", {"media": self._menu})
        self.ari.send("POST", "bridges/b1", {"type": "mixing"})
        self.ari.send("POST", "bridges/b1/addChannel", {"channel": channel}, then=done)


async def test_claims_are_answered_while_requests_block_the_socket(line: Line) -> None:
    await line.running.engine.stop(signal.SIGTERM)
    engine = SlowEngine(line)
    running = asyncio.create_task(engine.ari.run())
    try:
        await eventually(lambda: engine.ari.connected, what="the slow engine is connected")
        first = asyncio.create_task(
            line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0863", limit_s=20)
        )
        await eventually(lambda: engine.entered, what="the first citizen is in")
        more = asyncio.create_task(
            line.players.citizens(
                "citizen_silent_talk_until_bye", 20, caller="0864", rate=40, limit_s=20
            )
        )
        await eventually(lambda: len(engine.entered) == 21, what="all citizens are in")
        last_in = max(engine.entered.values())
        delays = [at - engine.broadcast[channel] for channel, at in engine.entered.items()]
        await eventually(lambda: engine.blocked_until, what="the socket is free again")
        assert engine.blocked_until > last_in, "all that while the socket was blocked"
        assert max(delays) < line.settings.claim_ms / 1000
        for channel in engine.entered:
            engine.ari.send("DELETE", f"channels/{channel}")
        await asyncio.gather(first, more)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
