"""Handing over by SIP REFER on a real line: who hears whom before and after, and every failure."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import eventually
from tone_floor import EVERYBODY, Floor, Scene, ends, open_floor, played
from tone_phone import Dialog, TonePhone

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def floor(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Floor]:
    home = tmp_path_factory.mktemp("line")
    async with open_floor(home, programs, built_sounds, "0860") as floor:
        yield floor


@pytest.mark.parametrize("to", ["102", "1102", "92"])
async def test_a_blind_transfer_reaches_an_operator_and_a_category(floor: Floor, to: str) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102")
        assert await first.refer(call, to) == "202"
        await second.answered()
        await scene.together(second)
        await eventually(lambda: call.over, what="who handed over is hung up")
        assert call.notified()[-1] == "200"
        await scene.in_state("102", "talking")
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "transferred"), ("1102", "transfer", "caller")]
        assert (record.transfers, record.outcome) == (1, "answered")


async def test_a_blind_transfer_of_a_held_citizen_ends_the_music(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102")
        await first.hold(call)
        await scene.citizen_phone.hears_music(EVERYBODY)
        await scene.in_state("101", "holding")
        assert await first.refer(call, "102") == "202"
        await scene.together(second)
        record = await scene.over()
        assert (record.holds, record.transfers) == (1, 1)


async def test_a_sipp_phone_hands_over_to_a_sipp_agency(floor: Floor) -> None:
    async with floor.scene() as scene:
        await scene.sipp_agency("phone_answer_until_bye")
        phone = await scene.sipp_phone("101", "phone_answer_refer_until_bye", target="110")
        await scene.citizen()
        await scene.with_an_echo()
        await played(phone)  # 202, NOTIFY 100, NOTIFY 200
        await scene.in_state("101", "idle", "wrap_up")
        await scene.with_an_echo()
        scene.citizen_phone.hang_up(scene.citizen_call)
        record = await scene.ended()
        address = f"sip:110@127.0.0.1:{floor.agency_port}"
        assert ends(record) == [
            ("1101", "answered", "transferred"),
            (address, "transfer", "caller"),
        ]


@pytest.mark.parametrize(
    "scenario",
    [
        "phone_busy",
        "phone_decline",
        "phone_ring_until_cancel",
        "phone_not_available",
        "phone_out_of_service",
        "phone_moved",
    ],
)
@pytest.mark.parametrize("to", ["102", "110"])
async def test_whoever_does_not_answer_leaves_the_citizen_with_the_first(
    floor: Floor, to: str, scenario: str
) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        if to == "110":
            other = await scene.sipp_agency(scenario)
        else:
            other = await scene.sipp_phone("102", scenario)
        assert await first.refer(call, to) == "202"
        await eventually(lambda: "503" in call.notified(), what="the phone is told of the failure")
        await played(other)
        await scene.together(first)
        assert not call.over
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "caller")]
        assert record.transfers == 0


async def test_a_dead_agency_is_given_up_in_time(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        assert await first.refer(call, "119") == "202"
        await eventually(lambda: "503" in call.notified(), 4.0, "the failure is told")
        await scene.together(first)
        await scene.over()


@pytest.mark.parametrize("to", ["101", "999", "081234567", "103"])
async def test_what_is_nowhere_oneself_forbidden_or_away_is_declined(floor: Floor, to: str) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        assert await first.refer(call, to) == "202"
        await eventually(lambda: "603" in call.notified(), what="the refusal is told")
        await scene.together(first)
        assert (await scene.over()).transfers == 0


async def test_a_phone_that_hands_over_before_it_talks_is_declined(floor: Floor) -> None:
    async with floor.scene() as scene:
        await scene.sipp_agency("phone_answer_until_bye")
        phone = await scene.sipp_phone("101", "phone_answer_refer_at_once_until_bye", target="110")
        await scene.citizen()
        await scene.with_an_echo()
        await scene.in_state("101", "talking")
        scene.citizen_phone.hang_up(scene.citizen_call)
        record = await scene.ended()
        await played(phone)  # 202, NOTIFY 100, NOTIFY 603
        assert ends(record) == [("1101", "answered", "caller")]
        assert record.transfers == 0


async def test_who_answers_and_hangs_up_at_once_sends_the_citizen_back(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        await scene.sipp_phone("102", "phone_answer_and_leave")
        assert await first.refer(call, "102") == "202"
        back = await first.answered(2)
        assert back is not call
        await scene.in_state("101", "talking")  # what was heard just before is of the first talk
        await scene.together(first)
        record = await scene.over()
        assert [who for who, _, _ in ends(record)] == ["1101", "1102", "1101"]


async def test_a_phone_that_has_consulted_hands_over_whom_it_talks_with(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102")
        await first.hold(call)
        await scene.citizen_phone.hears_music(EVERYBODY)
        own = await first.dial("102")
        await second.hears_only({first.hz}, EVERYBODY)
        assert await first.refer(call, "102", replaces=own) == "202"
        await scene.together(second)
        await eventually(lambda: call.over and own.over, what="both calls of the phone are over")
        assert call.notified()[-1] == "200"
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "transferred"), ("1102", "transfer", "caller")]


async def test_a_phone_hands_over_to_an_agency_that_it_has_consulted(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        await scene.sipp_agency("phone_answer_until_bye")
        await first.hold(call)
        own = await first.dial("110")
        assert await first.refer(call, "110", replaces=own) == "202"
        await scene.with_an_echo()
        await eventually(lambda: call.over and own.over, what="both calls of the phone are over")
        assert (await scene.over()).transfers == 1


async def test_a_replaces_of_nothing_is_declined(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        assert await first.refer(call, "102", replaces=call) == "202"
        await eventually(lambda: "603" in call.notified(), what="the refusal is told")
        await scene.together(first)
        await scene.over()


async def rings(scene: Scene) -> tuple[Dialog, TonePhone]:
    """101 talks and has sent REFER; 102, to whom that points, rings and is not answered."""
    call, first = await scene.talk(), scene.phones["101"]
    second = await scene.tone_phone("102")
    second.answers = False
    await first.refer(call, "102")
    await eventually(lambda: second.dialogs, what="it rings")
    return call, second


async def test_a_citizen_who_hangs_up_while_it_rings_leaves_no_ghost(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await rings(scene)
        record = await scene.over()
        await eventually(lambda: second.dialogs[0].over and call.over, what="all are hung up")
        assert ends(record) == [("1101", "answered", "caller")]


async def test_who_hands_over_and_leaves_before_the_answer_leaves_music(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await rings(scene)
        scene.phones["101"].hang_up(call)
        await scene.citizen_phone.hears_music(EVERYBODY)
        second.answer(second.dialogs[0])
        await scene.together(second)
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "hung_up"), ("1102", "transfer", "caller")]


async def test_a_citizen_may_not_hand_anybody_over(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        assert await scene.citizen_phone.refer(scene.citizen_call, "102") == "603"
        await scene.together(scene.phones["101"])
        await scene.over()


async def test_a_phone_hears_of_its_refer_from_the_next_engine(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await rings(scene)
        engine = scene.line.running.engine
        await engine.stop(signal.SIGKILL)
        await engine.start()
        await eventually(lambda: "603" in call.notified(), what="the phone is told")
        await eventually(lambda: second.dialogs[0].over, what="the other one rings no more")
        await scene.together(scene.phones["101"])
        assert not call.over
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "caller")]
