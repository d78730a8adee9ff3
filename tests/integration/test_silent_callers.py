"""Who says nothing and presses nothing: asked to press, flagged, and understood by keys."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line
from test_who_gets_in import SDP, Caller

from acd.calls.record import CallEvent
from lab.actors.sipp import free_port
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

SILENCE_S = 1.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, brief_sounds, silence_s=SILENCE_S) as line:
        await line.operators_ready("101", answer="phone_answer_talk_long_bye")
        yield line


async def living(line: Line) -> list[dict[str, Any]]:
    living: list[dict[str, Any]] = (await line.get("/api/status"))["living"]
    return living


async def waits(line: Line, caller: str) -> dict[str, Any]:
    async def found() -> dict[str, Any] | None:
        return next(
            (
                one
                for one in await living(line)
                if one["caller"] == caller and one["stage"] == "queued"
            ),
            None,
        )

    one: dict[str, Any] = await eventually(found, what=f"{caller} waits")
    return one


def citizen(line: Line, scenario: str, *row: str) -> asyncio.Task[Any]:
    return asyncio.create_task(line.players.citizens(scenario, 1, caller="", rows=[row]))


async def events(line: Line, call_id: str, kind: str) -> list[CallEvent]:
    return [one for one in (await line.history(call_id)).events if one.kind == kind]


async def test_a_silent_citizen_is_asked_presses_is_served_first_and_answers_by_keys(
    line: Line,
) -> None:
    await line.post("/api/operators/1101/pause")
    talks = citizen(line, "citizen_some_key_talk_until_bye", "08131", "0", "300", "3", "0", "")
    first = await waits(line, "08131")
    # not a word, not a key until the second 3.5; then a key now and again
    scenario = "citizen_some_keys_all_the_time_until_bye"
    silent = citizen(line, scenario, "08132", "0", "3500", "77", "6000", "4455")
    asked = await waits(line, "08132")
    assert (asked["silent"], first["silent"]) == (True, False)
    call_id = asked["call_id"]

    async def has_pressed() -> bool:
        await line.is_written()
        return bool(await events(line, call_id, "key"))

    await eventually(has_pressed, what="the key is noted")
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    await line.running.engine.start()
    await line.post("/api/operators/1101/ready")
    results = await asyncio.gather(talks, silent)
    assert [one.successful for one in results] == [1, 1]
    (flagged,), (other,) = await line.ended(1, "08132"), await line.ended(1, "08131")
    assert (flagged.silent, other.silent) == (True, False)
    assert (flagged.outcome, flagged.category, other.outcome) == ("answered", "general", "answered")
    assert (flagged.operator_answered_at or 0) < (other.operator_answered_at or 0)
    keys = await events(line, call_id, "key")
    pressed = [(one.data["digit"], one.data["stage"], one.data.get("means")) for one in keys]
    # on a busy machine SIPp's tones may be lost, or be heard twice
    assert [one for one, _ in groupby(pressed)] == [
        ("7", "queued", None),
        ("4", "talking", "yes"),
        ("5", "talking", "no"),
    ]
    shown = await line.get(f"/api/calls/{call_id}")
    told = [one for one in shown["events"] if one["kind"] == "key"]
    assert [one["data"]["digit"] for one in told] == [one.data["digit"] for one in keys]
    assert all(one["at"].startswith("20") for one in told)
    await line.is_empty()


async def test_one_who_presses_nothing_still_gets_an_operator_in_time_who_sees_it(
    line: Line,
) -> None:
    async with asyncio.timeout(60):
        scenario = "citizen_silent_some_time_until_bye"
        result = await citizen(line, scenario, "08133", "0", "0", "", "0", "")
    assert result.successful == 1
    (record,) = await line.ended(1, "08133")
    assert (record.silent, record.outcome) == (True, "answered")
    assert (record.first_offer_at or 99e9) - record.arrived_at < 12.0


async def test_one_whose_phone_acknowledges_nothing_rings_no_operator_until_it_does(
    line: Line,
) -> None:
    uri, host = "sip:112@127.0.0.1", "127.0.0.1"

    async def stage(least_s: float) -> str | None:
        for one in await living(line):
            if one["caller"] == "08139" and one["seconds"] >= least_s:
                return str(one["stage"])
        return None

    with Caller(line, "08139") as one:
        one.send("INVITE", uri, body=SDP.format(host=host, port=free_port()))
        tag = re.search(r"^To:.*;tag=(\S+)", await asyncio.to_thread(one.final), re.MULTILINE)
        assert tag is not None
        waits = partial(stage, SILENCE_S + 3.0)
        assert await eventually(waits, what="the silence is over") == "menu"
        one.send("ACK", uri, to_tag=tag[1], ack=1)

        async def is_served() -> bool:
            return await stage(0.0) in ("ringing", "talking")

        await eventually(is_served, what="an operator has the call")
        one.send("BYE", uri, to_tag=tag[1])
        (record,) = await line.ended(1, "08139")
    assert record.silent
    await line.is_empty()


async def test_one_who_speaks_is_not_silent_and_no_longer_listened_to(line: Line) -> None:
    result = await line.players.citizens("citizen_silent_talk_until_bye", 1, caller="08134")
    assert result.successful == 1
    (record,) = await line.ended(1, "08134")
    assert (record.silent, record.category_source, record.outcome) == (
        False,
        "silence",
        "answered",
    )
    await line.is_empty()
