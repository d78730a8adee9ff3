"""Lost calls are called back: an operator takes them, and the line rings the citizen."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio
from desks import log_in
from lines import PASSWORD, Line, eventually, open_line

from lab.actors.sipp import free_port
from lab.actors.softphone import Softphone
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

NUMBER = "081234567890"
QUICK = {
    "first_after_s = 5.0": "first_after_s = 0.2",
    "gaps_s = [120.0, 600.0]": "gaps_s = [0.2, 0.4]",
    "busy_after_s = 60.0": "busy_after_s = 0.2",
    "misdial_s = 2.0": "misdial_s = 0.0",
}


class Town:
    """A line with one operator's softphone, and a citizen's mobile behind the carrier."""

    def __init__(self, line: Line, desk: Softphone, mobile: Softphone) -> None:
        self.line, self.desk, self.mobile = line, desk, mobile

    async def callbacks(self, which: str = "all") -> list[dict[str, Any]]:
        """What the API lists."""
        answer = await self.line.get(f"/api/callbacks?which={which}")
        found: list[dict[str, Any]] = answer["callbacks"]
        return found

    async def are(self, *states: str, within: float = 10.0) -> list[dict[str, Any]]:
        """Wait until the callbacks, oldest first, are in these states or have these outcomes."""
        seen: list[list[str]] = []

        async def reached() -> bool:
            found = await self.callbacks()
            seen.append([str(one["outcome"] or one["state"]) for one in found])
            return tuple(seen[-1]) == states

        try:
            await eventually(reached, within)
        except AssertionError:
            raise AssertionError(f"wanted {states}, seen last {seen[-1:]}") from None
        return await self.callbacks()

    async def dial(self, *, keys: str = "2") -> str:
        """The citizen dials 112, and presses keys in the menu."""
        dialled = await self.mobile.dial("112")
        await self.mobile.established(dialled)
        if keys:
            await self.mobile.audio_flows(dialled, packets=3)
            await self.mobile.send_digits(keys, dialled)
        return dialled

    async def waits(self, category: str = "police") -> None:
        """The citizen is in the queue."""

        async def queued() -> bool:
            records = [one for one in await self.line.records() if one.ended_at is None]
            return [(one.category, one.queued_at is not None) for one in records] == [
                (category, True)
            ]

        await eventually(queued, what="the citizen waits")

    async def engine_dies(self) -> None:
        """Kill the engine and start another one."""
        pid = self.line.running.engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await self.line.running.engine.ended()
        await self.line.running.engine.start()


@asynccontextmanager
async def open_town(home: Path, programs: Programs, sounds: Path) -> AsyncIterator[Town]:
    sip_port = free_port()
    mobile = Softphone(programs, home / "softphones", sip_port, NUMBER, tone_hz=600)
    distribution = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    for shipped, here in QUICK.items():
        assert shipped in distribution
        distribution = distribution.replace(shipped, here)
    plan = home / "distribution.toml"
    plan.write_text(distribution, "utf-8")
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(
            open_line(
                home,
                programs,
                sounds,
                desks=1,
                sip_port=sip_port,
                carrier=f"127.0.0.1:{mobile.baresip.port}",
                distribution_file=plan,
                wrap_up_s=0.2,
            )
        )
        await stack.enter_async_context(mobile)
        desk = await stack.enter_async_context(line.softphone("101", PASSWORD, tone_hz=850))
        yield Town(line, desk, mobile)


@pytest_asyncio.fixture
async def town(programs: Programs, brief_sounds: Path, tmp_path: Path) -> AsyncIterator[Town]:
    async with open_town(tmp_path, programs, brief_sounds) as town:
        yield town


async def test_a_lost_call_is_called_back_whatever_dies_meanwhile(town: Town) -> None:
    line, desk, mobile = town.line, town.desk, town.mobile
    dialled = await town.dial()
    await town.waits()
    await mobile.hang_up(dialled)
    lost = (await line.ended(1))[0]
    (item,) = await town.are("queued")
    assert (item["call_id"], item["reason"]) == (lost.call_id, "lost_queue")

    await town.engine_dies()
    await log_in(desk)
    rings = await desk.incoming()
    assert "CALLBACK" in rings.display_name, rings
    await town.engine_dies()
    await town.are("offered")
    at_desk = await desk.answer(rings.id)
    calls = await mobile.incoming()
    await town.engine_dies()
    await town.are("ringing")
    at_mobile = await mobile.answer(calls.id)
    await desk.audio_flows(at_desk)
    await mobile.audio_flows(at_mobile)
    assert await mobile.hears(850) and await desk.hears(600)
    (item,) = await town.are("talking")
    await town.engine_dies()
    await town.are("talking")
    await desk.audio_flows(at_desk)

    await mobile.hang_up(at_mobile)
    await desk.closed(at_desk)
    (item,) = await town.are("reached")
    assert (item["attempts"], item["closed_by"]) == (1, "1101")
    talk = (await line.history(item["talk"])).record
    assert (talk.outcome, talk.callback_of, talk.operator) == ("callback", lost.call_id, "1101")
    assert (talk.category, talk.caller_number) == ("police", NUMBER)
    # an engine that dies makes nothing twice, and a call of the line's is not offered to it
    assert len(await line.records()) == 2
    totals = await line.get("/api/summary")
    assert (totals["offered"], totals["lost_queue"], totals["adds_up"]) == (1, 1, True)
    await line.is_empty()
    await eventually(lambda: line.idle(("101",)), what="the operator is idle")


async def test_who_dials_again_keeps_the_place_and_who_never_answers_is_given_up(
    town: Town,
) -> None:
    line, desk, mobile = town.line, town.desk, town.mobile
    dialled = await town.dial(keys="3")
    await town.waits("fire")
    await mobile.hang_up(dialled)
    first = (await line.ended(1))[0]
    again = await town.dial(keys="")
    await town.waits("fire")  # without a key
    await log_in(desk)
    at_desk = await desk.answer((await desk.incoming()).id)
    await desk.audio_flows(at_desk, packets=40)  # who hangs up at once has refused
    await desk.hang_up(at_desk)
    await mobile.closed(again)
    records = await line.ended(2)
    assert (records[1].redial_of, records[1].category_source) == (first.call_id, "redial")
    assert records[1].outcome == "answered"
    (item,) = await town.are("discharged")
    assert item["call_id"] == first.call_id

    # lost once more, by a hang-up while the operator's phone rings, and then there is no answer
    dialled = await town.dial()
    await desk.incoming()
    await mobile.hang_up(dialled)
    for _ in range(3):
        rings = await desk.incoming(within=20.0)
        at_desk = await desk.answer(rings.id)
        await mobile.hang_up((await mobile.incoming()).id)
        await desk.closed(at_desk, within=15.0)
    items = await town.are("discharged", "given_up")
    assert (items[1]["attempts"], items[1]["reason"]) == (3, "lost_ringing")
    tried = [one.get("reason", "") for one in items[1]["history"] if one["state"] == "waiting"]
    assert len(tried) == 3 and tried[0] == ""
    await line.is_empty()


async def verified_over_a_death(town: Town) -> None:
    """The operator of the last talk has its citizen rung by *18, and the engine dies meanwhile."""
    line, desk, mobile = town.line, town.desk, town.mobile
    await line.post("/api/operators/1101/ready")
    dialled = await desk.dial("*18")
    await desk.closed(dialled)
    ringing = await desk.incoming()
    assert desk.calls[dialled].state == "closed", "it rings when the words have been heard"
    await town.engine_dies()
    await desk.answer(ringing.id)
    at_mobile = await mobile.answer()
    await desk.audio_flows(ringing.id)
    await mobile.audio_flows(at_mobile)
    await desk.hang_up(ringing.id)
    await mobile.closed(at_mobile)
    await line.post("/api/operators/1101/pause", {"reason": "prayer"})

    async def is_verified() -> bool:
        (one,) = (await line.get("/api/incidents"))["incidents"]
        return one["verified_by"] == "1101" and one["verification"] is None

    await eventually(is_verified, what="the incident is verified")


async def test_an_operator_calls_by_star_16_whoever_is_owed_a_call(town: Town) -> None:
    line, desk, mobile = town.line, town.desk, town.mobile
    await log_in(desk)
    await line.post("/api/operators/1101/pause", {"reason": "prayer"})
    dialled = await town.dial()
    await town.waits()
    await mobile.hang_up(dialled)
    await town.are("queued")
    dialled = await desk.dial("*16")
    at_mobile = await mobile.answer()
    await desk.established(dialled)
    await desk.audio_flows(dialled)
    await mobile.audio_flows(at_mobile)
    await desk.hang_up(dialled)
    await mobile.closed(at_mobile)
    await town.are("reached")

    # nobody is owed a call: the last citizen once more, who does not want that
    dialled = await desk.dial("*16")
    await mobile.hang_up((await mobile.incoming()).id)
    await desk.closed(dialled, within=15.0)
    items = await town.are("reached", "given_up")
    assert items[1]["reason"] == "operator"

    await verified_over_a_death(town)

    # a supervisor knows that nobody has to call
    dialled = await town.dial()
    await town.waits()
    await mobile.hang_up(dialled)
    items = await town.are("reached", "given_up", "queued")
    await line.post(f"/api/callbacks/{items[2]['id']}/close", {"reason": "wants no call"})
    items = await town.are("reached", "given_up", "by_hand")
    assert (items[2]["closed_by"], items[2]["note"]) == ("supervisor", "wants no call")
    await line.is_empty()
