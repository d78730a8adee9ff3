"""Handing over by keys, hold by re-INVITE, and phones that ring together: who hears whom."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import eventually
from tone_floor import AGENCY, EVERYBODY, NOT_AT_ONCE_S, Floor, Scene, ends, goes_on, open_floor
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


async def consult(scene: Scene, number: str = "102") -> tuple[Dialog, TonePhone]:
    """101 has called 102 for its citizen: the two hear each other, the citizen hears music."""
    call, first = await scene.talk(), scene.phones["101"]
    second = await scene.tone_phone("102")
    await scene.ring(second, number)
    await second.answered()
    await scene.apart(first, second)
    return call, second


async def test_the_two_consult_and_the_keys_complete(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        _, second = await consult(scene)
        await scene.in_state("101", "talking")
        await scene.in_state("102", "talking")
        await scene.phones["101"].press("*2")
        await scene.together(second)
        await scene.free(scene.phones["101"])
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "transferred"), ("1102", "transfer", "caller")]
        assert record.transfers == 1


async def test_the_keys_complete_while_it_rings(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first, second = scene.phones["101"], await scene.tone_phone("102", answers=False)
        ringing = await scene.ring(second, "1102")
        await first.press("*2")
        await scene.together(first)
        second.answer(ringing)
        await scene.together(second)
        await scene.free(first)
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "transferred"), ("1102", "transfer", "caller")]
        assert record.transfers == 1


async def test_the_keys_make_three_and_one_leaves(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        first = scene.phones["101"]
        await first.press("*3")
        await scene.together(first, second)
        first.hang_up(call)
        await scene.together(second)
        await scene.free(first)
        await goes_on(NOT_AT_ONCE_S)
        second.hang_up(second.dialogs[0])
        await eventually(lambda: scene.citizen_call.over, what="the last one ends the call")
        record = await scene.ended()
        assert ends(record) == [("1101", "answered", "hung_up"), ("1102", "conference", "operator")]
        assert record.transfers == 0


async def test_three_then_four_talk_and_the_others_go_on_when_one_leaves(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene, "1102")
        first, third = scene.phones["101"], await scene.tone_phone("103", answers=False)
        await first.press("*3")
        await scene.together(first, second)
        ringing = await scene.ring(third, "1103")
        await scene.together(first, second)
        third.answer(ringing)
        citizen = scene.citizen_phone
        # the second one stays with the citizen meanwhile, so there is no music
        await scene.hear({citizen: [second], second: [citizen], first: [third], third: [first]})
        await first.press("*3")
        await scene.together(first, second, third)
        first.hang_up(call)
        await scene.free(first)
        await scene.together(second, third)
        third.hang_up(ringing)
        await scene.free(third)
        await scene.together(second)
        record = await scene.over()
        assert ends(record) == [
            ("1101", "answered", "hung_up"),
            ("1102", "conference", "caller"),
            ("1103", "conference", "hung_up"),
        ]
        assert record.transfers == 0


async def test_the_keys_return_to_the_citizen_from_the_consult_and_from_the_ringing(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        first, third = scene.phones["101"], await scene.tone_phone("103", answers=False)
        await first.press("*0")
        await scene.free(second)
        await scene.together(first)
        await scene.ring(third, "1103")
        await first.press("*0")
        await scene.free(third)
        await scene.together(first)
        await scene.have_failed("returned", "returned")
        scene.not_in_silence()
        first.hang_up(call)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "operator")], 0)


async def test_the_second_hangs_up_in_the_consult(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        second.hang_up(second.dialogs[0])
        await scene.together(scene.phones["101"])
        await scene.in_state("101", "talking")
        await scene.free(second)
        await scene.have_failed("hung_up")
        scene.not_in_silence()
        scene.phones["101"].hang_up(call)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "operator")], 0)


async def test_the_first_hangs_up_in_the_consult(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, second = await consult(scene)
        first = scene.phones["101"]
        first.hang_up(call)
        await scene.together(second)
        await scene.free(first)
        await goes_on(NOT_AT_ONCE_S)
        scene.not_in_silence()
        second.hang_up(second.dialogs[0])
        record = await scene.ended()
        assert ends(record) == [("1101", "answered", "hung_up"), ("1102", "transfer", "operator")]
        assert record.transfers == 1


async def test_a_citizen_hangs_up_in_the_consult(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        _, second = await consult(scene)
        scene.citizen_hangs_up()
        await scene.free(scene.phones["101"], second)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_a_citizen_hangs_up_while_it_rings(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        second = await scene.tone_phone("102", answers=False)
        await scene.ring(second, "1102")
        scene.citizen_hangs_up()
        await scene.free(scene.phones["101"], second)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_who_hangs_up_while_it_rings_leaves_the_citizen_with_music(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102", answers=False)
        ringing = await scene.ring(second, "1102")
        first.hang_up(call)
        await scene.citizen_phone.hears_music(EVERYBODY)
        second.answer(ringing)
        await scene.together(second)
        await scene.free(first)
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "hung_up"), ("1102", "transfer", "caller")]
        assert record.transfers == 1


async def test_if_that_one_then_refuses_the_first_is_rung_again(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102", answers=False)
        ringing = await scene.ring(second, "1102")
        first.answers = False
        first.hang_up(call)
        await scene.in_state("101", "idle", within=3.0)
        second.refuse(ringing, "486 Busy Here")
        await scene.citizen_phone.hears_music(EVERYBODY, within=2.0)
        await eventually(first.rings, what="the first one is preferred to the second")
        first.answer(first.dialogs[-1])
        await scene.together(first)
        record = await scene.over()
        assert ends(record) == [("1101", "answered", "hung_up"), ("1101", "answered", "caller")]
        assert (len(second.dialogs), record.transfers) == (1, 0)


async def test_a_category_rings_whoever_is_free_for_it(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first = scene.phones["101"]
        others = [await scene.tone_phone(number, answers=False) for number in ("102", "103")]
        await first.press("*294#")
        await eventually(lambda: any(one.rings() for one in others), what="one of them rings")
        (other,) = (one for one in others if one.rings())
        await scene.together(first)
        other.answer(other.dialogs[0])
        await scene.apart(first, other)
        await first.press("*2")
        await scene.together(other)
        await scene.free(first)
        record = await scene.over()
        assert ends(record) == [
            ("1101", "answered", "transferred"),
            (f"1{other.name}", "transfer", "caller"),
        ]
        assert (record.category, record.transfers) == ("power", 1)


async def test_a_category_without_anybody_free_leaves_the_citizen_there(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first = scene.phones["101"]
        second, third = [await scene.tone_phone(number) for number in ("102", "103")]
        await scene.pause("102", "103")
        await first.press("*292#")
        await scene.waits(1)
        await scene.together(first)
        await scene.ready("103")
        await third.answered()
        await scene.apart(first, third)
        await first.press("*2")
        await scene.together(third)
        scene.not_in_silence()
        scene.citizen_hangs_up()
        await scene.free(first, third)
        await scene.ready("102")
        record = await scene.ended()
        assert ends(record) == [("1101", "answered", "transferred"), ("1103", "transfer", "caller")]
        assert (record.transfers, second.dialogs) == (1, [])


async def talks_on(scene: Scene, agency: TonePhone) -> None:
    """The citizen hangs up, and 101 and the agency still hear each other."""
    first = scene.phones["101"]
    scene.citizen_hangs_up()
    await eventually(scene.citizen_phone.has_no_call, what="the citizen has gone")
    await goes_on(NOT_AT_ONCE_S)
    await scene.hear({first: [agency], agency: [first]})
    await scene.in_state("101", "calling")


@pytest.mark.parametrize("then", ["*2", "*3", "*0"])
async def test_an_agency_is_consulted(floor: Floor, then: str) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first, agency = scene.phones["101"], await scene.agency()
        await first.press("*2110#")
        await scene.apart(first, agency)
        await first.press(then)
        address = f"sip:110@127.0.0.1:{floor.agency_port}"
        if then == "*2":
            await scene.together(agency)
            await scene.free(first)
            await goes_on(NOT_AT_ONCE_S)
            scene.not_in_silence()
            agency.hang_up(agency.dialogs[0])
            record = await scene.ended()
            came = [("1101", "answered", "transferred"), (address, "transfer", "operator")]
            assert (ends(record), record.transfers) == (came, 1)
            assert record.legs[1].operator is None
        elif then == "*3":
            await scene.together(first, agency)
            await talks_on(scene, agency)
            agency.hang_up(agency.dialogs[0])
            record = await scene.ended()
            came = [("1101", "answered", "caller"), (address, "conference", "caller")]
            assert (ends(record), record.transfers) == (came, 0)
        else:
            await scene.together(first)
            await scene.free(agency)
            record = await scene.over()
            assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_an_agency_is_a_third_one_at_its_answer_and_the_operator_ends_the_talk_of_two(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first, agency = scene.phones["101"], await scene.agency(answers=False)
        ringing = await scene.ring(agency, AGENCY)
        await first.press("*3")  # before the answer: no consulting then
        agency.answer(ringing)
        await scene.together(first, agency)
        scene.not_in_silence()
        await talks_on(scene, agency)
        first.hang_up(first.dialogs[0])
        record = await scene.ended()
        address = f"sip:110@127.0.0.1:{floor.agency_port}"
        came = [("1101", "answered", "caller"), (address, "conference", "caller")]
        assert (ends(record), record.transfers) == (came, 0)


async def test_an_agency_that_rings_when_the_citizen_hangs_up_is_waited_for(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first, agency = scene.phones["101"], await scene.agency(answers=False)
        ringing = await scene.ring(agency, AGENCY)
        scene.citizen_hangs_up()
        await eventually(scene.citizen_phone.has_no_call, what="the citizen has gone")
        agency.answer(ringing)
        await scene.hear({first: [agency], agency: [first]})
        agency.hang_up(ringing)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_an_agency_that_the_line_learns_of_is_rung_and_one_that_retires_rings_on(
    floor: Floor,
) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first, agency = scene.phones["101"], await scene.agency(answers=False)
        await first.press("*285#")
        await scene.have_failed("nowhere")
        made = {"number": "85", "name": "Baru", "voice": f"sip:110@127.0.0.1:{floor.agency_port}"}
        client = floor.line.client
        await asyncio.to_thread(client.put, "/api/agencies/baru", made)
        ringing = await scene.ring(agency, "85")
        await asyncio.to_thread(client.delete, "/api/agencies/baru")
        agency.answer(ringing)
        await scene.apart(first, agency)
        await first.press("*2")
        await scene.together(agency)
        await scene.free(first)
        record = await scene.over()
        assert record.transfers == 1


async def test_an_agencys_fallback_is_rung_when_its_number_is_dead(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first, agency = scene.phones["101"], await scene.agency()
        await first.press("*2118#")
        await scene.together(first)
        await agency.answered()
        await scene.apart(first, agency)
        agency.hang_up(agency.dialogs[0])
        await scene.together(first)
        await first.press("*2119#")  # it has no second number
        await scene.together(first)
        await scene.have_failed("hung_up", "no_answer")
        await scene.together(first)
        record = await scene.over()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_whoever_does_not_answer_leaves_the_citizen_with_the_first(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        second = await scene.tone_phone("102", answers=False)
        reasons: list[str] = []
        for status, reason in [
            ("486 Busy Here", "busy"),
            ("603 Decline", "rejected"),
            ("503 Service Unavailable", "unreachable"),
            ("", "no_answer"),
        ]:
            second.refuses = status
            rung = await scene.ring(second, "102")
            if not status:
                await scene.in_state("102", "offered")
            reasons.append(reason)
            await scene.have_failed(*reasons)
            await eventually(lambda rung=rung: rung.acknowledged, what="the answer has arrived")
            await scene.free(second)
            await scene.in_state("101", "talking")
            await scene.together(first)
        scene.not_in_silence()
        first.hang_up(call)
        record = await scene.ended()
        assert (ends(record), record.transfers) == ([("1101", "answered", "operator")], 0)


async def test_what_cannot_be_rung_is_refused_and_nobody_is_disturbed(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        first = scene.phones["101"]
        second, third = [await scene.tone_phone(number) for number in ("102", "103")]
        agency = await scene.agency()
        busy = await second.dial("1103")
        known = [len(one.dialogs) for one in (first, second, third, agency)]
        for number in ("1103", "102"):
            await first.press(f"*2{number}#")
        await scene.have_failed("busy", "busy")
        second.hang_up(busy)
        await scene.free(second, third)
        await scene.pause("103")
        for number in ("1103", "101", "77", "0812", "104"):
            await first.press(f"*2{number}#")
        refused = ("busy", "busy", "paused", "oneself", "nowhere", "forbidden", "away")
        await scene.have_failed(*refused)
        await scene.ready("103")
        await scene.together(first)
        assert [len(one.dialogs) for one in (first, second, third, agency)] == known
        await scene.in_state("101", "talking")
        for number in ("102", "103"):
            await scene.in_state(number, "idle")
        record = await scene.over()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)


async def test_a_citizens_keys_reach_the_operator_one_by_one_in_their_order(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        await scene.talk()
        await scene.citizen_phone.press("13*579#")
        await eventually(lambda: scene.phones["101"].keys == "13*579#", what="all keys have come")
        await scene.together(scene.phones["101"])
        await scene.over()


async def test_a_call_that_a_phone_declines_is_offered_again(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        first = scene.phones["101"]
        first.answers = False
        await scene.citizen()
        await eventually(first.rings, what="it rings")
        first.refuse(first.dialogs[0], "486 Busy Here")
        await eventually(first.rings, what="it rings again")
        first.answer(first.dialogs[1])
        await scene.together(first)
        record = await scene.over()
        assert (ends(record), record.offers) == ([("1101", "answered", "caller")], 2)
        events = (await scene.line.history(record.call_id)).events
        assert [one.data["reason"] for one in events if one.kind == "offer_failed"] == ["busy"]


async def test_hold_is_music_for_the_citizen_and_is_counted(floor: Floor) -> None:
    async with floor.scene("101") as scene:
        call, first = await scene.talk(), scene.phones["101"]
        held_s = 0.0
        for _ in range(2):
            await first.hold(call)
            await scene.in_state("101", "holding")
            begun = time.monotonic()
            await scene.music_goes_on()
            held_s += time.monotonic() - begun
            await first.hold(call, False)
            await scene.together(first)
            await scene.in_state("101", "talking")
        await first.hold(call)
        await scene.citizen_phone.hears_music(EVERYBODY)
        record = await scene.over()
        assert (ends(record), record.transfers) == ([("1101", "answered", "caller")], 0)
        assert record.holds == 3
        assert record.talk_ms is not None
        assert 2000 <= held_s * 1000 <= record.held_ms < record.talk_ms


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
