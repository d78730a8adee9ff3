"""Operators at real phones: logging in by a dialogue, reasons, longer wrap-ups, and a restart."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import PASSWORD, PIN, Line, eventually, open_line
from side_by_side import SideBySide
from sqlalchemy import select

from acd.operators.operator import Operator
from models.database import Database
from models.rows import seconds
from models.tables import OperatorEventRow, OperatorStateRow
from ngalam112.accounts.admin import load_roster
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRAP_UP_S = 6.0
EXTENSION_S = 2.0
EXACT_S = 0.5
WRONG_PIN = "86421"
SHARED = ("101", "103", "104", "105")
"""Own phones of two operators, as 101 of 1101 and 1201, so nobody's; the others are one's own."""
CUT_OFF = ("code_operator", "code_pin")
"""Prompts that stay whole, for it counts that keys cut them off."""

together = SideBySide()
stories = together.fixture()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs,
    built_sounds: Path,
    brief_sounds: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Line]:
    """A line on which nobody gets a call but those who have its category as a skill."""
    home = tmp_path_factory.mktemp("line")
    changes = {"wrap_up_s": WRAP_UP_S, "wrap_up_extension_s": EXTENSION_S, "silence_s": 5.0}
    async with open_line(home, programs, brief_sounds, desks=10, **changes) as line:
        for name in CUT_OFF:
            brief = line.settings.sounds / f"{name}.wav"
            brief.unlink()  # other lines may have the same file
            shutil.copy(built_sounds / brief.relative_to(home), brief)
        for phone in SHARED:
            second = {"id": f"12{phone[1:]}", "name": "Dewi", "pin": PIN, "home_phone": phone}
            await line.post("/api/operators", second)
        for one in (await line.get("/api/operators"))["operators"]:
            await line.post(f"/api/operators/{one['id']}/skills", {"skills": {"covid": 9}})
        yield line


async def may_have(line: Line, number: str, category: str) -> None:
    """The operator gets calls of this category, and nobody else does."""
    await line.post(f"/api/operators/{number}/skills", {"skills": {category: 9}})


async def operator(line: Line, number: str) -> dict[str, Any]:
    listed = (await line.get("/api/operators"))["operators"]
    return next(one for one in listed if one["id"] == number)


async def status(line: Line, number: str) -> tuple[str, str | None]:
    one = await operator(line, number)
    return one["status"], one["phone"]


async def wrap_ups(line: Line, number: str) -> list[tuple[float, str, str]]:
    """What is kept of an operator's wrap-ups: when, what, and its reason."""
    async with Database(line.settings.url) as database, database.session() as session:
        found = await session.scalars(
            select(OperatorEventRow)
            .where(OperatorEventRow.operator == number, OperatorEventRow.kind.like("wrap_up%"))
            .order_by(OperatorEventRow.id)
        )
        return [(seconds(row.at), row.kind, row.reason or "") for row in found]


async def states(line: Line, number: str) -> list[tuple[Any, ...]]:
    """What is kept of an operator's states, in order: status, state and call."""
    row = OperatorStateRow
    columns = select(row.status, row.state, row.call_id)
    async with Database(line.settings.url) as database, database.session() as session:
        query = columns.where(row.operator == number).order_by(row.at, row.id)
        return [tuple(one) for one in await session.execute(query)]


async def a_served_call(line: Line, caller: str, key: str) -> None:
    result = await line.players.citizens(
        "citizen_key_talk_until_bye", 1, caller=caller, keys={"key": key}
    )
    assert result.successful == 1


async def hung_up(line: Line, number: str) -> None:
    """Asterisk holds no channel of this phone any more."""

    async def none() -> bool:
        channels = await line.running.asterisk.console("core show channels concise")
        return f"PJSIP/{number}-" not in channels

    await eventually(none, what=f"no channel of {number}")


def log_of(line: Line) -> str:
    return line.settings.log_file.read_text()


@together
async def test_shifts_log_in_at_a_shared_phone_by_the_dialogue(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    await line.players.dial_and_press(phone, "*11", "1201#", f"{PIN}#", between_s=3.5)
    assert await status(line, "1201") == ("ready", "101")
    # the next shift, without the hash: three seconds of silence do as well
    await line.players.dial_and_press(phone, "*11", "1101", PIN)
    assert await status(line, "1101") == ("ready", "101")
    assert await status(line, "1201") == ("logged_out", None)
    await hung_up(line, "101")


@together
async def test_a_phone_that_hangs_up_in_the_dialogue_leaves_nothing_behind(line: Line) -> None:
    phone = await line.players.register("103", PASSWORD)
    await line.players.dial_and_press(phone, "*11", "1203#", hang_up=True)
    await hung_up(line, "103")
    await line.players.dial_and_press(phone, "*11", "1203#", f"{PIN}#", between_s=3.5)
    assert await status(line, "1203") == ("ready", "103")
    assert (await line.get("/api/status"))["engine"]["event_errors"] == 0


@together
async def test_silence_in_the_dialogue_is_hung_up_by_the_line(line: Line) -> None:
    phone = await line.players.register("104", PASSWORD)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await line.players.dial(phone, "*11")
    assert 10.0 < loop.time() - began < 25.0
    for number in ("1104", "1204"):
        assert await status(line, number) == ("logged_out", None)


@together
async def test_a_phone_that_guesses_waits_and_the_log_tells_it_without_a_pin(line: Line) -> None:
    phone = line.phones["105"] = await line.players.register("105", PASSWORD)
    other = await line.players.register("106", PASSWORD)
    await line.players.dial_and_press(phone, "*11", "1205#", f"{WRONG_PIN}#", between_s=3.5)
    for _ in range(2):
        await line.players.dial(phone, f"*111205*{WRONG_PIN}")
    await line.players.dial(phone, f"*111205*{PIN}")
    assert await status(line, "1205") == ("logged_out", None)
    # it is told so at once, where the dialogue would wait ten seconds for a key
    began = asyncio.get_running_loop().time()
    await line.players.dial(phone, "*11")
    assert asyncio.get_running_loop().time() - began < 9.0
    await line.players.dial(other, f"*111205*{PIN}")
    assert await status(line, "1205") == ("ready", "106")
    log = log_of(line)
    assert log.count("wrong_pin") == 3 and "phone_waits" in log


@together
async def test_reasons_of_a_pause_are_kept_and_an_unknown_one_changes_nothing(line: Line) -> None:
    phone = await line.players.register("107", PASSWORD)
    await line.players.dial(phone, "*11")
    for code, paused in (("*132", "prayer"), ("*139", "prayer"), ("*135", "technical")):
        await line.players.dial(phone, code)
        one = await operator(line, "1107")
        assert (one["status"], one["pause_reason"]) == ("paused", paused), code
    await line.players.dial(phone, "*13")
    assert (await operator(line, "1107"))["pause_reason"] is None


@together
async def test_wrap_up_grows_by_a_code_and_ends_exactly(line: Line) -> None:
    await may_have(line, "1108", "fire")
    await line.operators_ready("108")
    await line.players.dial(line.phones["108"], "*15")
    assert await wrap_ups(line, "1108") == []
    await a_served_call(line, "0831", "3")
    await line.players.dial(line.phones["108"], "*15")
    assert (await operator(line, "1108"))["state"] == "wrap_up"

    async def over() -> list[tuple[float, str, str]]:
        found = await wrap_ups(line, "1108")
        return found if len(found) == 4 else []

    events = await eventually(over, within=WRAP_UP_S + EXTENSION_S + 5, what="it is over")
    begin, longer, rest, done = events
    assert [one[1:] for one in (begin, longer)] == [
        ("wrap_up", f"{WRAP_UP_S:g}"),
        ("wrap_up_end", "extended"),
    ]
    assert (rest[1], done[1:]) == ("wrap_up", ("wrap_up_end", "done"))
    assert 0 <= done[0] - begin[0] - WRAP_UP_S - EXTENSION_S < EXACT_S
    assert abs(done[0] - rest[0] - float(rest[2])) < EXACT_S


@together
async def test_ready_ends_wrap_up_early(line: Line) -> None:
    await may_have(line, "1109", "power")
    await line.operators_ready("109")
    await a_served_call(line, "0832", "4")
    await line.players.dial(line.phones["109"], "*14")
    one = await operator(line, "1109")
    assert (one["state"], one["status"]) == ("idle", "ready")
    events = await eventually(lambda: wrap_ups(line, "1109"), what="its events")
    assert [kind_and_why[1:] for kind_and_why in events] == [
        ("wrap_up", f"{WRAP_UP_S:g}"),
        ("wrap_up_end", "early"),
    ]
    assert events[1][0] - events[0][0] < WRAP_UP_S


async def kill_9(line: Line) -> None:
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    await line.running.engine.start()


@together.afterwards
async def test_the_rest_of_a_wrap_up_and_what_else_is_known_survive_kill_9(line: Line) -> None:
    await line.operators_ready("102")
    await line.post("/api/operators/1102/skills", {"skills": {"police": 9}, "weight": 7})
    await a_served_call(line, "0833", "2")
    before = await operator(line, "1102")
    assert before["state"] == "wrap_up"

    async def stored() -> Operator:
        async with Database(line.settings.url) as database:
            operators, _ = await load_roster(database)
        return next(one for one in operators if one.id == "1102")

    async def in_wrap_up() -> Operator | None:
        one = await stored()
        return one if one.wrap_up_until else None

    known = await eventually(in_wrap_up, what="the wrap-up is in the database")
    await kill_9(line)

    after = await operator(line, "1102")
    for name in ("state", "status", "phone", "calls_taken", "skills", "weight"):
        assert after[name] == before[name], name
    assert (after["state"], after["calls_taken"], after["weight"]) == ("wrap_up", 1, 7)
    assert after["wrap_up_until"] == before["wrap_up_until"]

    async def over() -> list[tuple[float, str, str]]:
        return [one for one in await wrap_ups(line, "1102") if one[1] == "wrap_up_end"]

    ((at, _, why),) = await eventually(over, within=WRAP_UP_S + 5, what="it is over")
    assert why == "done" and 0 <= at - known.wrap_up_until < EXACT_S
    assert (await operator(line, "1102"))["state"] == "idle"

    async def idle() -> Operator | None:
        one = await stored()
        return None if one.wrap_up_until else one

    # written by the new engine, out of what it had read
    kept = await eventually(idle, what="the end is in the database")
    assert kept.idle_since == at
    assert (kept.offered_at, kept.talk_s) == (known.offered_at, known.talk_s)
    assert kept.offered_at > 0 and kept.talk_s > 0

    # what the next engine says of them goes on from what the dead one has kept
    await line.players.dial(line.phones["102"], "*132")
    call_id = (await line.records("0833"))[0].call_id
    expected = [
        ("logged_out", "idle", ""),
        ("ready", "idle", ""),
        ("ready", "offered", call_id),
        ("ready", "talking", call_id),
        *[("ready", "wrap_up", "")] * 3,  # the dead one's; the next one restores it, and says so
        ("ready", "idle", ""),
        ("paused", "idle", ""),
    ]

    async def paused() -> list[tuple[Any, ...]]:
        found = await states(line, "1102")
        return found if found[-1][0] == "paused" else []

    assert await eventually(paused, what="the pause is in the database") == expected
    assert await states(line, "1110") == [("logged_out", "idle", "")] * 2, "one of each engine"


@together.afterwards
async def test_the_next_engine_lets_a_phone_that_has_guessed_wait_on(line: Line) -> None:
    await kill_9(line)
    await line.players.dial(line.phones["105"], f"*111205*{PIN}")
    assert await status(line, "1205") == ("ready", "106")
    log = log_of(line)
    assert log.count("wrong_pin") == 3
    assert WRONG_PIN not in log and f"*{PIN}" not in log


@together.afterwards
async def test_afterwards_asterisk_is_empty(line: Line) -> None:
    await line.is_empty()
