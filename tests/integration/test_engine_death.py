"""The engine dies: new citizens get the fallback, those who were up are taken up again."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from ngalam112.cli.client import Client
from ngalam112.config.provision import BEAT_TOO_OLD_S
from ngalam112.process.log_rotation import rotate
from pbx.programs import Programs

FALLBACK_RINGS_WITHIN_S = 5.0


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds, desks=2) as line:
        yield line


@pytest_asyncio.fixture(loop_scope="module")
async def line(one_line: Line) -> AsyncIterator[Line]:
    """The one line of these tests, as it is at first."""
    yield one_line
    await one_line.as_at_first()


async def kill(line: Line) -> None:
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()


async def stored(line: Line, caller: str, field: str) -> None:
    """Wait until the record of a living call has reached the database with `field` set."""

    async def is_stored() -> bool:
        records = await line.records(caller)
        return bool(records and getattr(records[0], field))

    await eventually(is_stored, what=f"{field} of {caller} is in the database")


async def test_without_an_engine_the_fallback_rings_a_phone(line: Line) -> None:
    await line.operators_ready("101", "102")
    await kill(line)

    result = await line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0841")
    assert result.successful == 1, "a phone answered, talked and hung up"

    await line.running.engine.start()
    record = (await line.ended(1, "0841"))[0]
    assert record.outcome == "fallback"
    assert record.phone in ("101", "102")
    assert record.operator_answered_at is not None
    # the phone rings half a second before it answers
    assert record.operator_answered_at - record.arrived_at < FALLBACK_RINGS_WITHIN_S
    totals, records = await line.get("/api/summary"), await line.records()
    assert (totals["offered"], totals["adds_up"]) == (len(records), True)
    assert totals["fallback"] == [one.outcome for one in records].count("fallback")


async def test_a_new_phone_is_the_fallbacks_at_once_and_a_removed_one_no_more(line: Line) -> None:
    await line.post("/api/phones", {"number": "105"})
    members = await line.running.asterisk.console("queue show fallback")
    assert "PJSIP/105" in members and "PJSIP/101" in members
    await asyncio.to_thread(Client(line.settings).delete, "/api/phones/105")
    members = await line.running.asterisk.console("queue show fallback")
    assert "PJSIP/105" not in members and "PJSIP/101" in members
    assert "Unable to find" in await line.running.asterisk.console("pjsip show endpoint 105")


async def test_asterisk_goes_on_writing_into_a_log_that_was_put_aside(line: Line) -> None:
    folder, console = line.settings.asterisk_home / "log", line.running.asterisk.console
    messages = folder / "messages"

    async def is_told_in_vain(module: str) -> None:
        await console(f"module load {module}")
        await eventually(lambda: module in messages.read_text(), what=f"{module} is complained of")

    await is_told_in_vain("no_such_1.so")
    assert "messages" in rotate([folder], most_bytes=1)
    assert "no_such_1" in (folder / "messages.1").read_text()
    await is_told_in_vain("no_such_2.so")
    assert "no_such_1" not in messages.read_text()
    assert "\0" not in messages.read_text()


async def test_a_frozen_engine_is_passed_by(line: Line) -> None:
    await line.operators_ready("101")
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        # as long as the beat is young the citizen waits for the engine, until the rescuer comes
        # (test_orphans.py)
        await eventually(
            lambda: time.time() - line.settings.beat.stat().st_mtime > BEAT_TOO_OLD_S,
            what="the engine beats no more",
        )
        result = await line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0842")
        assert result.successful == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    record = (await line.ended(1, "0842"))[0]
    assert record.outcome == "fallback"
    assert record.operator_answered_at is not None
    assert record.operator_answered_at - record.arrived_at < FALLBACK_RINGS_WITHIN_S
    assert len(await line.records("0842")) == 1, "no engine counts a call that the fallback served"


async def test_who_waits_while_the_engine_dies_is_served_by_the_next_one(line: Line) -> None:
    calling = asyncio.create_task(
        line.players.citizens("citizen_key_talk_until_bye", 1, caller="0843", keys={"key": "3"})
    )
    await stored(line, "0843", "queued_at")
    await kill(line)
    await line.running.engine.start()
    await line.operators_ready("101")
    assert (await calling).successful == 1
    record = (await line.ended(1, "0843"))[0]
    assert (record.outcome, record.category) == ("answered", "fire")
    await line.is_empty()


async def test_who_talks_while_the_engine_dies_talks_on(line: Line) -> None:
    await line.operators_ready("101", answer="phone_answer_talk_long_bye")
    calling = asyncio.create_task(
        line.players.citizens("citizen_key_talk_until_bye", 1, caller="0844", keys={"key": "3"})
    )
    await stored(line, "0844", "operator_answered_at")
    await kill(line)
    await line.running.engine.start()
    assert (await calling).successful == 1, "the operator hung up, not the line"
    record = (await line.ended(1, "0844"))[0]
    assert (record.outcome, record.ended_by) == ("answered", "operator")
    assert record.talk_ms is not None and record.talk_ms > 5000
    operators = (await line.get("/api/operators"))["operators"]
    assert operators[0]["state"] in ("idle", "wrap_up")
    await line.is_empty()


async def test_who_hung_up_while_no_engine_lived_has_an_end(line: Line) -> None:
    calling = asyncio.create_task(
        line.players.citizens("citizen_key_queue_bye", 1, caller="0845", keys={"key": "3"})
    )
    await stored(line, "0845", "queued_at")
    await kill(line)
    await calling
    await line.running.engine.start()
    record = (await line.ended(1, "0845"))[0]
    assert (record.outcome, record.ended_by) == ("lost_queue", "unknown")


async def test_a_line_that_is_stopped_ends_its_calls_with_their_records(line: Line) -> None:
    calling = asyncio.create_task(
        line.players.citizens("citizen_silent_talk_until_bye", 1, caller="0846")
    )
    await stored(line, "0846", "arrived_at")
    await line.running.engine.stop()
    assert (await calling).successful == 1, "the citizen got a BYE"
    record = (await line.ended(1, "0846"))[0]
    assert (record.outcome, record.ended_by) == ("lost_menu", "line_stopped")
    await line.is_empty()
