"""A supervisor hears a talk on a real Asterisk: who hears whom, and what the citizen notices."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import PASSWORD, eventually
from sqlalchemy import select
from tone_floor import TONES, Floor, Scene, goes_on, open_floor
from tone_phone import TonePhone

from lab.machine.stalls import FINE_S, watched
from models.database import Database
from models.tables import AccessTrailRow
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUPERVISOR = "103"
GAP_S = 0.04
"""So long nobody may be kept from hearing by it, beyond the packet that is due every 20 ms."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Floor]:
    home = tmp_path_factory.mktemp("line")
    async with open_floor(home, programs, built_sounds, "0880") as floor:
        yield floor


def a_supervisor(scene: Scene) -> TonePhone:
    """A phone with a tone, at which nobody is logged in."""
    return TonePhone(SUPERVISOR, TONES[SUPERVISOR], scene.line.settings.sip_port, PASSWORD)


async def begin(scene: Scene, mode: str) -> None:
    body = {"operator": "1101", "phone": SUPERVISOR, "mode": mode, "reason": "training"}
    await scene.line.post("/api/monitors", body | {"by": "rini"})


async def heard(scene: Scene, supervisor: TonePhone, mode: str) -> None:
    """Each hears whom the mode lets be heard, and nobody else."""
    citizen, operator = scene.citizen_phone, scene.phones["101"]
    await scene.hear(
        {
            supervisor: [citizen, operator],
            operator: [citizen] if mode == "listen" else [citizen, supervisor],
            citizen: [operator, supervisor] if mode == "barge" else [operator],
        }
    )


def alone(test: Any) -> Any:
    """Nothing runs beside a test that allows a gap of two packets, and the machine is watched so.

    Beside other tests a thread of Asterisk begins up to 90 ms late where it is not alone (load 6 on
    two processors), which is no stall: whoever only sleeps is woken in time.
    """
    return pytest.mark.play(fills_the_machine=True)(pytest.mark.usefixtures("finely")(test))


@pytest.fixture
def finely(tmp_path: Path) -> Iterator[None]:
    with watched(tmp_path / "stalls", FINE_S):
        yield


async def engine_dies(scene: Scene) -> None:
    engine = scene.line.running.engine
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)
    await engine.ended()
    await engine.start()


async def trail(scene: Scene) -> list[tuple[str, str, str | None]]:
    await scene.line.is_written()
    row = AccessTrailRow
    query = select(row.who, row.command, row.reason).where(row.source == "line").order_by(row.id)
    async with Database(scene.line.settings.url) as database, database.session() as session:
        return [(who, command, reason) for who, command, reason in await session.execute(query)]


@alone
async def test_each_mode_is_heard_by_whom_it_says_also_by_the_next_engine(floor: Floor) -> None:
    async with floor.scene("101") as scene, a_supervisor(scene) as supervisor:
        await scene.talk()
        since = time.monotonic()
        await begin(scene, "listen")
        await supervisor.answered()
        await heard(scene, supervisor, "listen")
        (row,) = (await scene.line.get("/api/monitors"))["monitors"]
        assert (row["phone"], row["operator"], row["mode"], row["hears"]) == (
            *(SUPERVISOR, "1101", "listen"),
            True,
        )
        await supervisor.press("5")
        await heard(scene, supervisor, "whisper")
        await engine_dies(scene)
        await heard(scene, supervisor, "whisper")
        await begin(scene, "barge")
        await heard(scene, supervisor, "barge")
        await supervisor.press("4")
        await heard(scene, supervisor, "listen")
        gap = scene.citizen_phone.longest_silence(since)
        record = await scene.over()
        await eventually(supervisor.has_no_call, what="the supervisor's call ends with the talk")
        assert gap <= 0.02 + GAP_S, f"the citizen heard nothing for {gap * 1000:.0f} ms"
        assert [leg.operator for leg in record.legs] == ["1101"], "the supervisor took no part"
        said = [f"monitor {mode} 1101" for mode in ("listen", "whisper", "barge", "listen")]
        assert await trail(scene) == [("rini", one, "training") for one in said]
        assert (await scene.line.get("/api/monitors"))["monitors"] == []


async def test_the_talk_goes_on_when_the_supervisor_hangs_up(floor: Floor) -> None:
    async with floor.scene("101") as scene, a_supervisor(scene) as supervisor:
        await scene.talk()
        await begin(scene, "barge")
        dialog = await supervisor.answered()
        await heard(scene, supervisor, "barge")
        supervisor.hang_up(dialog)
        await scene.together(scene.phones["101"])
        await scene.over()


async def test_a_hold_and_a_conference_are_heard_as_well(floor: Floor) -> None:
    async with floor.scene("101") as scene, a_supervisor(scene) as supervisor:
        await scene.talk()
        first = scene.phones["101"]
        second = await scene.tone_phone("102")
        await begin(scene, "listen")
        await supervisor.answered()
        await heard(scene, supervisor, "listen")
        await scene.ring(second, "102")
        await second.answered()
        await scene.hear({supervisor: [first, second], first: [second], second: [first]})
        await first.press("*3")
        await scene.together(first, second)
        await scene.hear({supervisor: [scene.citizen_phone, first, second]})
        await goes_on(0.2)
        await scene.over()
        await eventually(supervisor.has_no_call, what="the supervisor's call ends with the talk")


@alone
async def test_a_supervisor_listens_by_star_code_and_pin(floor: Floor) -> None:
    async with floor.scene("101") as scene, a_supervisor(scene) as supervisor:
        await scene.line.post("/api/people", {"id": "2001", "name": "Rini", "role": "supervisor"})
        client, pin = scene.line.client, {"pin": "864213"}
        await asyncio.to_thread(client.put, "/api/people/2001", pin)
        await scene.talk()
        since, lines_before = time.monotonic(), len(await trail(scene))
        await supervisor.dial("*191101")
        await supervisor.press("2001#")
        await goes_on(0.3)
        await supervisor.press("864213#")
        await heard(scene, supervisor, "listen")
        await engine_dies(scene)
        await heard(scene, supervisor, "listen")
        await supervisor.press("5")
        await heard(scene, supervisor, "whisper")
        gap = scene.citizen_phone.longest_silence(since)
        await scene.over()
        await eventually(supervisor.has_no_call, what="the supervisor's call ends with the talk")
        assert gap <= 0.02 + GAP_S, f"the citizen heard nothing for {gap * 1000:.0f} ms"
        said = [f"monitor {mode} 1101" for mode in ("listen", "whisper")]
        found = (await trail(scene))[lines_before:]
        assert found == [("2001", one, f"*19 at phone {SUPERVISOR}") for one in said]
