"""A line so long that its list of channels, sent over a WebSocket, would end Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from lines import Line, open_line
from many_channels import another_engine, channels_up, crowd

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
