"""The fallback on a real Asterisk with no engine: who calls is served, and is in the spool."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from alone import CLAIM_MS, Alone
from lines import eventually

from pbx.programs import Programs

RINGS_WITHIN_S = 5.0


@pytest_asyncio.fixture
async def alone(programs: Programs, tmp_path: Path) -> AsyncIterator[Alone]:
    async with Alone(tmp_path, programs) as alone:
        yield alone


async def test_a_phone_rings_at_once_and_the_operator_hangs_up(alone: Alone) -> None:
    await alone.phone("101", "phone_ring_until_cancel")
    answering = await alone.phone("102", "phone_answer_talk_bye")
    await alone.citizen(caller="+62812")

    record = await alone.record("answered")
    assert record["answered_at"] - record["arrived_at"] < RINGS_WITHIN_S
    # the operator of the scenario talks for two seconds
    assert record["ended_at"] - record["answered_at"] == pytest.approx(2.0, abs=0.5)
    who = (record["caller_number"], record["caller_name"], record["called_number"])
    assert who == ("+62812", "Warga", "112")
    assert (record["phone"], record["ended_by"]) == ("102", "operator")
    assert (record["why"], record["version"]) == ("TIMEOUT", 1)
    assert '"FALLBACK" <sip:+62812@' in answering.messages()


async def test_a_citizen_who_hangs_up_after_the_talk_is_recorded_so(alone: Alone) -> None:
    await alone.phone("101", "phone_answer_until_bye")
    await alone.citizen()

    record = await alone.record("answered")
    assert (record["phone"], record["ended_by"]) == ("101", "caller")
    # four seconds on the line, of which the phone rang at least half a second
    assert 2.5 < record["ended_at"] - record["answered_at"] < 3.6


async def test_a_citizen_who_hangs_up_while_phones_ring_is_recorded(alone: Alone) -> None:
    ringing = [await alone.phone(number, "phone_ring_until_cancel") for number in alone.phones]
    await alone.citizen()

    record = await alone.record("unanswered")
    assert (record["answered_at"], record["phone"], record["ended_by"]) == (None, None, "caller")
    assert all("CANCEL" in phone.messages() for phone in ringing)


async def test_with_no_phone_registered_the_citizen_stays_until_he_hangs_up(alone: Alone) -> None:
    alone.list.write_text("103\n")
    await alone.citizen()

    record = await alone.record("unanswered")
    assert (record["answered_at"], record["ended_by"]) == (None, "caller")


async def test_a_phone_that_comes_while_the_citizen_waits_is_rung(alone: Alone) -> None:
    alone.list.write_text("103\n")
    await alone.phone("101", "phone_answer_talk_bye")
    calling = asyncio.create_task(alone.citizen())
    await alone.record("started")
    alone.list.write_text("103\n101\n")
    await calling

    assert (await alone.record("answered"))["phone"] == "101"


async def test_with_no_phone_registered_an_agency_answers(alone: Alone) -> None:
    alone.list.write_text("103\n")
    busy = await alone.agency("110", "phone_busy")
    await alone.agency("113", "phone_answer_talk_bye")
    await alone.citizen()

    record = await alone.record("answered")
    assert (record["step"], record["phone"], record["ended_by"]) == ("agency", "113", "operator")
    assert record["answered_at"] - record["arrived_at"] < RINGS_WITHIN_S
    assert "INVITE sip:desk@" in busy.messages()


async def test_phones_that_refuse_leave_the_citizen_to_an_agency(alone: Alone) -> None:
    await alone.phone("101", "phone_busy")
    await alone.phone("102", "phone_decline")
    await alone.agency("110", "phone_answer_talk_bye")
    await alone.citizen()

    assert (await alone.record("answered"))["phone"] == "110"


async def test_a_phone_that_comes_while_agencies_refuse_is_rung(alone: Alone) -> None:
    alone.list.write_text("103\n")
    refusing = await alone.agency("110", "phone_busy")
    await alone.phone("101", "phone_answer_talk_bye")
    calling = asyncio.create_task(alone.citizen())
    await eventually(lambda: "INVITE" in refusing.messages(), what="the agency is rung")
    alone.list.write_text("103\n101\n")
    await calling

    assert (await alone.record("answered"))["phone"] == "101"


async def test_without_the_script_agencies_are_rung_too(alone: Alone) -> None:
    alone.configure(script=alone.home / "not-there.py")
    await alone.asterisk.console("dialplan reload")
    alone.list.write_text("103\n")
    await alone.agency("110", "phone_busy")
    answering = await alone.agency("113", "phone_answer_talk_bye")
    await alone.citizen()

    assert "BYE sip" in answering.messages(), "answered, talked, and hung up"


async def test_a_citizen_who_hangs_up_before_anybody_takes_the_call_is_recorded(
    alone: Alone,
) -> None:
    await alone.citizen("citizen_cancel_before_answer")

    record = await alone.record("hung_up")
    assert 0 < record["ended_at"] - record["arrived_at"] < 1.5 * CLAIM_MS / 1000
    assert (record["caller_number"], record["called_number"]) == ("0812", "112")


async def test_a_call_that_an_engine_took_leaves_no_record_while_the_engine_beats(
    alone: Alone,
) -> None:
    alone.beat.touch()
    os.utime(alone.beat, (0, time.time() + 60))  # as if it went on to be touched
    await alone.citizen(caller="999")
    await alone.citizen("citizen_cancel_before_answer", caller="0813")

    assert (await alone.record("hung_up"))["caller_number"] == "0813"


async def test_the_end_of_a_call_that_a_dead_engine_took_is_noted(alone: Alone) -> None:
    alone.beat.touch()
    os.utime(alone.beat, (0, time.time() - 10))
    await alone.citizen(caller="999")

    record = await alone.record("hung_up")
    assert (record["why"], record["caller_number"]) == ("SUCCESS", "999")
    assert abs(record["ended_at"] - time.time()) < 2.0


async def test_a_caller_who_forges_replies_of_asterisk_is_served_like_any_other(
    alone: Alone,
) -> None:
    await alone.phone("101", "phone_answer_talk_bye")
    await alone.citizen(caller="62%0a%0a200%20result=1%20(9)%0a511%20%24%7bUNIQUEID%7d%22,%0a")

    record = await alone.record("answered")
    assert record["caller_number"] == '62200 result=1 (9)511 ${UNIQUEID}",'
    assert record["called_number"] == "112"


async def test_a_script_that_cannot_start_leaves_the_citizen_to_the_dialplan(alone: Alone) -> None:
    alone.configure(script=alone.home / "not-there.py")
    await alone.asterisk.console("dialplan reload")
    answering = await alone.phone("102", "phone_answer_talk_bye")
    await alone.citizen()

    assert '"FALLBACK" <sip:0812@' in answering.messages()
    assert "BYE sip" in answering.messages(), "answered, talked, and hung up"


async def test_a_script_that_is_killed_leaves_the_citizen_to_the_dialplan(alone: Alone) -> None:
    alone.list.write_text("103\n")
    await alone.phone("101", "phone_answer_talk_bye")
    calling = asyncio.create_task(alone.citizen())
    await alone.record("started")
    alone.list.write_text("101\n")
    os.kill(await alone.script(), signal.SIGKILL)
    await calling

    record = await alone.record("answered")
    assert (record["phone"], record["caller_number"]) == ("101", "0812")


async def test_a_script_that_is_killed_in_a_talk_leaves_a_whole_record(alone: Alone) -> None:
    phone = await alone.phone("101", "phone_answer_talk_bye")
    calling = asyncio.create_task(alone.citizen())
    await eventually(lambda: "ACK sip" in phone.messages(), what="the talk begins")
    os.kill(await alone.script(), signal.SIGKILL)
    await calling

    record = await alone.record("answered")
    assert record["ended_at"] - record["answered_at"] == pytest.approx(2.0, abs=0.5)
    assert phone.messages().count("INVITE sip:101") == 1, "nobody is rung again after the talk"


async def test_when_asterisk_dies_the_record_gets_an_end(alone: Alone) -> None:
    await alone.phone("101", "phone_ring_until_cancel")
    calling = asyncio.create_task(alone.citizen())
    await alone.record("started")
    await alone.script()
    assert alone.asterisk.pid is not None
    os.kill(alone.asterisk.pid, signal.SIGKILL)

    async def ended() -> bool:
        return bool((await alone.record("started"))["ended_by"] == "asterisk")

    await eventually(ended, what="the record of the cut call has an end")
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
