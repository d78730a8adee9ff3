"""Alarms of a whole line: the trunk, an engine that is killed, and over which trunk a call came."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from lab.actors.sipp import free_port
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBED = f"127.0.0.1:{free_port()}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    probe = {"trunk_probe": [PROBED], "trunk_probe_s": 1}
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, brief_sounds, desks=1, **probe) as line:
        yield line


class Answers(asyncio.DatagramProtocol):
    """A session border controller that answers OPTIONS, and knows nothing of 112."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        lines = data.decode().split("\r\n")
        assert lines[0].startswith("OPTIONS ")
        kept = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")
        headers = [one for one in lines if one.startswith(kept)]
        answer = ["SIP/2.0 404 Not Found", *headers, "Content-Length: 0", "", ""]
        self._transport.sendto("\r\n".join(answer).encode(), addr)


async def alarms(line: Line) -> dict[str, dict[str, Any]]:
    found = (await line.get("/api/alarms/on"))["alarms"]
    return {f"{one['kind']} {one['about']}".rstrip(): one for one in found}


async def is_down(line: Line) -> list[str]:
    down: list[str] = (await line.get("/api/status"))["trunk"]["down"]
    return down


async def test_a_trunk_that_does_not_answer_is_an_alarm_until_it_does(line: Line) -> None:
    async def told() -> bool:
        return f"trunk {PROBED}" in await alarms(line)

    await eventually(told, within=25, what="the alarm")
    host, port = PROBED.split(":")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Answers, local_addr=(host, int(port)))
    try:

        async def answers() -> bool:
            return await is_down(line) == []

        await eventually(answers, within=25, what="the trunk is there again")
    finally:
        transport.close()


async def test_an_alarm_goes_on_over_the_death_of_an_engine_which_is_one_as_well(
    line: Line,
) -> None:
    async def nobody_is_ready() -> bool:
        return "operators" in await alarms(line)

    await eventually(nobody_is_ready, within=20, what="the alarm")
    before = (await alarms(line))["operators"]
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    await line.running.engine.start()

    async def changed() -> bool:
        return "change" in await alarms(line)

    await eventually(changed, within=20, what="another engine serves")
    assert (await alarms(line))["operators"] == before
    await line.is_written()
    listed = (await line.get("/api/alarms?from=today"))["alarms"]
    assert [one["kind"] for one in listed].count("operators") == 1


async def test_a_call_tells_over_which_trunk_it_came_and_the_report_has_it(line: Line) -> None:
    await line.operators_ready("101")
    await line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0851")
    (record,) = await line.ended(1, "0851")
    assert record.trunk == "127.0.0.1"
    report = await line.get("/api/reports/summary?from=today&by=trunk")
    (rows,) = [one["rows"] for one in report["parts"] if one["name"] == "groups"]
    assert [one[:3] for one in rows] == [["127.0.0.1", 1, 1], ["total", 1, 1]]
