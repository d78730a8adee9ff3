"""Handing over by SIP REFER, and calls that operators make from their phones: who hears whom."""

from __future__ import annotations

import shutil
import signal
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually
from tone_floor import (
    AGENCY,
    EVERYBODY,
    FREE_S,
    NOT_AT_ONCE_S,
    Floor,
    Scene,
    ends,
    goes_on,
    open_floor,
    played,
)
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


@pytest.mark.parametrize("to", ["102", "1102", "94", AGENCY])
async def test_a_blind_transfer_reaches_an_operator_a_category_and_an_agency(
    floor: Floor, to: str
) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        if to == AGENCY:
            second = await scene.agency(answers=False)
        else:
            second = await scene.tone_phone("102", answers=False)
        assert await first.refer(call, to) == "202"
        await eventually(second.rings, what="it rings")
        await scene.together(first)
        second.answer(second.dialogs[0])
        await scene.together(second)
        await scene.free(first)
        assert call.notified() == ["100", "200"]
        if to == AGENCY:
            await goes_on(NOT_AT_ONCE_S)
            scene.not_in_silence()
            second.hang_up(second.dialogs[0])
            record, ended_by = await scene.ended(), "operator"
        else:
            await scene.in_state("102", "talking")
            record, ended_by = await scene.over(), "caller"
        who = f"sip:110@127.0.0.1:{floor.agency_port}" if to == AGENCY else "1102"
        assert ends(record) == [("1101", "answered", "transferred"), (who, "transfer", ended_by)]
        assert record.transfers == 1
        assert record.category == ("power" if to == "94" else "police")


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


@pytest.mark.parametrize("to", ["102", AGENCY])
async def test_whoever_does_not_answer_leaves_the_citizen_with_the_first(
    floor: Floor, to: str
) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        if to == AGENCY:
            other = await scene.agency(answers=False)
        else:
            other = await scene.tone_phone("102", answers=False)
        reasons: list[str] = []
        for status, reason in [
            ("486 Busy Here", "busy"),
            ("603 Decline", "rejected"),
            ("480 Temporarily Unavailable", "no_answer"),
            ("503 Service Unavailable", "unreachable"),
            ("302 Moved Temporarily", "unreachable"),
            ("", "no_answer"),
        ]:
            reasons.append(reason)
            other.refuses = status
            assert await first.refer(call, to) == "202"
            told = ["100", "503"] * len(reasons)
            await eventually(
                lambda told=told: call.notified() == told, what="the phone is told of the failure"
            )
            await eventually(lambda: other.dialogs[-1].acknowledged, what="the answer has arrived")
            assert len(other.dialogs) == len(reasons)
            await scene.free(other)
            await scene.together(first)
            await scene.have_failed(*reasons)
        assert not call.over
        record = await scene.over()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_a_dead_agency_is_given_up_in_time(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        assert await first.refer(call, "119") == "202"
        await eventually(lambda: "503" in call.notified(), 4.0, "the failure is told")
        await scene.have_failed("no_answer")
        await scene.together(first)
        await scene.over()


async def rung_again(scene: Scene) -> Dialog:
    """The phone has hung up, for its REFER has failed: music, and the same operator again."""
    first = scene.phones["101"]
    await scene.citizen_phone.hears_music(EVERYBODY, within=2.0)
    await eventually(first.rings, what="the first one is rung again")
    first.answer(first.dialogs[-1])
    await scene.together(first)
    return first.dialogs[-1]


async def test_a_phone_that_hangs_up_when_it_is_refused_gets_the_citizen_back(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        await scene.tone_phone("103")
        await scene.pause("103")
        first.answers = False
        reasons: list[str] = []
        for to, why in [
            ("77", "nowhere"),
            ("0812345678", "forbidden"),
            ("1101", "oneself"),
            ("1103", "paused"),
        ]:
            reasons.append(why)
            assert await first.refer(call, to) == "202"
            await eventually(
                lambda call=call: call.notified()[-1:] == ["603"], what="the refusal is told"
            )
            first.hang_up(call)
            call = await rung_again(scene)
            await scene.have_failed(*reasons)
        await scene.ready("103")
        record = await scene.over()
        again = [("1101", "answered")] * 5
        assert ([one[:2] for one in ends(record)], record.transfers) == (again, 0)


async def colleague_rings(scene: Scene) -> tuple[Dialog, Dialog, TonePhone]:
    """101 has put its citizen on hold and dials 102 by itself; its two calls, and who rings."""
    call, first = await scene.talk(), scene.phones["101"]
    second = await scene.tone_phone("102", answers=False)
    await first.hold(call)
    own = await first.dial_until_it_rings("1102")
    await scene.citizen_phone.hears_music(EVERYBODY)
    return call, own, second


async def test_a_phone_hands_over_to_one_who_still_rings(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, own, second = await colleague_rings(scene)
        first = scene.phones["101"]
        assert await first.refer(call, "1102", replaces=own) == "202"
        await scene.citizen_phone.hears_music(EVERYBODY)
        second.answer(second.dialogs[0])
        await scene.together(second)
        await scene.free(first)
        assert call.notified()[-1] == "200"
        await goes_on(NOT_AT_ONCE_S)
        scene.not_in_silence()
        second.hang_up(second.dialogs[0])
        record = await scene.ended()
        assert ends(record) == [
            ("1101", "answered", "transferred"),
            ("1102", "transfer", "operator"),
        ]
        assert record.transfers == 1


async def test_one_who_rings_and_then_refuses_brings_the_citizen_back(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, own, second = await colleague_rings(scene)
        first = scene.phones["101"]
        first.answers = False
        assert await first.refer(call, "1102", replaces=own) == "202"
        second.refuse(second.dialogs[0], "486 Busy Here")
        await eventually(lambda: "503" in call.notified(), what="the failure is told")
        first.hang_up(call)
        await rung_again(scene)
        await scene.free(second)
        record = await scene.over()
        again = [("1101", "answered")] * 2
        assert ([one[:2] for one in ends(record)], record.transfers) == (again, 0)


async def test_a_colleague_who_refuses_or_leaves_returns_the_citizen_to_who_holds(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        with brief_words(scene.line):
            call, own, second = await colleague_rings(scene)
            first = scene.phones["101"]
            second.refuse(second.dialogs[0], "486 Busy Here")
            await eventually(lambda: own.over, what="who dialled has heard it in words")
            await scene.free(second)
            await first.hold(call, False)
            await scene.together(first)
            await first.hold(call)
            second.answers = True
            own = await first.dial("1102")
            await scene.apart(first, second)
            second.hang_up(second.dialogs[-1])
            await eventually(lambda: own.over, what="the line ends it")
            await scene.free(second)
            await first.hold(call, False)
            await scene.together(first)
        await scene.in_state("101", "talking")
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "caller")]
        assert (record.holds, record.transfers) == (2, 0)


async def test_a_citizen_who_hangs_up_leaves_the_two_alone_and_neither_is_offered_another(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        call, own, second = await colleague_rings(scene)
        first = scene.phones["101"]
        second.answer(second.dialogs[0])
        await scene.apart(first, second)
        scene.citizen_hangs_up()
        await eventually(lambda: call.over, FREE_S, "the phone's call with the citizen is over")
        await scene.hear({first: [second], second: [first]})
        assert own.up and not own.over
        another, dialled = await scene.caller_with(scene.another_caller, "2")
        await scene.waits(1)
        heard = another.packets_in_all()
        await eventually(
            lambda: another.packets_in_all() >= heard + 75, what="1.5 s of music are heard"
        )
        assert (len(first.dialogs), len(second.dialogs)) == (2, 1)
        first.answers = False
        first.hang_up(own)
        await eventually(
            lambda: first.rings() or second.rings(), 2.0, "one of the two is offered the other"
        )
        rung, other = (first, second) if first.rings() else (second, first)
        await scene.free(other)
        rung.answer(rung.dialogs[-1])
        await scene.hear({rung: [another], another: [rung]})
        another.hang_up(dialled)
        await scene.free(first, second)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


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

        async def handed_over() -> bool:
            # on a slow machine 102 may have left before it was joined, and 101 keeps the citizen
            told = len(call.notified())
            assert await first.refer(call, "102") == "202"
            await eventually(
                lambda: call.over or call.notified()[told:][-1:] not in ([], ["100"], ["180"]),
                what="the handing over is over, or has failed",
            )
            return call.over or call.notified()[-1] == "200"

        await eventually(handed_over, 30, "102 is joined before it leaves")
        back = await first.answered(2)
        assert back is not call
        await scene.in_state("101", "talking")  # what was heard just before is of the first talk
        await scene.together(first)
        record = await scene.over()
        assert [who for who, _, _ in ends(record)] == ["1101", "1102", "1101"]
        assert [why for _, _, why in ends(record)] == ["transferred", "refused", "caller"]


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
        agency = await scene.agency()
        await first.hold(call)
        own = await first.dial(AGENCY)
        await scene.apart(first, agency)
        assert await first.refer(call, AGENCY, replaces=own) == "202"
        await scene.together(agency)
        await eventually(lambda: call.over and own.over, what="both calls of the phone are over")
        record = await scene.over()
        address = f"sip:110@127.0.0.1:{floor.agency_port}"
        assert ends(record) == [
            ("1101", "answered", "transferred"),
            (address, "transfer", "caller"),
        ]
        assert record.transfers == 1


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
        scene.citizen_hangs_up()
        await scene.free(scene.phones["101"], second)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)
        assert "200" not in call.notified()


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


@contextmanager
def brief_words(line: Line) -> Iterator[None]:
    """What operators are told of handing over is cut off after 0.3 s: a word is as good as all."""
    whole = line.settings.sounds.with_name("whole")
    shutil.copytree(line.settings.sounds, whole)
    try:
        for path in line.settings.sounds.glob("transfer_*.wav"):
            with wave.open(str(path), "rb") as audio:
                form, words = audio.getparams(), audio.readframes(audio.getframerate() * 3 // 10)
            with wave.open(str(path), "wb") as audio:
                audio.setparams(form)
                audio.writeframes(words)
        yield
    finally:
        for path in whole.glob("transfer_*.wav"):
            path.replace(line.settings.sounds / path.name)
        shutil.rmtree(whole)


async def test_operators_ring_each_other_and_neither_is_offered_a_citizen_meanwhile(
    floor: Floor,
) -> None:
    async with floor.scene("101", "102") as scene:
        first, second = scene.phones["101"], scene.phones["102"]
        await floor.all_idle("101", "102")
        call = await first.dial("1102")
        await scene.hear({first: [second], second: [first]})
        await scene.in_state("101", "calling")
        await scene.in_state("102", "calling")
        citizen = await scene.citizen()
        await scene.waits(1)
        await citizen.hears_music(EVERYBODY)
        await scene.hear({first: [second], second: [first]})
        assert (len(first.dialogs), len(second.dialogs)) == (1, 1)
        second.answers = False
        first.answers = False
        first.hang_up(call)
        await eventually(
            lambda: first.rings() or second.rings(), 1.0, "one of the two is offered the citizen"
        )
        await eventually(lambda: second.dialogs[0].over, what="the other one is hung up too")
        rung = first if first.rings() else second
        rung.answer(rung.dialogs[-1])
        await scene.together(rung)
        record = await scene.over()
        assert ends(record) == [(f"1{rung.name}", "answered", "caller")]


async def test_operators_who_have_rung_each_other_are_idle_within_a_second(floor: Floor) -> None:
    async with floor.scene("101", "102") as scene:
        first, second = scene.phones["101"], scene.phones["102"]
        await floor.all_idle("101", "102")
        call = await first.dial("102")
        await scene.hear({first: [second], second: [first]})
        first.hang_up(call)
        await eventually(lambda: second.dialogs[0].over, what="the other one is hung up too")
        for number in ("101", "102"):
            await scene.in_state(number, "idle")


async def hears_words_and_the_end(phone: TonePhone, number: str) -> None:
    """Who dials this number is answered in words, and the line hangs up."""
    known = phone.packets_in_all()
    call = await phone.dial(number)
    await eventually(lambda: call.over, what="the line hangs up after the words")
    assert phone.packets_in_all() > known


async def test_a_colleague_who_does_not_come_is_told_in_words_and_all_are_idle(
    floor: Floor,
) -> None:
    async with floor.scene("101", "102", "103") as scene:
        first, second = scene.phones["101"], scene.phones["102"]
        agency = await scene.agency()
        second.answers = False
        known = len(await scene.line.records())
        with brief_words(scene.line):
            for refuses in (True, False):
                call = await first.dial_until_it_rings("1102")
                if refuses:
                    second.refuse(second.dialogs[-1], "486 Busy Here")
                await eventually(lambda: second.dialogs[-1].over, what="it rings no more")
                await eventually(lambda call=call: call.over, what="the line hangs up")
                assert call.up, "it was answered in words"
                await floor.all_idle("101", "102", "103")
                await scene.line.is_empty()
            await scene.pause("103")
            # oneself, paused, nobody there, outside, an agency without a citizen
            for number in ("1101", "1103", "1104", "0812345678", AGENCY):
                await hears_words_and_the_end(first, number)
        assert agency.dialogs == []
        await floor.all_idle("101", "102", "103")
        assert all(phone.has_no_call() for phone in scene.phones.values())
        assert len(await scene.line.records()) == known, "no citizen, no record"
