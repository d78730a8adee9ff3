"""Test calls on a real line: a machine answers, nobody rings, no figure changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from lines import Line, open_line

from lab.actors.sipp import SippResult
from lab.machine.waiting import eventually
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

NUMBER = "1129"
TEST_SOS = "<urn:service:test.sos>;index=1, <sip:112@line.example>;index=1.1"
SOS = "<urn:service:sos>;index=1, <sip:112@line.example>;index=1.1"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line with a number for tests, room for one of them, and one operator who answers."""
    home = tmp_path_factory.mktemp("line")
    more = {"test_number": NUMBER, "test_most": 1, "test_echo_s": 2.0}
    async with open_line(home, programs, brief_sounds, desks=1, **more) as line:
        await line.operators_ready("101")
        yield line


_FIGURE = r"^ngalam112_(calls_offered|test_calls\w*?)(?:_total)? (\S+)$"


async def metrics(line: Line) -> str:
    token = {"Authorization": f"Bearer {line.settings.secrets.api_token}"}
    url = f"http://127.0.0.1:{line.settings.api_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url, headers=token) as answer:
        return await answer.text()


async def play(line: Line, caller: str, count: int = 1, **keys: str) -> SippResult:
    keys = {"number": NUMBER, "history": SOS} | keys
    return await line.players.citizens(
        "caller_tests_until_bye", count, caller=caller, keys=keys, rate=50.0
    )


@pytest.mark.parametrize(
    ("caller", "keys"),
    [("08121", {"number": NUMBER}), ("08122", {"number": "112", "history": TEST_SOS})],
    ids=["number", "header"],
)
async def test_a_machine_answers_and_hangs_up(
    line: Line, caller: str, keys: dict[str, str]
) -> None:
    played = await play(line, caller, **keys)
    assert played.successful == 1, played.why
    record = (await line.ended(1, caller))[0]
    assert (record.outcome, record.ended_by, record.offers) == ("test", "line", 0)
    assert (record.caller_number, record.called_number) == (f"{caller}1", keys["number"])
    events = (await line.history(record.call_id)).events
    assert [one.kind for one in events] == ["arrived", "ended"]
    assert events[0].data["test"] == {"codec": "alaw"}
    # what was heard: the words, then two seconds of the own voice
    assert record.ended_at is not None
    assert record.ended_at - record.arrived_at > 2.0


async def test_whose_history_is_no_test_is_a_citizen(line: Line) -> None:
    played = await play(line, "08123", number="112")
    assert played.successful == 1, played.why
    assert [one.outcome for one in await line.ended(1, "08123")] == ["answered"]


async def test_one_too_many_is_refused_and_a_citizen_is_served_meanwhile(line: Line) -> None:
    busy = asyncio.create_task(play(line, "08124"))

    async def goes_on() -> bool:
        return len([one for one in await line.records("08124") if not one.ended_at]) == 1

    await eventually(goes_on, what="a test call that goes on")
    refused, served = await asyncio.gather(
        play(line, "08125"),
        line.players.citizens("citizen_key_talk_until_bye", 1, caller="08126", keys={"key": "2"}),
    )
    assert (refused.failed, served.successful) == (1, 1)
    assert " 503 " in refused.why
    assert (await busy).successful == 1
    assert await line.records("08125") == []


async def test_the_figures_know_citizens_only(line: Line) -> None:
    await line.is_empty()
    await line.is_written()
    summary = await line.get("/api/summary")
    assert (summary["offered"], summary["answered"], summary["adds_up"]) == (2, 2, True)
    figures = dict(re.findall(_FIGURE, await metrics(line), re.MULTILINE))
    assert figures == {
        "calls_offered": "2.0",
        "test_calls": "0.0",
        "test_calls_taken": "3.0",
        "test_calls_refused": "1.0",
    }
    tests = (await line.get("/api/calls?outcome=test"))["calls"]
    assert len(tests) == 3
