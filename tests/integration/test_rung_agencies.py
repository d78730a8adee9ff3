"""Agencies at real telephones are rung, hear the incident, and accept it by a key."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from lab.actors.sipp import SippRun
from ngalam112.config.sounds import seconds_of
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

RING_S = 3.0
LISTENS_MS = 14_000  # to the end of the report, and no longer than a key is waited for
LONGEST_REPORT_S = 11.0


class Town:
    """A line, and agencies whose telephones SIPp plays."""

    def __init__(self, line: Line, stack: AsyncExitStack) -> None:
        self.line, self._stack = line, stack

    async def agency(
        self, id: str, scenario: str, after_ms: int = 0, key: str = "1", **changes: Any
    ) -> SippRun:
        """An agency whose telephone does as the scenario says."""
        run = await self._stack.enter_async_context(
            SippRun(
                self.line.programs,
                self.line.settings.home / "sipp",
                scenario,
                keys={"pressed": key, "after": str(after_ms)},
                echo=True,
                limit_s=300,
                noted=True,
            )
        )
        voice = f"sip:{id}@127.0.0.1:{run.port}"
        await asyncio.to_thread(
            lambda: self.line.client.put(f"/api/agencies/{id}", {"voice": voice, **changes})
        )
        return run

    async def dispatched(self, *agencies: str) -> str:
        """The number of a new incident that these agencies are told of."""
        opened = await self.line.post(
            "/api/incidents", {"description": "Asap", "category": "fire_building"}
        )
        number: str = opened["number"]
        await self.line.post(f"/api/incidents/{number}/dispatch", {"agencies": list(agencies)})
        return number

    async def entries(self, number: str, kind: str, agency: str) -> list[dict[str, Any]]:
        """What the timeline has of this kind and agency."""
        shown = await self.line.get(f"/api/incidents/{number}")
        return [
            one
            for one in shown["entries"]
            if one["kind"] == kind and one["data"].get("agency") == agency
        ]

    async def is_in_timeline(self, number: str, kind: str, agency: str, within: float) -> Any:
        """Wait for an entry, and return the first."""
        found = await eventually(
            lambda: self.entries(number, kind, agency), within, f"{kind} of {agency}"
        )
        return found[0]

    def audio(self) -> list[Path]:
        """The files of what is read out."""
        return list(self.line.settings.report_audio.glob("*.wav"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(
    programs: Programs, brief_sounds: Path, tmp_path_factory: Any
) -> AsyncIterator[Town]:
    home = tmp_path_factory.mktemp("rung")
    async with (
        open_line(home, programs, brief_sounds, desks=1, agency_ring_s=RING_S) as line,
        AsyncExitStack() as stack,
    ):
        yield Town(line, stack)


async def test_a_brigade_hears_the_incident_and_accepts_by_1(town: Town) -> None:
    await town.agency("damkar", "agency_answer_key_until_bye", LISTENS_MS)
    number = await town.dispatched("damkar")
    await eventually(town.audio, 20, "the report is spoken")
    (audio,) = town.audio()
    assert 2.0 < seconds_of(audio) < LONGEST_REPORT_S
    heard = await town.is_in_timeline(number, "delivered", "damkar", 30)
    assert (heard["data"]["way"], heard["data"]["receipt"]) == ("voice", "answered, heard")
    accepted = await town.is_in_timeline(number, "acknowledged", "damkar", 30)
    assert (accepted["by"], accepted["source"]) == ("damkar", "phone")
    assert heard["at"] < accepted["at"]
    shown = await town.line.get(f"/api/incidents/{number}")
    assert shown["incident"]["state"] == "acknowledged"
    (one,) = shown["dispatches"]
    assert one["acknowledged_by"] == "damkar"
    assert [way["receipt"] for way in one["deliveries"]] == ["answered, accepted"]
    await town.line.is_empty(20)
    assert await town.line.records() == [], "no citizen's call"
    await town.line.post(f"/api/incidents/{number}/move", {"state": "resolved"})
    await eventually(lambda: not town.audio(), what="the file is removed")


async def test_nobody_answers_so_the_next_of_the_chain_is_rung(town: Town) -> None:
    await town.agency("pmi", "phone_ring_until_cancel", chain=["bpbd"], acknowledge_s=5)
    await town.agency("bpbd", "agency_answer_key_until_bye", 1000)
    number = await town.dispatched("pmi")
    rung = await town.is_in_timeline(number, "rung", "pmi", 20)
    assert rung["data"]["reason"] == "no_answer"
    escalated = await town.is_in_timeline(number, "escalated", "pmi", 20)
    assert escalated["data"]["to"] == "bpbd"
    await town.is_in_timeline(number, "acknowledged", "bpbd", 40)
    await town.line.post(f"/api/incidents/{number}/move", {"state": "resolved"})
    await town.line.is_empty(20)


async def test_an_agency_that_presses_3_talks_with_an_operator(town: Town) -> None:
    await town.agency("dinkes", "agency_answer_key_until_bye", 1000, key="3")
    await town.line.operators_ready("101")
    number = await town.dispatched("dinkes")
    told = await town.is_in_timeline(number, "delivered", "dinkes", 30)
    assert told["data"]["receipt"] == "answered, talked with operator 1101"
    await town.line.is_empty(20)
    await eventually(lambda: town.line.idle(("101",)), what="the operator is free again")
    assert await town.line.records() == []
    await town.line.post(f"/api/incidents/{number}/move", {"state": "resolved"})


async def test_an_engine_that_dies_while_an_agency_listens_is_followed_by_another_call(
    town: Town,
) -> None:
    agency = await town.agency("dishub", "agency_answer_key_until_bye", 6000)
    number = await town.dispatched("dishub")

    async def is_up() -> bool:
        channels = await town.line.running.left_over()
        return channels > 0 and bool(town.audio())

    await eventually(is_up, 20, "the agency is rung")
    pid = town.line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await town.line.running.engine.ended()
    await town.line.running.engine.start()
    await town.is_in_timeline(number, "acknowledged", "dishub", 60)
    assert len(await town.entries(number, "acknowledged", "dishub")) == 1
    assert agency.notes.read_text().count("rung") == 2
    await town.line.is_empty(20)
