"""The fallback on a real Asterisk with no engine: who calls is served, and is in the spool."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from alone import CLAIM_MS, Alone
from lines import eventually

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

RINGS_WITHIN_S = 5.0
LASTING = "citizen_silent_talk_until_bye"  # who does not hang up


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk(
    programs: Programs, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Alone]:
    async with Alone(tmp_path_factory.mktemp("alone"), programs) as alone:
        yield alone


@pytest_asyncio.fixture(loop_scope="module")
async def alone(asterisk: Alone) -> Alone:
    """The one Asterisk of these tests, as it was at its start."""
    await asterisk.fresh()
    return asterisk


async def test_a_phone_rings_at_once_and_the_operator_hangs_up(alone: Alone) -> None:
    declining = await alone.phone("101", "phone_decline")
    answering = await alone.phone("102", "phone_answer_talk_bye")
    await alone.citizen(caller="+62812")

    record = await alone.record("answered")
    assert "INVITE sip" in declining.messages(), "an Asterisk rings the first one first"
    assert record["answered_at"] - record["arrived_at"] < RINGS_WITHIN_S
    # the operator of the scenario talks for two seconds
    assert record["ended_at"] - record["answered_at"] == pytest.approx(2.0, abs=0.5)
    who = (record["caller_number"], record["caller_name"], record["called_number"])
    assert who == ("+62812", "Warga", "112")
    assert (record["phone"], record["ended_by"]) == ("102", "operator")
    assert (record["why"], record["version"]) == ("TIMEOUT", 2)
    assert record["trunk"] == "127.0.0.1"
    assert '"FALLBACK" <sip:+62812@' in answering.messages()


async def test_a_citizen_who_hangs_up_after_the_talk_is_recorded_so(alone: Alone) -> None:
    answering = await alone.phone("101", "phone_answer_until_bye")
    await alone.citizen(caller="warga110")

    record = await alone.record("answered")
    assert (record["phone"], record["ended_by"]) == ("101", "caller")
    assert record["caller_number"] == "warga110"
    assert "<sip:110@" not in answering.messages(), "that is somebody else's number"
    # four seconds on the line, of which the phone rang at least half a second
    assert 2.5 < record["ended_at"] - record["answered_at"] < 3.6


async def test_a_citizen_who_hangs_up_while_a_phone_rings_is_recorded(alone: Alone) -> None:
    ringing = [await alone.phone(number, "phone_ring_until_cancel") for number in alone.phones]
    await alone.citizen()

    record = await alone.record("unanswered")
    assert (record["answered_at"], record["phone"], record["ended_by"]) == (None, None, "caller")
    rung = [phone for phone in ringing if "INVITE sip" in phone.messages()]
    assert len(rung) == 1, "one ring for one citizen"
    assert "CANCEL" in rung[0].messages()


async def test_citizens_ring_a_phone_each_and_one_in_a_talk_is_not_rung(alone: Alone) -> None:
    phones = [await alone.phone(number, "phone_answer_talk_bye") for number in alone.phones]
    callers = ("0811", "0812", "0813")
    calling = []
    for caller in callers:
        calling.append(asyncio.create_task(alone.citizen(LASTING, caller)))
        await asyncio.sleep(0.2)
    await asyncio.gather(*calling)

    records = await alone.records("answered", "answered", "answered")
    records.sort(key=lambda one: one["answered_at"])
    assert [one["caller_number"] for one in records] == [f"{one}1" for one in callers]
    assert records[0]["phone"] != records[1]["phone"]
    assert records[2]["answered_at"] > min(one["ended_at"] for one in records[:2])
    assert sum(phone.messages().count("INVITE sip") for phone in phones) == 3


async def test_phones_that_nobody_answers_alone_are_rung_together(alone: Alone) -> None:
    alone.ring_s = 1
    await alone.changed()
    away = await alone.phone("101", "phone_ring_until_cancel")
    late = await alone.phone("102", "phone_ring_until_cancel")
    calling = asyncio.create_task(alone.citizen(LASTING))

    def together() -> bool:
        invited = [phone.messages().count("INVITE sip") for phone in (away, late)]
        ended = [phone.messages().count("CANCEL sip") for phone in (away, late)]
        return all(more > less for more, less in zip(invited, ended, strict=True))

    try:
        await eventually(together, within=15, what="both ring at the same time")
    finally:
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)


async def test_whose_operators_phone_dies_is_served_by_the_next_one(
    programs: Programs, tmp_path: Path
) -> None:
    alone = Alone(tmp_path, programs)
    alone.silence_s = 3  # the phones of these scenarios send no audio
    async with alone:
        first = await alone.phone("101", "phone_answer_until_bye")
        calling = asyncio.create_task(alone.citizen(LASTING))
        await eventually(lambda: "ACK sip" in first.messages(), what="101 talks")
        second = await alone.phone("102", "phone_answer_talk_bye")
        await calling
        record = await alone.record("answered")
    assert (record["phone"], record["ended_by"]) == ("102", "operator")
    assert second.messages().count("INVITE sip") == 1


async def test_with_no_phone_registered_the_citizen_stays_until_he_hangs_up(alone: Alone) -> None:
    await alone.members("103")
    await alone.citizen()

    record = await alone.record("unanswered")
    assert (record["answered_at"], record["ended_by"]) == (None, "caller")


async def test_a_phone_that_comes_while_the_citizen_waits_is_rung(alone: Alone) -> None:
    await alone.members("103")
    await alone.phone("101", "phone_answer_talk_bye")
    calling = asyncio.create_task(alone.citizen())
    await alone.record("started")
    await alone.members("103", "101")
    await calling

    assert (await alone.record("answered"))["phone"] == "101"


async def test_with_no_phone_registered_an_agency_answers(alone: Alone) -> None:
    await alone.members("103")
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
    await alone.citizen(LASTING)

    assert (await alone.record("answered"))["phone"] == "110"


async def test_a_phone_that_comes_while_agencies_refuse_is_rung(alone: Alone) -> None:
    await alone.members("103")
    refusing = await alone.agency("110", "phone_busy")
    await alone.phone("101", "phone_answer_talk_bye")
    calling = asyncio.create_task(alone.citizen())
    await eventually(lambda: "INVITE" in refusing.messages(), what="the agency is rung")
    await alone.members("103", "101")
    await calling

    assert (await alone.record("answered"))["phone"] == "101"


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


async def test_a_caller_with_signs_that_mean_something_is_served_like_any_other(
    alone: Alone,
) -> None:
    await alone.phone("101", "phone_answer_talk_bye")
    await alone.citizen(caller="62%0a%0a200%20result=1%20(9)%0a511%20%24%7bUNIQUEID%7d%22%3a,%0a")

    record = await alone.record("answered")
    assert record["caller_number"] == '62200 result=1 (9)511 ${UNIQUEID}":,'
    assert record["called_number"] == "112"


async def test_a_record_that_cannot_be_kept_keeps_nobody_from_being_served(alone: Alone) -> None:
    alone.spool.rmdir()
    phone = await alone.phone("101", "phone_answer_talk_bye")
    await alone.citizen()

    assert "BYE sip" in phone.messages(), "answered, talked, and hung up"
    log = (alone.home / "asterisk" / "log" / "messages").read_text()
    assert "The record of a call cannot be kept" in log
