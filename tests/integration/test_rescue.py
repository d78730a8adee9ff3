"""The engine dies and does not come back: its citizens get to the fallback, and hear so."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest_asyncio
from hearing import Ear
from lines import PASSWORD, Line, eventually, open_line

from ngalam112.demo.sipp import SippRun
from ngalam112.rescuer import RescuerProcess, rescuer_log
from pbx.programs import Programs

RINGS_WITHIN_S = 10.0
SILENCE_S = 5.0


@pytest_asyncio.fixture
async def line(programs: Programs, built_sounds: Path, tmp_path: Path) -> AsyncIterator[Line]:
    async with (
        open_line(tmp_path, programs, built_sounds, desks=2) as line,
        RescuerProcess(line.settings),
    ):
        yield line


@asynccontextmanager
async def a_citizen(line: Line, caller: str, key: str = "") -> AsyncIterator[Ear]:
    """A citizen who hears the menu, or has pressed a key in it and is in the queue or talks."""
    async with (
        Ear() as ear,
        SippRun(
            line.programs,
            line.settings.home / "sipp",
            "citizen_heard_until_bye",
            target=f"127.0.0.1:{line.settings.sip_port}",
            calls=1,
            limit_s=90,
            keys={"caller": caller, "rtp": str(ear.port)},
        ) as ear.sipp,
    ):
        await eventually(lambda: ear.heard, what="something is heard")
        if key:
            ear.press(key)
            await stored(line, caller, "queued_at")
        yield ear


async def stored(line: Line, caller: str, field: str) -> Any:
    """Wait until the record of a living call has reached the database with `field` set."""

    async def value() -> Any:
        records = await line.records(caller)
        return records and getattr(records[0], field)

    return await eventually(value, what=f"{field} of {caller} is in the database")


async def kill(line: Line) -> float:
    """Kill the engine; returns when."""
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    return time.time()


def spooled(line: Line) -> dict[str, dict[str, Any]]:
    """What the fallback has noted of its calls, by the caller's number without its last digit."""
    found = [json.loads(path.read_bytes()) for path in line.settings.spool.glob("*.json")]
    return {one["caller_number"][:-1]: one for one in found}


async def test_who_was_not_served_gets_a_phone_and_who_talks_talks_on(line: Line) -> None:
    await line.operators_ready("101", answer="phone_answer_talk_long_bye")
    line.phones["102"] = await line.players.register("102", PASSWORD)
    await line.behave("102", "phone_answer_talk_bye")
    async with (
        a_citizen(line, "0871", "2") as talks,
        a_citizen(line, "0872", "3") as waits,
        a_citizen(line, "0873") as listens,
    ):
        await stored(line, "0871", "operator_answered_at")
        killed = await kill(line)
        await eventually(lambda: talks.own_voice(killed + 1), what="the talk goes on")

        def both() -> bool:
            answers = [spooled(line).get(one, {}).get("answered_at") for one in ("0872", "0873")]
            return all(answers)

        await eventually(both, within=RINGS_WITHIN_S + 10, what="both have talked with a phone")
        for ear, caller in ((waits, "0872"), (listens, "0873")):
            record = spooled(line)[caller]
            assert (record["why"], record["step"]) == ("ORPHANED", "phone")
            assert record["answered_at"] - killed < RINGS_WITHIN_S
            assert ear.longest_silence(killed, record["answered_at"]) < SILENCE_S
        # the scenario's operator talks for some seconds, longer than it takes to rescue the others
        talked = [at for at in talks.own_voice(killed - 1) if at < killed + 5]
        assert max(after - before for before, after in pairwise(talked)) < 0.5
        assert talked[-1] > killed + 4.5
    said = rescuer_log(line.settings).read_text()
    assert len(re.findall(r"PJSIP/trunk-[0-9a-f]{8} is taken to the fallback", said)) >= 2
    assert "087" not in said, "no caller's number is in the log"


async def test_who_is_left_alone_by_the_operator_is_rescued_too(line: Line) -> None:
    await line.operators_ready("101", answer="phone_answer_talk_bye")
    async with a_citizen(line, "0874", "2"):
        await stored(line, "0874", "operator_answered_at")
        killed = await kill(line)
        record = await eventually(
            lambda: spooled(line).get("0874", {}).get("answered_at"),
            within=15,
            what="after the operator's hang-up a phone has answered",
        )
        assert record - killed < RINGS_WITHIN_S


async def test_an_engine_that_beats_keeps_its_citizens(line: Line) -> None:
    async with a_citizen(line, "0875", "2"):
        await asyncio.sleep(6)  # longer than a beat may be old
    assert not spooled(line)
