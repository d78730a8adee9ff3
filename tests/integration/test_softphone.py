"""Real softphones at the line: a SIP stack that is not ours, with its own keys, REFER and audio.

Who hears whom is told by their tones. All other handing over is played by the phones of
`tone_floor`, which are quicker (docs/testing-transfers.md); here is what another stack may do its
own way. When a REFER fails this softphone hangs up (others keep the call).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from desks import CITIZEN_HZ, Room, Talk, open_room

from lab.actors.phone_facts import SipMessage, SoftphoneError, Transfer
from lab.actors.softphone import Softphone
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def room(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Room]:
    async with open_room(tmp_path_factory.mktemp("line"), programs, built_sounds) as room:
        yield room


def sent(phone: Softphone, method: str) -> list[SipMessage]:
    return [one for one in phone.messages if one.sent and one.method == method and not one.code]


async def test_it_answers_holds_resumes_and_hangs_up_a_citizens_call(room: Room) -> None:
    line = room.line
    async with (
        room.paused(*room.desks),
        line.operator_at("104") as phone,
        line.softphone("08411", tone_hz=CITIZEN_HZ) as citizen,
    ):
        dialled = await room.dial(citizen)
        call = await phone.incoming()
        assert (call.display_name, call.peer) == ("POLISI 08411", "sip:08411@127.0.0.1")
        await phone.answer(call.id)
        await phone.audio_flows()

        await phone.hold()
        assert "a=sendonly" in sent(phone, "INVITE")[-1].body
        held = await phone.audio()
        await phone.resume()
        assert "a=sendrecv" in sent(phone, "INVITE")[-1].body
        flowed = await phone.audio_flows()
        assert (await phone.audio()).sent >= held.sent + flowed.sent

        await phone.hang_up()
        await citizen.closed(dialled)
    record = (await line.ended(1, "0841"))[0]
    assert (record.outcome, record.phone, record.operator) == ("answered", "104", "1104")
    assert (record.category, record.ended_by, record.offers) == ("police", "operator", 1)
    assert record.talk_ms is not None and record.talk_ms >= 1000


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
        assert (record.caller_number, record.ended_by) == ("0801", "caller")
        assert not sent(talk.citizen, "REGISTER"), "a citizen has no account"


async def handed_over(talk: Talk, to: Softphone, name: str, asked: asyncio.Task[Transfer]) -> None:
    """While it rings the two talk on; the other one answers and takes over."""
    await to.incoming()
    await talk.talk_together("citizen", "first")
    await to.answer(to.current())
    assert (await asked).succeeded
    await talk.talk_together("citizen", name)
    await talk.free("first")


async def test_a_blind_transfer_to_an_operator(room: Room) -> None:
    async with room.talk("0821") as talk:
        asked = talk.refers(talk.operator(talk.second))
        await handed_over(talk, talk.second, "second", asked)
        assert (await asked).notified == (100, 200)
        await talk.citizen.hang_up()
        await talk.free("second")
        record = await talk.over((talk.first, "answered"), (talk.second, "transfer"), transfers=1)
        assert [one.reason for one in record.legs] == ["transferred", "caller"]


async def colleague_rings(talk: Talk) -> str:
    """The first one puts the citizen on hold and dials the second one's number."""
    await talk.first.hold(talk.call)
    dialled = await talk.first.dial(talk.operator(talk.second))
    await talk.second.incoming()
    await talk.hear(citizen="music")
    return dialled


async def test_a_transfer_after_talking_to_the_colleague(room: Room) -> None:
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


async def test_one_of_three_who_holds_leaves_the_others_talking(room: Room) -> None:
    async with room.talk("0843") as talk:
        await talk.consult(talk.second)
        await talk.press("*3")
        await talk.hear(citizen="first second", second="citizen first")
        await talk.first.hold(talk.call)
        held = await talk.first.audio(talk.call)
        await talk.talk_together("citizen", "second")
        assert (await talk.first.audio(talk.call)).sent == held.sent
        await talk.first.resume(talk.call)
        await talk.hear(citizen="first second", first="citizen second", second="citizen first")
        await talk.citizen.hang_up()
        await talk.free("first", "second")
        await talk.over((talk.first, "answered"), (talk.second, "conference"))


async def comes_back(talk: Talk, asked: asyncio.Task[Transfer]) -> None:
    """The transfer fails and the phone hangs up: music, and the first one rings again."""
    assert not (await asked).succeeded
    await talk.hear(citizen="music", within=2.0)
    talk.call = await talk.first.answer()
    await talk.talk_together("citizen", "first")


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


async def test_a_wrong_password_is_told_in_one_sentence(room: Room) -> None:
    with pytest.raises(SoftphoneError, match=r"Softphone 104 could not register: 401"):
        async with room.line.softphone("104", "wrong"):
            pass


async def test_what_the_line_does_not_know_is_told_with_its_answer(room: Room) -> None:
    async with room.line.softphone("104", "a-phone-password") as phone:
        with pytest.raises(SoftphoneError, match="the call ended: 404 Not Found"):
            await phone.established(await phone.dial("nobody"))
