"""Three and four in a talk, hold, and operators who ring each other: with real softphones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from desks import CITIZEN_HZ, Room, Talk, open_room
from lines import eventually

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    async with open_room(tmp_path_factory.mktemp("line"), programs, built_sounds) as room:
        yield room


async def test_three_then_four_talk_and_the_others_go_on_when_one_leaves(room: Room) -> None:
    async with room.talk("0841") as talk:
        await talk.consult(talk.second)
        await talk.hear(citizen="music", first="second", second="first")
        await talk.press("*3")
        await talk.hear(citizen="first second", first="citizen second", second="citizen first")
        await talk.hand_over(talk.operator(talk.third))
        await talk.third.incoming()
        await talk.hear(citizen="first second", first="citizen second", second="citizen first")
        await talk.third.answer(talk.third.current())
        # the second one stays with the citizen meanwhile, so there is no music
        await talk.hear(citizen="second", second="citizen", first="third", third="first")
        await talk.press("*3")
        await talk.hear(
            citizen="first second third",
            first="citizen second third",
            second="citizen first third",
            third="citizen first second",
        )
        await talk.first.hang_up(talk.call)
        await talk.free("first")
        await talk.hear(citizen="second third", second="citizen third", third="citizen second")
        await talk.third.hang_up()
        await talk.free("third")
        await talk.talk_together("citizen", "second")
        await talk.citizen.hang_up()
        await talk.free("second")
        record = await talk.over(
            (talk.first, "answered"), (talk.second, "conference"), (talk.third, "conference")
        )
        assert [one.reason for one in record.legs] == ["hung_up", "caller", "hung_up"]


async def test_an_agency_is_a_third_one_and_all_end_with_the_citizen(room: Room) -> None:
    async with room.talk("0842") as talk:
        await talk.hand_over("110")
        await room.agency.incoming()
        await talk.press("*3")  # before the answer: no consulting then
        await room.agency.answer(room.agency.current())
        await talk.hear(citizen="first agency", first="citizen agency", agency="citizen first")
        await talk.citizen.hang_up()
        await talk.free("first", "agency")
        await talk.over((talk.first, "answered"), (room.agency, "conference"))


async def test_one_of_three_who_holds_leaves_the_others_talking(room: Room) -> None:
    async with room.talk("0843") as talk:
        await talk.consult(talk.second)
        await talk.press("*3")
        await talk.hear(citizen="first second", second="citizen first")
        await talk.first.hold(talk.call)
        await talk.talk_together("citizen", "second")
        await talk.first.resume(talk.call)
        await talk.hear(citizen="first second", first="citizen second", second="citizen first")
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        await talk.over((talk.first, "answered"), (talk.second, "conference"))


async def test_hold_is_music_to_the_citizen_and_is_counted(room: Room) -> None:
    async with room.talk("0844") as talk:
        for _ in range(2):
            await talk.first.hold(talk.call)
            await talk.in_state(first="holding")
            await talk.hear(citizen="music")
            assert len(await talk.citizen.listen(1.0)) >= 16000
            await talk.first.resume(talk.call)
            await talk.talk_together("citizen", "first")
            await talk.in_state(first="talking")
        await talk.citizen.hang_up()
        await talk.free("first")
        record = await talk.over((talk.first, "answered"))
        assert record.holds == 2
        assert record.talk_ms is not None
        assert 2000 <= record.held_ms < record.talk_ms


async def test_colleagues_talk_and_neither_gets_a_citizen_meanwhile(room: Room) -> None:
    one, other, third = room.desks
    async with room.line.softphone("0845", tone_hz=CITIZEN_HZ) as citizen:
        async with room.paused(third):
            called = await one.dial(Talk.operator(other))
            await other.answer()
            await one.established(called)
            assert await one.hears(other.tone_hz) > 0.8
            assert await other.hears(one.tone_hz) > 0.8
            states = await room.states()
            assert (states[one.number], states[other.number]) == ("calling", "calling")

            calls = [len(phone.calls) for phone in room.desks]
            dialled = await room.dial(citizen)

            async def waits() -> bool:
                return bool((await room.line.get("/api/status"))["queue"]["length"])

            await eventually(waits)
            await citizen.audio_flows(dialled)
            await one.audio_flows(called)
            assert [len(phone.calls) for phone in room.desks] == calls

            await one.hang_up(called)
            first = await room.ringing(within=1.0)
            assert first in (one, other)
            await first.answer(first.current())
            await citizen.audio_flows(dialled)
            await citizen.hang_up(dialled)
        await room.rests()
    record = (await room.line.ended(1, "0845"))[0]
    assert (record.outcome, len(record.legs)) == ("answered", 1)


async def test_a_colleague_who_does_not_come_is_told_in_words_and_all_are_idle(room: Room) -> None:
    one, other, third = room.desks
    known = len(await room.line.records())
    for refuses in (True, False):
        called = await one.dial(Talk.operator(other))
        ringing = await other.incoming()
        if refuses:
            await other.hang_up(ringing.id)
        await other.closed(ringing.id)
        await one.established(called)  # the words
        await one.closed(called)
        await room.rests()
    async with room.paused(third):
        # oneself, paused, nobody there, outside, an agency without a citizen
        for number in (Talk.operator(one), Talk.operator(third), "1104", "0812345678", "110"):
            called = await one.dial(number)
            await one.established(called)
            await one.closed(called)
    assert room.has_no_call(room.agency)
    await room.rests()
    assert all(room.has_no_call(phone) for phone in room.desks)
    assert len(await room.line.records()) == known, "no citizen, no record"


async def test_who_still_talks_with_a_colleague_is_offered_nobody(room: Room) -> None:
    async with room.talk("0846") as talk, room.paused(talk.third):
        await talk.first.hold(talk.call)
        consult = await talk.first.dial(talk.operator(talk.second))
        await talk.second.answer()
        await talk.hear(second="first")
        await talk.citizen.hang_up()
        await talk.first.closed(talk.call, within=1.0)
        await talk.hear(first="second", second="first")
        async with room.line.softphone("0847", tone_hz=CITIZEN_HZ) as another:
            calls = len(talk.first.calls)
            dialled = await room.dial(another)
            await another.audio_flows(dialled, packets=75)
            assert len(talk.first.calls) == calls
            await talk.first.hang_up(consult)
            phone = await room.ringing(within=2.0)
            await phone.answer(phone.current())
            await another.hang_up(dialled)
        await talk.free("first", "second")
        await talk.back_from_pause(talk.third)
        await talk.over((talk.first, "answered"))
