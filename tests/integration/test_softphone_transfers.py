"""Handing over by keys (`*2`, `*3`, `*0`) between real softphones: who hears whom at each step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from desks import Room, open_room
from lines import eventually

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    async with open_room(tmp_path_factory.mktemp("line"), programs, built_sounds) as room:
        yield room


async def test_the_two_consult_and_the_keys_complete(room: Room) -> None:
    async with room.talk("0801") as talk:
        await talk.hand_over(talk.operator(talk.second))
        await talk.second.incoming()
        await talk.in_state(first="talking", second="offered", third="idle")
        await talk.talk_together("citizen", "first")

        await talk.second.answer(talk.second.current())
        await talk.hear(citizen="music", first="second", second="first")
        await talk.talk_together("first", "second")
        assert (await talk.citizen.audio_flows(packets=10)).received >= 10
        await talk.in_state(first="talking", second="talking")

        await talk.press("*2")
        await talk.first.closed(talk.call)
        await talk.talk_together("citizen", "second")
        await talk.free("first")
        await talk.citizen.hang_up()
        await talk.free("second")
        record = await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)
        assert [one.reason for one in record.legs] == ["transferred", "caller"]
        assert record.ended_by == "caller"


async def test_who_hangs_up_in_the_consult_has_handed_over(room: Room) -> None:
    async with room.talk("0802") as talk:
        await talk.consult(talk.second, number=talk.second.number)
        await talk.hear(citizen="music", first="second", second="first")
        await talk.first.hang_up(talk.call)
        await talk.talk_together("citizen", "second")
        await talk.free("first")
        await talk.second.hang_up()
        record = await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)
        assert [one.reason for one in record.legs] == ["hung_up", "operator"]


async def test_the_keys_may_complete_before_the_answer(room: Room) -> None:
    async with room.talk("0803") as talk:
        await talk.hand_over(talk.operator(talk.third))
        await talk.third.incoming()
        await talk.press("*2")
        await talk.talk_together("citizen", "first")
        await talk.third.answer(talk.third.current())
        await talk.talk_together("citizen", "third")
        await talk.free("first")
        await talk.citizen.hang_up()
        await talk.over((talk.first, "answered"), (talk.third, "transfer"), transfers=1)


async def test_a_return_ends_the_consult_and_the_ringing(room: Room) -> None:
    async with room.talk("0804") as talk:
        await talk.consult(talk.second)
        await talk.hear(citizen="music", first="second", second="first")
        await talk.press("*0")
        await talk.free("second")
        await talk.talk_together("citizen", "first")
        await talk.hand_over(talk.operator(talk.third))
        await talk.third.incoming()
        await talk.press("*0")
        await talk.free("third")
        await talk.talk_together("citizen", "first")
        assert await talk.failures() == ["returned", "returned"]
        await talk.first.hang_up(talk.call)
        await talk.over((talk.first, "answered"))


async def test_a_category_rings_whoever_is_free_for_it(room: Room) -> None:
    async with room.talk("0805") as talk:
        await talk.hand_over("93")
        other = await room.ringing()
        name = "second" if other is talk.second else "third"
        await talk.talk_together("citizen", "first")
        await other.answer(other.current())
        await talk.hear(citizen="music", first=name, **{name: "first"})
        await talk.press("*2")
        await talk.talk_together("citizen", name)
        await talk.free("first")
        await talk.citizen.hang_up()
        record = await talk.over((talk.first, "answered"), (other, "transfer"), transfers=1)
        assert record.category == "fire"


async def test_a_category_without_anybody_free_leaves_the_citizen_there(room: Room) -> None:
    async with room.talk("0806") as talk, room.paused(talk.second, talk.third):
        await talk.hand_over("92")
        await talk.talk_together("citizen", "first")
        await room.line.post(f"/api/operators/{talk.operator(talk.third)}/ready")
        await talk.third.answer()
        await talk.hear(citizen="music", first="third", third="first")
        await talk.press("*2")
        await talk.talk_together("citizen", "third")
        await talk.citizen.hang_up()
        await talk.free("first", "third")
        # the other one comes back with the end of the pause
        await room.line.post(f"/api/operators/{talk.operator(talk.second)}/ready")
        await talk.over((talk.first, "answered"), (talk.third, "transfer"), transfers=1)


async def test_an_agency_is_consulted_and_takes_over(room: Room) -> None:
    async with room.talk("0807") as talk:
        await talk.consult(room.agency, number="110")
        await talk.hear(citizen="music", first="agency", agency="first")
        await talk.press("*2")
        await talk.talk_together("citizen", "agency")
        await talk.free("first")
        await room.agency.hang_up()
        record = await talk.over((talk.first, "answered"), (room.agency, "transfer"), transfers=1)
        assert record.legs[1].operator is None


async def test_an_agencys_fallback_is_rung_when_its_number_fails(room: Room) -> None:
    async with room.talk("0808") as talk:
        await talk.hand_over("118")
        await talk.talk_together("citizen", "first")
        await room.agency.answer()
        await talk.hear(citizen="music", first="agency", agency="first")
        await room.agency.hang_up()
        await talk.talk_together("citizen", "first")
        await talk.hand_over("119")
        await talk.hear(citizen="first")

        async def failed() -> bool:
            return await talk.failures() == ["hung_up", "no_answer"]

        await eventually(failed, what="the failure")
        await talk.talk_together("citizen", "first")
        await talk.citizen.hang_up()
        await talk.over((talk.first, "answered"))


async def test_what_cannot_be_rung_is_refused_and_nobody_is_disturbed(room: Room) -> None:
    async with room.talk("0809") as talk:
        busy = await talk.second.dial(talk.operator(talk.third))
        await talk.third.answer()
        before = [len(one.calls) for one in talk.phones.values()]
        for number in (talk.operator(talk.third), talk.second.number):
            await talk.hand_over(number)
        await talk.second.hang_up(busy)
        await talk.free("second", "third")
        async with room.paused(talk.third):
            await talk.hand_over(talk.operator(talk.third))
        for number in (talk.operator(talk.first), "77", "0812345678", "104"):
            await talk.hand_over(number)
        await talk.talk_together("citizen", "first")
        wanted = ["busy", "busy", "paused", "oneself", "nowhere", "forbidden", "away"]
        assert await talk.failures() == wanted
        assert [len(one.calls) for one in talk.phones.values()] == before
        await talk.in_state(first="talking", second="idle", third="idle")
        await talk.citizen.hang_up()
        await talk.free("first")
        await talk.over((talk.first, "answered"))


async def test_whatever_fails_leaves_or_brings_the_citizen_back(room: Room) -> None:
    async with room.talk("0810") as talk:
        await talk.hand_over(talk.operator(talk.second))
        await talk.second.hang_up((await talk.second.incoming()).id)  # 486
        await talk.free("second")
        await talk.talk_together("citizen", "first")

        await talk.hand_over(talk.operator(talk.second))
        ringing = await talk.second.incoming()
        await talk.second.closed(ringing.id, within=5.0)  # nobody answers
        await talk.free("second")
        await talk.talk_together("citizen", "first")

        await talk.consult(talk.second)
        await talk.hear(citizen="music", first="second", second="first")
        await talk.second.hang_up()
        await talk.talk_together("citizen", "first")
        await talk.in_state(first="talking")
        await talk.free("second")
        assert await talk.failures() == ["busy", "no_answer", "hung_up"]
        await talk.first.hang_up(talk.call)
        await talk.over((talk.first, "answered"))


async def test_a_citizen_who_hangs_up_while_it_rings_leaves_no_ghost(room: Room) -> None:
    async with room.talk("0811") as talk:
        await talk.hand_over(talk.operator(talk.second))
        await talk.second.incoming()
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        await talk.over((talk.first, "answered"))


async def test_a_citizen_who_hangs_up_while_the_two_consult_leaves_no_ghost(room: Room) -> None:
    async with room.talk("0812") as talk:
        await talk.consult(talk.second)
        await talk.hear(citizen="music", first="second", second="first")
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        await talk.over((talk.first, "answered"))


async def test_who_hangs_up_while_it_rings_leaves_the_citizen_with_music(room: Room) -> None:
    async with room.talk("0813") as talk:
        await talk.hand_over(talk.operator(talk.second))
        await talk.second.incoming()
        await talk.first.hang_up(talk.call)
        await talk.hear(citizen="music")
        await talk.second.answer(talk.second.current())
        await talk.talk_together("citizen", "second")
        await talk.free("first")
        await talk.citizen.hang_up()
        await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)


async def test_if_that_one_refuses_the_first_is_preferred_again(room: Room) -> None:
    async with room.talk("0814") as talk:
        await talk.hand_over(talk.operator(talk.second))
        ringing = await talk.second.incoming()
        await talk.first.hang_up(talk.call)
        await talk.in_state(first="idle", within=3.0)
        await talk.second.hang_up(ringing.id)
        await talk.hear(citizen="music", within=2.0)
        await talk.first.answer()
        await talk.talk_together("citizen", "first")
        await talk.citizen.hang_up()
        await talk.over((talk.first, "answered"), (talk.first, "answered"))
