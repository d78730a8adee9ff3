"""Handing over by keys, hold by re-INVITE, and phones that ring together: who hears whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import eventually
from tone_floor import EVERYBODY, TONES, Floor, Scene, ends, open_floor, played
from tone_phone import Dialog, TonePhone

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Floor]:
    home = tmp_path_factory.mktemp("line")
    async with open_floor(home, programs, built_sounds, "0870") as floor:
        yield floor


async def consult(scene: Scene) -> tuple[Dialog, TonePhone]:
    """101 has called 102 for its citizen: the two hear each other, the citizen hears music."""
    call, first = await scene.talk(), scene.phones["101"]
    second = await scene.tone_phone("102")
    await first.press("*2102#")
    await second.answered()
    await second.hears_only({first.hz}, EVERYBODY)
    await first.hears_only({second.hz}, EVERYBODY)
    await scene.citizen_phone.hears_music(EVERYBODY)
    return call, second


async def goes_on(seconds: float) -> None:
    """What is, stays so for a while: the other side must notice that it is not at once."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    await eventually(lambda: loop.time() >= until, what=f"{seconds} s are over")


async def test_the_two_consult_and_the_keys_complete(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        await scene.phones["101"].press("*2")
        await scene.together(second)
        await eventually(lambda: call.over, what="who handed over is hung up")
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "transferred"), ("1102", "transfer", "caller")]
        assert record.transfers == 1


async def test_the_keys_complete_while_it_rings(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102")
        second.answers = False
        await first.press("*2102#")
        await eventually(lambda: second.dialogs, what="it rings")
        await first.press("*2")
        await scene.together(first)
        second.answer(second.dialogs[0])
        await scene.together(second)
        await eventually(lambda: call.over, what="who handed over is hung up")
        assert (await scene.over()).transfers == 1


async def test_the_keys_make_three_and_one_leaves(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        first = scene.phones["101"]
        await first.press("*3")
        await scene.together(first, second)
        first.hang_up(call)
        await scene.together(second)
        await scene.in_state("101", "idle", "wrap_up")
        await goes_on(0.6)
        second.hang_up(second.dialogs[0])
        await eventually(lambda: scene.citizen_call.over, what="the last one ends the call")
        record = await scene.ended()
        assert ends(record) == [("1101", "answered", "hung_up"), ("1102", "conference", "operator")]
        assert record.transfers == 0


async def test_the_keys_return_to_the_citizen(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        _, second = await consult(scene)
        await scene.phones["101"].press("*0")
        await scene.together(scene.phones["101"])
        await eventually(lambda: second.dialogs[0].over, what="the second is let go")
        assert ends(await scene.over()) == [("1101", "answered", "caller")]


async def test_the_second_hangs_up_in_the_consult(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        _, second = await consult(scene)
        second.hang_up(second.dialogs[0])
        await scene.together(scene.phones["101"])
        assert (await scene.over()).transfers == 0


async def test_the_first_hangs_up_in_the_consult(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        scene.phones["101"].hang_up(call)
        await scene.together(second)
        assert (await scene.over()).transfers == 1


async def test_a_citizen_hangs_up_in_the_consult(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        record = await scene.over()
        await eventually(lambda: call.over and second.dialogs[0].over, what="all are hung up")
        assert ends(record) == [("1101", "answered", "caller")]


@pytest.mark.parametrize("then", ["*2", "*3", "*0"])
async def test_a_sipp_agency_is_consulted(floor: Floor, then: str) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        await scene.sipp_agency("phone_answer_until_bye")
        await first.press("*2110#")
        await first.hears_only({first.hz}, EVERYBODY)
        await scene.citizen_phone.hears_music(EVERYBODY)
        await first.press(then)
        if then == "*2":
            await scene.with_an_echo()
            await eventually(lambda: call.over, what="who handed over is hung up")
        elif then == "*0":
            await scene.together(first)
        else:
            citizen = scene.citizen_phone
            await eventually(
                lambda: {first.hz, citizen.hz} <= citizen.hears(first.hz, citizen.hz),
                what="the citizen hears the first, and itself from the agency",
            )
        record = await scene.over()
        came = {
            "*2": ["answered", "transfer"],
            "*3": ["answered", "conference"],
            "*0": ["answered"],
        }
        assert [leg.how for leg in record.legs] == came[then]


@pytest.mark.parametrize(
    "scenario",
    ["phone_busy", "phone_decline", "phone_ring_until_cancel", "phone_out_of_service"],
)
async def test_whoever_does_not_answer_leaves_the_citizen_with_the_first(
    floor: Floor, scenario: str
) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        other = await scene.sipp_phone("102", scenario)
        await scene.phones["101"].press("*2102#")
        await scene.in_state("102", "offered", "idle")

        async def failed() -> bool:
            (record,) = await scene.line.records(scene.caller)
            events = (await scene.line.history(record.call_id)).events
            return any(event.kind == "transfer_failed" for event in events)

        await eventually(failed, what="the handing over has failed")
        await played(other)
        await scene.together(scene.phones["101"])
        assert ends(await scene.over()) == [("1101", "answered", "caller")]


async def test_hold_is_music_for_the_citizen_and_is_counted(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        for _ in range(2):
            await first.hold(call)
            await scene.citizen_phone.hears_music(EVERYBODY)
            await scene.in_state("101", "holding")
            await goes_on(0.5)
            assert scene.citizen_phone.packets(0.3) > 7
            await first.hold(call, False)
            await scene.together(first)
            await scene.in_state("101", "talking")
        await first.hold(call)
        await scene.citizen_phone.hears_music(EVERYBODY)
        record = await scene.over()
        assert record.holds == 3
        assert 900 <= record.held_ms <= (record.talk_ms or 0)


async def test_the_first_answer_wins_and_the_others_are_told(floor: Floor) -> None:
    async with floor.scene("101", "102", "103") as scene:
        phones = list(scene.phones.values())
        for phone in phones:
            phone.answers = False
        await scene.citizen("3")
        await eventually(lambda: all(phone.dialogs for phone in phones), what="all ring")
        phones[1].answer(phones[1].dialogs[0])
        await scene.together(phones[1])
        for phone in (phones[0], phones[2]):
            (cancel,) = phone.dialogs[0].came
            assert cancel.startswith("CANCEL")
            assert 'SIP;cause=200;text="Call completed elsewhere"' in cancel
        await scene.in_state("101", "idle")
        await scene.in_state("103", "idle")
        record = await scene.over()
        assert ends(record) == [("1102", "answered", "caller")]


async def test_two_answers_in_the_same_instant_leave_one_talk_and_no_dead_leg(
    floor: Floor,
) -> None:
    async with floor.scene("101", "102") as scene:
        phones = list(scene.phones.values())
        for phone in phones:
            phone.answers = False
        await scene.citizen("3")
        await eventually(lambda: all(phone.dialogs for phone in phones), what="both ring")
        for phone in phones:
            phone.answer(phone.dialogs[0])
        await eventually(
            lambda: [one.dialogs[0].over for one in phones].count(True) == 1,
            what="one of the two is hung up",
        )
        (winner,) = [one for one in phones if not one.dialogs[0].over]
        (loser,) = [one for one in phones if one.dialogs[0].over]
        await scene.together(winner)
        await scene.in_state(loser.name, "idle", within=1.0)
        record = await scene.over()
        assert ends(record) == [(f"1{winner.name}", "answered", "caller")]


async def test_operators_ring_each_other(floor: Floor) -> None:
    async with floor.scene("101", "102") as scene:
        first, second = scene.phones.values()
        for number in ("101", "102"):
            await scene.in_state(number, "idle")
        call = await first.dial("102")
        await second.hears_only({TONES["101"]}, EVERYBODY)
        await first.hears_only({TONES["102"]}, EVERYBODY)
        await scene.in_state("101", "calling")
        await scene.in_state("102", "calling")
        first.hang_up(call)
        await eventually(lambda: second.dialogs[0].over, what="the other one is hung up too")
        for number in ("101", "102"):
            await scene.in_state(number, "idle", within=1.0)
