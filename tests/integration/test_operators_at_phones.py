"""Operators at real phones: codes, ring time-out, refusals, wrap-up, changes without restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import PASSWORD, PIN, Line, eventually, open_line
from side_by_side import SideBySide

from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

RING_TIMEOUT_S = 2.0
WRAP_UP_S = 1.5
KEYS = {"police": "2", "fire": "3", "power": "4", "general": "0"}
DESKS = 18

together = SideBySide()
stories = together.fixture()
lanes: dict[str, asyncio.Lock] = {}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    """A line on which nobody gets a call but who has a lane of calls."""
    lanes.update((category, asyncio.Lock()) for category in KEYS)
    async with open_line(
        tmp_path_factory.mktemp("line"),
        programs,
        brief_sounds,
        silence_s=5.0,
        desks=DESKS,
        ring_timeout_s=RING_TIMEOUT_S,
        wrap_up_s=WRAP_UP_S,
    ) as line:
        for one in (await line.get("/api/operators"))["operators"]:
            await only_has(line, one["id"], "covid")
        yield line


async def only_has(line: Line, number: str, category: str) -> None:
    await line.post(f"/api/operators/{number}/skills", {"skills": {category: 9}})


@asynccontextmanager
async def lane(line: Line, category: str, *phones: str) -> AsyncIterator[None]:
    """The calls of this category are for the operators of these phones, and for nobody else."""
    async with lanes[category]:
        for phone in phones:
            await only_has(line, f"1{phone}", category)
        try:
            yield
        finally:
            for phone in phones:
                await line.post(f"/api/operators/1{phone}/logout")


async def operator(line: Line, number: str) -> dict[str, Any]:
    listed = (await line.get("/api/operators"))["operators"]
    return next(one for one in listed if one["id"] == number)


async def call(line: Line, caller: str, category: str) -> Any:
    result = await line.players.citizens(
        "citizen_key_talk_until_bye", 1, caller=caller, keys={"key": KEYS[category]}
    )
    assert result.successful == 1
    return (await line.ended(1, caller))[0]


@together
async def test_codes_log_in_pause_make_ready_and_log_out(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    for code, status in (
        ("*11", "ready"),
        ("*13", "paused"),
        ("*14", "ready"),
        ("*12", "logged_out"),
        (f"*111102*{PIN}", "logged_out"),
    ):
        await line.players.dial(phone, code)
        assert (await operator(line, "1101"))["status"] == status, code
    # the last code was another operator's, at this phone
    other = await operator(line, "1102")
    assert (other["status"], other["phone"]) == ("ready", "101")


@together
async def test_a_wrong_pin_logs_nobody_in(line: Line) -> None:
    phone = await line.players.register("103", PASSWORD)
    await line.players.dial(phone, "*111104*9999")
    assert (await operator(line, "1104"))["status"] == "logged_out"


@together
async def test_a_phone_that_nobody_answers_passes_the_call_on(line: Line) -> None:
    async with lane(line, "police", "105", "106"):
        await line.operators_ready("105", answer="phone_ring_until_cancel")
        await line.operators_ready("106")
        record = await call(line, "0821", "police")
    assert (record.outcome, record.phone, record.offers) == ("answered", "106", 2)
    events = (await line.history(record.call_id)).events
    failed = next(event for event in events if event.kind == "offer_failed")
    offers = [event.at for event in events if event.kind == "offered"]
    assert failed.data["reason"] == "no_answer"
    assert RING_TIMEOUT_S <= offers[1] - offers[0] < RING_TIMEOUT_S + 1.0


async def refuses(line: Line, scenario: str, reason: str, category: str, *phones: str) -> None:
    refusing, answering = phones
    async with lane(line, category, *phones):
        await line.operators_ready(refusing, answer=scenario)
        await line.operators_ready(answering)
        record = await call(line, f"0822{KEYS[category]}", category)
    assert (record.outcome, record.phone) == ("answered", answering)
    events = (await line.history(record.call_id)).events
    assert [e.data["reason"] for e in events if e.kind == "offer_failed"] == [reason]
    assert record.wait_ms is not None and record.wait_ms < 1500


@together
async def test_a_phone_that_is_busy_passes_the_call_on_at_once(line: Line) -> None:
    await refuses(line, "phone_busy", "busy", "fire", "107", "108")


@together
async def test_a_phone_that_declines_passes_the_call_on_at_once(line: Line) -> None:
    await refuses(line, "phone_decline", "rejected", "power", "109", "110")


@together
async def test_wrap_up_holds_the_next_call_back_exactly(line: Line) -> None:
    async with lane(line, "general", "111"):
        await line.operators_ready("111")
        calling = (call(line, caller, "general") for caller in ("0823", "0824"))
        first, second = await asyncio.gather(*calling)
    if first.operator_answered_at > second.operator_answered_at:
        first, second = second, first
    gap = second.first_offer_at - first.ended_at
    assert WRAP_UP_S <= gap < WRAP_UP_S + 0.5


@together
async def test_the_operator_who_has_idled_longest_comes_first(line: Line) -> None:
    desks = ("112", "113", "114")
    async with lane(line, "fire", *desks):
        await line.operators_ready(*desks)
        phones = [(await call(line, f"0825{turn}", "fire")).phone for turn in range(3)]
    assert len(set(phones)) == 3


@together
async def test_a_paused_operator_is_left_alone_until_ready(line: Line) -> None:
    async with lane(line, "power", "115"):
        await line.operators_ready("115")
        await line.post("/api/operators/1115/pause", {"reason": "prayer"})
        calling = asyncio.create_task(call(line, "0826", "power"))

        async def waits() -> bool:
            return any(one.queued_at for one in await line.records("0826"))

        await eventually(waits, what="the call waits")
        ready = time.time()
        await line.post("/api/operators/1115/ready")
        record = await calling
    assert record.outcome == "answered" and record.first_offer_at >= ready


@together
async def test_a_new_phone_and_operator_work_without_a_restart(line: Line) -> None:
    await line.post("/api/phones", {"number": "150", "password": PASSWORD})
    await line.post(
        "/api/operators", {"id": "1150", "name": "Sari", "pin": PIN, "home_phone": "150"}
    )
    async with lane(line, "general", "150"):
        await line.operators_ready("150")
        assert (await call(line, "0827", "general")).phone == "150"


@together
async def test_the_display_shows_category_and_number(line: Line) -> None:
    async with lane(line, "police", "116"):
        phone = line.phones["116"] = await line.players.register("116", PASSWORD)
        run = await line.players.behave(phone, "phone_answer_talk_bye", trace=True)
        await line.players.dial(phone, "*11")
        await call(line, "0828", "police")
    assert 'From: "POLISI 08281" <sip:08281@' in run.messages()
