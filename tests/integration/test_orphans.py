"""The engine dies and does not come back: its citizens get to the fallback, and hear so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from hearing import Ear
from lines import PASSWORD, Line, eventually, open_line

from lab.actors.sipp import SippRun
from ngalam112.process.rescuer import RescuerProcess, rescuer_log
from ngalam112.recovery.fallback_files import decoded
from pbx.programs import Programs

RINGS_WITHIN_S = 10.0
SILENCE_S = 5.0


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    async with (
        open_line(home, programs, built_sounds, desks=2) as line,
        RescuerProcess(line.settings),
    ):
        yield line


@pytest_asyncio.fixture(loop_scope="module")
async def line(one_line: Line) -> AsyncIterator[Line]:
    """The one line of these tests, as it is at first."""
    yield one_line
    await one_line.as_at_first()


@asynccontextmanager
async def a_citizen(line: Line, caller: str, key: str = "") -> AsyncIterator[Ear]:
    """A citizen who hears the menu, or has pressed a key in it and is in the queue or talks."""
    async with (
        Ear() as endpoint,
        SippRun(
            line.programs,
            line.settings.home / "sipp",
            "citizen_heard_until_bye",
            target=f"127.0.0.1:{line.settings.sip_port}",
            calls=1,
            limit_s=90,
            keys={"caller": caller, "rtp": str(endpoint.port)},
        ) as endpoint.sipp,
    ):
        await eventually(lambda: endpoint.heard, what="something is heard")
        if key:
            endpoint.press(key)
            await stored(line, caller, "queued_at")
        yield endpoint


async def stored(line: Line, caller: str, field: str) -> Any:
    """Wait until the record of a living call has reached the database with `field` set."""

    async def value() -> Any:
        records = await line.records(caller)
        return records and getattr(records[0], field)

    return await eventually(value, what=f"{field} of {caller} is in the database")


async def log_in(line: Line, number: str) -> None:
    """An operator who answers logs in, and may be offered a call at once."""
    line.phones[number] = await line.players.register(number, PASSWORD)
    await answers(line, number)
    await line.post(f"/api/operators/1{number}/login", {"phone": number})


async def answers(line: Line, number: str, talk_ms: int = 900) -> SippRun:
    """Let a registered phone answer after half a second, talk for so long and hang up."""
    rows = [("", "500", str(talk_ms))]
    return await line.players.behave(
        line.phones[number], "phone_answer_some_talk_bye", trace=True, rows=rows
    )


async def kill(line: Line) -> float:
    """Kill the engine; returns when."""
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    return time.time()


def spooled(line: Line) -> dict[str, dict[str, Any]]:
    """What the fallback has noted of its calls, by the caller's number without its last digit."""
    found = []
    for path in line.settings.spool.glob("*.json"):
        # the engine has just taken it back, or its first line is being written
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            found.append(decoded(path.read_bytes()))
    return {one["caller_number"][:-1]: one for one in found}


async def summary_adds_up(line: Line) -> None:
    """The summary counts what the records say of all calls so far."""
    totals = await line.get("/api/summary")
    outcomes = [one.outcome for one in await line.records()]
    assert (totals["offered"], totals["adds_up"]) == (len(outcomes), True)
    assert totals["answered"] == outcomes.count("answered")
    assert totals["fallback"] == outcomes.count("fallback")


async def test_who_was_not_served_gets_a_phone_and_who_talks_talks_on(line: Line) -> None:
    await line.operators_ready("101", answer="phone_answer_talk_long_bye")
    line.phones["102"] = await line.players.register("102", PASSWORD)
    await answers(line, "102")
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
        for endpoint, caller in ((waits, "0872"), (listens, "0873")):
            record = spooled(line)[caller]
            assert (record["why"], record["step"]) == ("ORPHANED", "phone")
            assert record["answered_at"] - killed < RINGS_WITHIN_S
            assert endpoint.longest_silence(killed, record["answered_at"]) < SILENCE_S
        # the scenario's operator talks for some seconds, longer than it takes to rescue the others
        talked = [at for at in talks.own_voice(killed - 1) if at < killed + 5]
        assert max(after - before for before, after in pairwise(talked)) < 0.5
        assert talked[-1] > killed + 4.5
        # a citizen's endpoint hangs up last, when its own phone or the fallback's has
        await eventually(lambda: len(spooled(line)) == 3, within=20, what="all three are over")
        await line.running.engine.start()
        records = {one.caller_number[:-1]: one for one in await line.ended(3, "087")}
    assert [records[one].outcome for one in ("0871", "0872", "0873")] == [
        "answered",
        "fallback",
        "fallback",
    ]
    assert (records["0871"].operator, records["0872"].category) == ("1101", "fire")
    assert records["0872"].phone in ("101", "102")
    await summary_adds_up(line)
    assert not spooled(line)
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


async def test_a_returning_engine_takes_the_unserved_back_in_their_order(line: Line) -> None:
    line.phones["102"] = await line.players.register("102", PASSWORD)
    ringing = await line.players.behave(line.phones["102"], "phone_ring_until_cancel", trace=True)
    async with (
        a_citizen(line, "0881", "2"),
        a_citizen(line, "0882", "3") as second,
        a_citizen(line, "0883"),
    ):
        await kill(line)
        async with a_citizen(line, "0884"):
            await eventually(
                lambda: (
                    {one["status"] for one in spooled(line).values()} == {"started"}
                    and len(spooled(line)) == 4
                ),
                within=20,
                what="all four are with the fallback",
            )
            await line.running.engine.start()
            back = time.time()
            await eventually(lambda: not spooled(line), what="all four are back")
            await log_in(line, "101")
            records = {one.caller_number[:-1]: one for one in await line.ended(4, "088", 60)}
            assert second.longest_silence(back - 3, back) < SILENCE_S
    assert {one.outcome for one in records.values()} == {"answered"}
    assert {one.operator for one in records.values()} == {"1101"}
    order = sorted(records.values(), key=lambda one: one.operator_answered_at or 0)
    assert [one.caller_number[:-1] for one in order] == ["0884", "0881", "0882", "0883"]
    assert [records[one].category for one in ("0881", "0882")] == ["police", "fire"]
    assert "CANCEL sip" in ringing.messages()
    assert not spooled(line)
    history = await line.history(records["0882"].call_id)
    (attempt,) = [one for one in history.events if one.kind == "fallback"]
    assert (attempt.data["status"], attempt.data["why"]) == ("taken_back", "ORPHANED")
    await summary_adds_up(line)
    await line.is_empty()


async def test_who_talks_in_the_fallback_is_left_to_it(line: Line) -> None:
    line.phones["102"] = await line.players.register("102", PASSWORD)
    phone = await answers(line, "102", 4500)
    async with a_citizen(line, "0891", "2") as endpoint:
        killed = await kill(line)
        await eventually(lambda: endpoint.own_voice(killed), within=15, what="a phone has answered")
        await line.running.engine.start()
        (record,) = await line.ended(1, "0891", 30)
        assert phone.messages().count("INVITE sip:102") == 1
    assert (record.outcome, record.category, record.phone) == ("fallback", "police", "102")
    assert record.talk_ms is not None and record.talk_ms > 3000


async def test_who_dials_as_the_engine_freezes_is_rescued_too(line: Line) -> None:
    line.phones["102"] = await line.players.register("102", PASSWORD)
    await line.behave("102", "phone_answer_talk_bye")
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        await line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0897")
    finally:
        os.kill(pid, signal.SIGCONT)

    async def told() -> bool:
        return [one.outcome for one in await line.records("0897")] == ["fallback"]

    # the engine wakes to the events of a call that is over, and then reads who served it
    await eventually(told, what="one record, and it is the fallback's")
    (record,) = await line.ended(1, "0897")
    assert record.phone == "102"
    assert record.operator_answered_at is not None
    assert record.operator_answered_at - record.arrived_at < RINGS_WITHIN_S


async def test_an_engine_that_was_only_frozen_takes_the_rescued_back(line: Line) -> None:
    line.phones["102"] = await line.players.register("102", PASSWORD)
    await line.behave("102", "phone_ring_until_cancel")
    pid = line.running.engine.pid
    assert pid is not None
    async with a_citizen(line, "0896", "3"):
        os.kill(pid, signal.SIGSTOP)
        try:
            await eventually(lambda: spooled(line), within=15, what="the citizen is rescued")
        finally:
            os.kill(pid, signal.SIGCONT)
        await log_in(line, "101")
        (record,) = await line.ended(1, "0896", 40)
    assert (record.outcome, record.category, record.operator) == ("answered", "fire", "1101")
    assert len(await line.records("0896")) == 1
