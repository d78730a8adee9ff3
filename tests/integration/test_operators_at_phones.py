"""Operators at real phones: codes, ring time-out, refusals, wrap-up, changes without restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lines import PASSWORD, PIN, Line, eventually, open_line

from pbx.programs import Programs

RING_TIMEOUT_S = 2.0
WRAP_UP_S = 1.5


@pytest_asyncio.fixture
async def line(programs: Programs, brief_sounds: Path, tmp_path: Path) -> AsyncIterator[Line]:
    async with open_line(
        tmp_path,
        programs,
        brief_sounds,
        silence_s=5.0,
        ring_timeout_s=RING_TIMEOUT_S,
        wrap_up_s=WRAP_UP_S,
    ) as line:
        yield line


async def operator(line: Line, number: str) -> dict[str, Any]:
    listed = (await line.get("/api/operators"))["operators"]
    return next(one for one in listed if one["id"] == number)


async def call(line: Line, caller: str, scenario: str = "citizen_key_talk_until_bye") -> Any:
    result = await line.players.citizens(scenario, 1, caller=caller, keys={"key": "2"})
    assert result.successful == 1
    return (await line.ended(1, caller))[0]


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


async def test_a_wrong_pin_logs_nobody_in(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    await line.players.dial(phone, "*111102*9999")
    assert (await operator(line, "1102"))["status"] == "logged_out"


async def test_a_phone_that_nobody_answers_passes_the_call_on(line: Line) -> None:
    await line.operators_ready("101", answer="phone_ring_until_cancel")
    await line.operators_ready("102")
    record = await call(line, "0821")
    assert (record.outcome, record.phone, record.offers) == ("answered", "102", 2)
    events = (await line.history(record.call_id)).events
    failed = next(event for event in events if event.kind == "offer_failed")
    offers = [event.at for event in events if event.kind == "offered"]
    assert failed.data["reason"] == "no_answer"
    assert RING_TIMEOUT_S <= offers[1] - offers[0] < RING_TIMEOUT_S + 1.0


@pytest.mark.parametrize(
    ("scenario", "reason"), [("phone_busy", "busy"), ("phone_decline", "rejected")]
)
async def test_a_phone_that_refuses_passes_the_call_on_at_once(
    line: Line, scenario: str, reason: str
) -> None:
    await line.operators_ready("101", answer=scenario)
    await line.operators_ready("102")
    record = await call(line, "0822")
    assert (record.outcome, record.phone) == ("answered", "102")
    events = (await line.history(record.call_id)).events
    assert [e.data["reason"] for e in events if e.kind == "offer_failed"] == [reason]
    assert record.wait_ms is not None and record.wait_ms < 1500


async def test_wrap_up_holds_the_next_call_back_exactly(line: Line) -> None:
    await line.operators_ready("101")
    first, second = await asyncio.gather(call(line, "0823"), call(line, "0824"))
    if first.operator_answered_at > second.operator_answered_at:
        first, second = second, first
    gap = second.first_offer_at - first.ended_at
    assert WRAP_UP_S <= gap < WRAP_UP_S + 0.5


async def test_the_operator_who_has_idled_longest_comes_first(line: Line) -> None:
    await line.operators_ready("101", "102", "103")
    phones = [(await call(line, f"0825{turn}")).phone for turn in range(3)]
    assert len(set(phones)) == 3


async def test_a_paused_operator_is_left_alone_until_ready(line: Line) -> None:
    await line.operators_ready("101")
    await line.post("/api/operators/1101/pause", {"reason": "prayer"})
    calling = asyncio.create_task(call(line, "0826"))

    async def waits() -> bool:
        return bool((await line.get("/api/status"))["queue"]["length"] == 1)

    await eventually(waits, what="the call waits")
    await line.post("/api/operators/1101/ready")
    assert (await calling).outcome == "answered"


async def test_a_new_phone_and_operator_work_without_a_restart(line: Line) -> None:
    await line.post("/api/phones", {"number": "150", "password": PASSWORD})
    await line.post(
        "/api/operators", {"id": "1150", "name": "Sari", "pin": PIN, "home_phone": "150"}
    )
    await line.operators_ready("150")
    assert (await call(line, "0827")).phone == "150"


async def test_the_display_shows_category_and_number(line: Line) -> None:
    phone = await line.players.register("101", PASSWORD)
    line.phones["101"] = phone
    run = await line.players.behave(phone, "phone_answer_talk_bye", trace=True)
    await line.players.dial(phone, "*11")
    await call(line, "0828")
    assert 'From: "POLISI 08281" <sip:08281@' in run.messages()
