"""A real softphone at the line, as an operator's phone and as a citizen's, with its real audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import Line, eventually, open_line

from ngalam112.demo.phone_facts import SipMessage, SoftphoneError
from ngalam112.demo.softphone import Softphone
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR_HZ = 700
CITIZEN_HZ = 400
HEARD = 0.8
NOT_HEARD = 0.1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, built_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    async with open_line(home, programs, built_sounds, refer="on") as line:
        yield line


async def talk(operator: Softphone, citizen: Softphone) -> tuple[str, str]:
    """The citizen dials 112 and presses 2, the operator answers; their calls' ids."""
    dialled = await citizen.dial("112")
    await citizen.established(dialled)
    await citizen.audio_flows(dialled)
    await citizen.send_digits("2", dialled)
    call = await operator.answer()
    await operator.audio_flows(call)
    return call, dialled


def sent(phone: Softphone, method: str) -> list[SipMessage]:
    return [one for one in phone.messages if one.sent and one.method == method and not one.code]


async def test_it_answers_holds_resumes_and_hangs_up_a_citizens_call(line: Line) -> None:
    async with line.operator_at("101", tone_hz=OPERATOR_HZ) as phone:
        dialling = asyncio.create_task(
            line.players.citizens("citizen_key_talk_until_bye", 1, caller="0841", keys={"key": "2"})
        )
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
        assert (await dialling).successful == 1
    record = (await line.ended(1, "0841"))[0]
    assert (record.outcome, record.phone, record.operator) == ("answered", "101", "1101")
    assert (record.category, record.ended_by, record.offers) == ("police", "operator", 1)
    assert record.talk_ms is not None and record.talk_ms >= 1000


async def test_a_citizen_dials_112_without_an_account_and_they_hear_each_other(line: Line) -> None:
    async with (
        line.operator_at("102", tone_hz=OPERATOR_HZ) as operator,
        line.softphone("0842", tone_hz=CITIZEN_HZ) as citizen,
    ):
        _, dialled = await talk(operator, citizen)
        assert not sent(citizen, "REGISTER")
        assert await operator.hears(CITIZEN_HZ) > HEARD
        assert await citizen.hears(OPERATOR_HZ) > HEARD
        assert await citizen.hears(CITIZEN_HZ) < NOT_HEARD, "nobody hears an echo"
        await citizen.hang_up(dialled)
        await eventually(lambda: all(one.state == "closed" for one in operator.calls.values()))
    record = (await line.ended(1, "0842"))[0]
    assert (record.outcome, record.phone, record.ended_by) == ("answered", "102", "caller")
    assert record.caller_number == "0842"


async def test_who_is_held_does_not_hear_the_operator_until_taken_back(line: Line) -> None:
    async with (
        line.operator_at("103", tone_hz=OPERATOR_HZ) as operator,
        line.softphone("0843", tone_hz=CITIZEN_HZ) as citizen,
    ):
        await talk(operator, citizen)
        await operator.hold()
        before = await operator.audio()
        assert await citizen.hears(OPERATOR_HZ) < NOT_HEARD
        assert (await operator.audio()).sent == before.sent
        await operator.resume()
        assert await citizen.hears(OPERATOR_HZ) > HEARD
        await operator.hang_up()


async def test_digits_arrive_one_by_one_in_their_order(line: Line) -> None:
    async with line.operator_at("104") as operator, line.softphone("0844") as citizen:
        await talk(operator, citizen)
        await citizen.send_digits("13*579#")

        def arrived() -> bool:
            told = [one.param for one in operator.events if one.kind == "CALL_DTMF_START"]
            return "".join(told) == "13*579#"

        await eventually(arrived, what="the digits")
        await operator.hang_up()


async def test_a_call_that_it_declines_is_offered_again(line: Line) -> None:
    async with line.operator_at("101") as operator, line.softphone("0845") as citizen:
        dialled = await citizen.dial("112")
        await citizen.established(dialled)
        await citizen.audio_flows(dialled)
        await citizen.send_digits("2", dialled)
        await operator.hang_up((await operator.incoming()).id)
        await operator.answer()
        await citizen.audio_flows(dialled)
        await operator.hang_up()
    record = (await line.ended(1, "0845"))[0]
    assert (record.outcome, record.offers) == ("answered", 2)
    events = (await line.history(record.call_id)).events
    assert [one.data["reason"] for one in events if one.kind == "offer_failed"] == ["busy"]


async def test_a_blind_transfer_leaves_as_a_refer_and_its_answer_is_told(line: Line) -> None:
    async with line.operator_at("101") as operator, line.softphone("0846") as citizen:
        call, _ = await talk(operator, citizen)
        transfer = await operator.blind_transfer("102", call)
        refer = sent(operator, "REFER")[-1]
        assert refer.header("refer-to") == f"sip:102@127.0.0.1:{line.settings.sip_port}"
        assert transfer.answer >= 200


async def test_an_attended_transfer_names_the_call_to_be_replaced(line: Line) -> None:
    async with line.operator_at("102") as operator, line.softphone("0847") as citizen:
        call, _ = await talk(operator, citizen)
        second = await operator.dial("112")
        await operator.established(second)
        assert operator.current() == second
        transfer = await operator.attended_transfer(second, call)
        refer = sent(operator, "REFER")[-1]
        assert refer.header("call-id") == call
        answer = next(
            one
            for one in operator.messages
            if (one.header("call-id"), one.method, one.code) == (second, "INVITE", 200)
        )
        ours, theirs = (answer.header(side).partition("tag=")[2] for side in ("from", "to"))
        replaces = f"Replaces={second}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}"
        assert replaces in refer.header("refer-to")
        assert transfer.answer >= 200


async def test_a_citizen_may_not_transfer(line: Line) -> None:
    async with line.operator_at("103") as operator, line.softphone("0848") as citizen:
        _, dialled = await talk(operator, citizen)
        transfer = await citizen.blind_transfer("101", dialled)
        assert (transfer.answer, transfer.succeeded) == (603, False)
        assert citizen.calls[dialled].state == "closed", "baresip hangs up when it is refused"


async def test_a_wrong_password_is_told_in_one_sentence(line: Line) -> None:
    with pytest.raises(SoftphoneError, match=r"Softphone 104 could not register: 401"):
        async with line.softphone("104", "wrong"):
            pass


async def test_what_the_line_does_not_know_is_told_with_its_answer(line: Line) -> None:
    async with line.softphone("104", "a-phone-password") as phone:
        with pytest.raises(SoftphoneError, match="the call ended: 404 Not Found"):
            await phone.established(await phone.dial("nobody"))


async def test_afterwards_asterisk_is_empty(line: Line) -> None:
    await line.is_empty()
