"""A line so long that its list of channels, sent over a WebSocket, would end Asterisk."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest_asyncio
from lines import Line, open_line
from many_channels import another_engine, channels_up, crowd

from ngalam112.config.provision import APP, ARI_USER
from pbx.programs import Programs

CHANNELS = 5000  # 1.8 MB; 1,500 were enough to end Asterisk


@pytest_asyncio.fixture
async def line(programs: Programs, brief_sounds: Path, tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(tmp_path, programs, brief_sounds, desks=1, silence_s=0.5) as line:
        yield line


async def test_an_engine_takes_up_a_line_of_5000_channels_and_asterisk_lives(line: Line) -> None:
    await line.operators_ready("101")
    await crowd(line, CHANNELS)
    await another_engine(line)
    result = await line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0871")
    assert result.successful == 1
    (record,) = await line.ended(1, "0871")
    assert (record.outcome, record.operator) == ("answered", "1101")
    assert await channels_up(line) >= CHANNELS


@asynccontextmanager
async def in_place_of_the_engine(line: Line) -> AsyncIterator[None]:
    """The line's application, without an engine that does anything."""
    sign = aiohttp.encode_basic_auth(ARI_USER, line.settings.secrets.ari_password)
    url = f"http://127.0.0.1:{line.settings.ari_port}/ari/events?app={APP}"
    async with (
        aiohttp.ClientSession(headers={"Authorization": sign}) as session,
        session.ws_connect(url, max_msg_size=0) as events,
    ):

        async def skip() -> None:
            async for _ in events:
                pass

        skipping = asyncio.create_task(skip())
        try:
            yield
        finally:
            skipping.cancel()


async def test_an_engine_that_finds_1000_legs_of_nobody_in_its_application_ends_them(
    line: Line,
) -> None:
    await line.running.engine.stop(signal.SIGTERM)
    async with in_place_of_the_engine(line):
        await crowd(line, 2000, app=APP)
    assert await channels_up(line) == 2000
    await line.running.engine.start()
    await line.is_empty(within=30.0)
    await line.operators_ready("101")
