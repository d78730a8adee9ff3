"""Handing over by a softphone's own transfer button: REFER, blind and with Replaces.

When a REFER fails this softphone hangs up (others keep the call). So the promise here is that the
citizen does not go with it: music at once, and the same operator again if there is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from desks import Room, Talk, open_room

from ngalam112.demo.phone_facts import Transfer
from ngalam112.demo.softphone import Softphone
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    async with open_room(tmp_path_factory.mktemp("line"), programs, built_sounds) as room:
        yield room


async def handed_over(talk: Talk, to: Softphone, name: str, asked: asyncio.Task[Transfer]) -> None:
    """While it rings the two talk on; the other one answers and takes over."""
    await to.incoming()
    await talk.talk_together("citizen", "first")
    await to.answer(to.current())
    assert (await asked).succeeded
    await talk.talk_together("citizen", name)
    await talk.free("first")


async def test_blind_to_an_operator(room: Room) -> None:
    async with room.talk("0821") as talk:
        asked = talk.refers(talk.operator(talk.second))
        await handed_over(talk, talk.second, "second", asked)
        assert (await asked).notified == (100, 200)
        await talk.citizen.hang_up()
        await talk.free("second")
        record = await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)
        assert [one.reason for one in record.legs] == ["transferred", "caller"]


async def test_blind_to_an_agency(room: Room) -> None:
    async with room.talk("0822") as talk:
        await handed_over(talk, room.agency, "agency", talk.refers("110"))
        await room.agency.hang_up()
        await talk.over((talk.first, "answered"), (room.agency, "transfer"), transfers=1)


async def test_blind_to_a_category(room: Room) -> None:
    async with room.talk("0823") as talk, room.paused(talk.third):
        await handed_over(talk, talk.second, "second", talk.refers("93"))
        await talk.citizen.hang_up()
        await talk.free("second")
        await talk.back_from_pause(talk.third)
        record = await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)
        assert record.category == "fire"


async def colleague_rings(talk: Talk) -> str:
    """The first one puts the citizen on hold and dials the second one's number."""
    await talk.first.hold(talk.call)
    dialled = await talk.first.dial(talk.operator(talk.second))
    await talk.second.incoming()
    await talk.hear(citizen="music")
    return dialled


async def test_with_replaces_after_talking(room: Room) -> None:
    async with room.talk("0824") as talk:
        consult = await colleague_rings(talk)
        await talk.second.answer(talk.second.current())
        await talk.hear(citizen="music", second="first")
        await talk.first.audio_flows(consult, packets=10)
        transfer = await talk.first.attended_transfer(consult, talk.call)
        assert transfer.succeeded
        await talk.talk_together("citizen", "second")
        await talk.free("first")
        await talk.citizen.hang_up()
        await talk.free("second")
        record = await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)
        assert record.holds == 1


async def test_with_replaces_while_it_still_rings(room: Room) -> None:
    async with room.talk("0825") as talk:
        consult = await colleague_rings(talk)
        asked = await talk.refers_while_it_rings(consult)
        await talk.hear(citizen="music")
        await talk.second.answer(talk.second.current())
        assert (await asked).succeeded
        await talk.talk_together("citizen", "second")
        await talk.free("first")
        await talk.second.hang_up()
        await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)


async def comes_back(talk: Talk, asked: asyncio.Task[Transfer]) -> None:
    """The transfer fails and the phone hangs up: music, and the first one rings again."""
    assert not (await asked).succeeded
    await talk.hear(citizen="music", within=2.0)
    talk.call = await talk.first.answer()
    await talk.talk_together("citizen", "first")


@pytest.mark.parametrize(
    ("caller", "refused"),
    [
        ("0826", {"77": "nowhere", "0812345678": "forbidden"}),
        ("0836", {"oneself": "oneself", "third": "paused"}),
    ],
)
async def test_a_blind_transfer_that_is_refused_brings_the_citizen_back(
    room: Room, caller: str, refused: dict[str, str]
) -> None:
    async with room.talk(caller) as talk, room.paused(talk.third):
        operators = {"oneself": talk.operator(talk.first), "third": talk.operator(talk.third)}
        for to in refused:
            asked = talk.refers(operators.get(to, to))
            await comes_back(talk, asked)
            assert (await asked).notified[-1] == 603
        assert await talk.failures() == list(refused.values())
        await talk.citizen.hang_up()
        await talk.free("first")
        await talk.back_from_pause(talk.third)
        await talk.over(*[(talk.first, "answered")] * 3)


async def test_a_blind_transfer_that_nobody_takes_brings_the_citizen_back(room: Room) -> None:
    async with room.talk("0827") as talk, room.paused(talk.third):
        asked = talk.refers(talk.operator(talk.second))
        await talk.second.hang_up((await talk.second.incoming()).id)  # 486
        await comes_back(talk, asked)
        asked = talk.refers(talk.operator(talk.second))
        await talk.second.incoming()
        await talk.talk_together("citizen", "first")
        await comes_back(talk, asked)
        assert await talk.failures() == ["busy", "no_answer"]
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        await talk.back_from_pause(talk.third)
        await talk.over(*[(talk.first, "answered")] * 3)


async def test_with_replaces_to_who_then_refuses_brings_the_citizen_back(room: Room) -> None:
    async with room.talk("0828") as talk, room.paused(talk.third):
        consult = await colleague_rings(talk)
        asked = await talk.refers_while_it_rings(consult)
        await talk.second.hang_up()
        await comes_back(talk, asked)
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        await talk.back_from_pause(talk.third)
        await talk.over(*[(talk.first, "answered")] * 2)


async def test_a_colleague_who_refuses_or_leaves_returns_the_citizen_to_who_holds(
    room: Room,
) -> None:
    async with room.talk("0829") as talk:
        for answers in (False, True):
            consult = await colleague_rings(talk)
            if answers:
                await talk.second.answer(talk.second.current())
                await talk.hear(citizen="music", second="first")
            await talk.second.hang_up()
            await talk.first.closed(consult)
            await talk.free("second")
            await talk.first.resume(talk.call)
            await talk.talk_together("citizen", "first")
        await talk.in_state(first="talking")
        await talk.citizen.hang_up()
        await talk.free("first")
        record = await talk.over((talk.first, "answered"))
        assert record.holds == 2


async def test_a_citizen_who_hangs_up_while_it_rings_leaves_no_ghost(room: Room) -> None:
    async with room.talk("0830") as talk:
        asked = talk.refers(talk.operator(talk.second))
        await talk.second.incoming()
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        assert not (await asked).succeeded
        await talk.over((talk.first, "answered"))


async def test_a_citizen_who_hangs_up_during_the_consult_leaves_the_two_alone(room: Room) -> None:
    async with room.talk("0831") as talk:
        consult = await colleague_rings(talk)
        await talk.second.answer(talk.second.current())
        await talk.hear(citizen="music", second="first")
        await talk.citizen.hang_up()
        await talk.first.closed(talk.call, within=1.0)
        await talk.hear(first="second", second="first")
        transfer = talk.first.calls[consult]
        assert transfer.state == "established"
        await talk.first.hang_up(consult)
        await talk.free("first", "second")
        await talk.over((talk.first, "answered"))
