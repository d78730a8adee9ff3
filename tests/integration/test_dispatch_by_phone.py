"""`*5` and an agency's number at a real phone: in the talk, after it, and with a dead engine."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import PASSWORD, eventually
from tone_floor import TONES, Floor, open_floor
from tone_phone import TonePhone

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Floor]:
    home = tmp_path_factory.mktemp("line")
    async with open_floor(home, programs, brief_sounds, "0875") as floor:
        yield floor


async def test_agencies_are_told_by_keys_in_the_talk_and_by_a_code_after_it(floor: Floor) -> None:
    line = floor.line

    async def newest() -> Any:
        (one, *_) = (await line.get("/api/incidents?which=all"))["incidents"]
        return await line.get(f"/api/incidents/{one['id']}")

    async def told(*agencies: str) -> None:
        async def are() -> bool:
            return [one["agency"] for one in (await newest())["dispatches"]] == list(agencies)

        await eventually(are, what=f"{agencies} are told")

    async with floor.scene("101") as scene:
        await scene.talk()
        await scene.phones["101"].press("*562#")
        await told("damkar")
        found = await newest()
        assert found["incident"]["state"] == "dispatched"
        (entry,) = [one for one in found["entries"] if one["kind"] == "dispatched"]
        assert (entry["by"], entry["source"]) == ("1101", "phone")
        await scene.over()
        phone = scene.phones["101"]
        for code in ("*564", "*564#"):
            dialog = await phone.dial(code)
            await eventually(lambda dialog=dialog: dialog.over, what="it was said, and hung up")
            await told("damkar", "pmi")
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    await line.running.engine.start()
    await told("damkar", "pmi")

    async def dialled() -> bool:
        """The next engine knows the last call of an operator in a moment, and not at once."""
        dialog = await phone.dial("*561")
        await eventually(lambda: dialog.over, what="it was said, and hung up")
        return len((await newest())["dispatches"]) == 3

    async with TonePhone("101", TONES["101"], line.settings.sip_port, PASSWORD) as phone:
        await line.post("/api/operators/1101/login", {"phone": "101"})
        await eventually(dialled, what="the code is about the call before the engine died")
        await line.post("/api/operators/1101/logout")
    await told("damkar", "pmi", "polresta")
