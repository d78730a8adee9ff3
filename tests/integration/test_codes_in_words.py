"""Operators at real phones: logging in by a dialogue, reasons, longer wrap-ups, and a restart."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import PASSWORD, PIN, Line, eventually, open_line
from sqlalchemy import select

from acd.operators.operator import Operator
from models.database import Database
from models.rows import seconds
from models.tables import OperatorEventRow, OperatorStateRow
from ngalam112.accounts.admin import load_roster
from pbx.programs import Programs

WRAP_UP_S = 6.0
EXTENSION_S = 2.0
EXACT_S = 0.5
WRONG_PIN = "86421"


@pytest.fixture(params=["brief_sounds"])
def sounds(request: pytest.FixtureRequest) -> Path:
    """The prompts: brief ones, but where it counts that keys cut off words."""
    found: Path = request.getfixturevalue(request.param)
    return found


whole_words = pytest.mark.parametrize("sounds", ["built_sounds"], indirect=True)


@pytest_asyncio.fixture
async def line(programs: Programs, sounds: Path, tmp_path: Path) -> AsyncIterator[Line]:
    """Phone 101 is the own phone of 1101 and 1201, so nobody's; 102 is 1102's."""
    changes = {"wrap_up_s": WRAP_UP_S, "wrap_up_extension_s": EXTENSION_S, "silence_s": 5.0}
    async with open_line(tmp_path, programs, sounds, desks=2, **changes) as line:
        second = {"id": "1201", "name": "Dewi", "pin": PIN, "home_phone": "101"}
        await line.post("/api/operators", second)
        yield line


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


async def a_served_call(line: Line, caller: str) -> None:
    result = await line.players.citizens(
        "citizen_key_talk_until_bye", 1, caller=caller, keys={"key": "2"}
    )
    assert result.successful == 1


def log_of(line: Line) -> str:
    return line.settings.log_file.read_text()


@whole_words
async def test_shifts_log_in_at_a_shared_phone_by_the_dialogue(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    await line.players.dial_and_press(phone, "*11", "1201#", f"{PIN}#")
    assert await status(line, "1201") == ("ready", "101")
    # the next shift, without the hash: three seconds of silence do as well
    await line.players.dial_and_press(phone, "*11", "1101", PIN)
    assert await status(line, "1101") == ("ready", "101")
    assert await status(line, "1201") == ("logged_out", None)
    await line.is_empty()


async def test_a_phone_that_hangs_up_in_the_dialogue_leaves_nothing_behind(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    await line.players.dial_and_press(phone, "*11", "1201#", hang_up=True)
    await line.is_empty()
    await line.players.dial_and_press(phone, "*11", "1201#", f"{PIN}#")
    assert await status(line, "1201") == ("ready", "101")
    assert (await line.get("/api/status"))["engine"]["event_errors"] == 0


async def test_silence_in_the_dialogue_is_hung_up_by_the_line(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await line.players.dial(phone, "*11")
    assert 10.0 < loop.time() - began < 25.0
    assert (await line.get("/api/status"))["operators"]["status"]["ready"] == 0


async def test_a_phone_that_guesses_waits_and_the_log_tells_it_without_a_pin(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    other = await line.players.register("102", PASSWORD)
    await line.players.dial_and_press(phone, "*11", "1201#", f"{WRONG_PIN}#")
    for _ in range(2):
        await line.players.dial(phone, f"*111201*{WRONG_PIN}")
    await line.players.dial(phone, f"*111201*{PIN}")
    assert await status(line, "1201") == ("logged_out", None)
    # it is told so at once, where the dialogue would wait ten seconds for a key
    began = asyncio.get_running_loop().time()
    await line.players.dial(phone, "*11")
    assert asyncio.get_running_loop().time() - began < 9.0
    await line.players.dial(other, f"*111201*{PIN}")
    assert await status(line, "1201") == ("ready", "102")
    await kill_9(line)
    await line.players.dial(phone, f"*111201*{PIN}")
    assert await status(line, "1201") == ("ready", "102"), "the next engine lets it wait on"
    log = log_of(line)
    assert log.count("wrong_pin") == 3 and "phone_waits" in log
    assert WRONG_PIN not in log and f"*{PIN}" not in log


async def test_reasons_of_a_pause_are_kept_and_an_unknown_one_changes_nothing(line: Line) -> None:
    phone = await line.players.register("102", PASSWORD)
    await line.players.dial(phone, "*11")
    for code, paused in (("*132", "prayer"), ("*139", "prayer"), ("*135", "technical")):
        await line.players.dial(phone, code)
        one = await operator(line, "1102")
        assert (one["status"], one["pause_reason"]) == ("paused", paused), code
    await line.players.dial(phone, "*13")
    assert (await operator(line, "1102"))["pause_reason"] is None


async def test_wrap_up_grows_by_a_code_and_ends_exactly(line: Line) -> None:
    await line.operators_ready("102")
    await line.players.dial(line.phones["102"], "*15")
    assert await wrap_ups(line, "1102") == []
    await a_served_call(line, "0831")
    await line.players.dial(line.phones["102"], "*15")
    assert (await operator(line, "1102"))["state"] == "wrap_up"

    async def over() -> list[tuple[float, str, str]]:
        found = await wrap_ups(line, "1102")
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


async def test_ready_ends_wrap_up_early(line: Line) -> None:
    await line.operators_ready("102")
    await a_served_call(line, "0832")
    await line.players.dial(line.phones["102"], "*14")
    one = await operator(line, "1102")
    assert (one["state"], one["status"]) == ("idle", "ready")
    events = await eventually(lambda: wrap_ups(line, "1102"), what="its events")
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


async def test_the_rest_of_a_wrap_up_and_what_else_is_known_survive_kill_9(line: Line) -> None:
    await line.operators_ready("102")
    await line.post("/api/operators/1102/skills", {"skills": {"police": 9}, "weight": 7})
    await a_served_call(line, "0833")
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
    assert await states(line, "1101") == [("logged_out", "idle", "")] * 2, "one of each engine"
