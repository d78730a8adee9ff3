"""One number calls 300 times beside 50 others: none is refused, and nobody waits for it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lines import FULL, Line, eventually, open_line

from acd.calls.record import CallRecord, Outcome
from lab.actors.sipp import SippResult
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRANK = "081777777777"
PHONES = ("101", "102", "103", "104")
NUISANCE, ORDINARY = 300, 50
WITHIN_S = 600.0 if FULL else 20.0
"""The nuisance number makes all its calls within this time; ten minutes, or scaled down."""

PATIENCE_S = (5.0, 60.0) if FULL else (1.5, 4.0)
ORDINARY_WITHIN_S = WITHIN_S / 2 if FULL else 7.0
TALKS = [("", "500", "2000") if FULL else ("", "250", "1000")]
"""How an operator takes each call: after so many milliseconds, and for so many."""
LONGER = 1.2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def line(
    programs: Programs, brief_sounds: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    home = tmp_path_factory.mktemp("line")
    shipped = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    assert "behind_s = 300.0" in shipped
    data = home / "distribution.toml"
    data.write_text(shipped.replace("behind_s = 300.0", f"behind_s = {WITHIN_S * 4}"), "utf-8")
    changes = {
        "distribution_file": data,
        "wrap_up_s": 0.1,
        "capacity_cps": 60,
        "most_cps": 100,
        "most_music": 10,
        "preferred_s": 0.0,
    }
    async with open_line(home, programs, brief_sounds, **changes) as line:
        await line.operators_ready(
            *PHONES,
            answer="phone_answer_some_talk_bye",
            limit_s=max(600.0, WITHIN_S * 4),
            rows=TALKS,
        )
        yield line


async def ordinary(line: Line, caller: str) -> list[CallRecord]:
    """The ordinary citizens, faster than the operators can serve them; their records."""
    result = await line.players.citizens(
        "citizen_key_talk_until_bye",
        ORDINARY,
        caller=caller,
        rate=ORDINARY / ORDINARY_WITHIN_S,
        keys={"key": "2"},
        limit_s=WITHIN_S + 200,
    )
    assert (result.successful, result.failed) == (ORDINARY, 0)
    records = await line.ended(ORDINARY, caller)
    assert {one.outcome for one in records} == {Outcome.ANSWERED}
    return records


async def nuisance(line: Line) -> SippResult:
    """One number that calls and calls, and hangs up when it pleases."""
    drawn = random.Random(112)
    rows = [
        (PRANK, "0", "400", "2", f"{drawn.uniform(*PATIENCE_S) * 1000:.0f}", "")
        for _ in range(NUISANCE)
    ]
    return await line.players.citizens(
        "citizen_some_key_bye_some_time",
        NUISANCE,
        caller="",
        rate=NUISANCE / WITHIN_S,
        rows=rows,
        limit_s=WITHIN_S + 200,
    )


def p95_s(records: list[CallRecord]) -> float:
    waits = sorted(one.wait_ms or 0 for one in records)
    return waits[int(len(waits) * 0.95)] / 1000


@pytest.mark.timeout(2400 if FULL else 300)
async def test_the_calls_of_one_number_are_served_behind_the_others_and_none_is_refused(
    line: Line,
) -> None:
    alone = p95_s(await ordinary(line, "08151"))
    pranks = asyncio.create_task(nuisance(line))
    await line.ended(10, PRANK, within=WITHIN_S)  # no rule can know those as a nuisance's
    beside = p95_s(await ordinary(line, "08152"))
    result = await pranks
    assert (result.successful, result.failed) == (NUISANCE, 0), "none is refused"
    records = await line.ended(NUISANCE, PRANK)
    assert len(records) == NUISANCE
    for one in records:
        lost = one.outcome in (Outcome.LOST_MENU, Outcome.LOST_QUEUE, Outcome.LOST_RINGING)
        assert one.outcome == Outcome.ANSWERED or (lost and one.ended_by == "caller")
    flagged = [one for one in records if one.nuisance == "calls"]
    assert len(flagged) == NUISANCE - 10
    assert any(one.outcome == Outcome.ANSWERED for one in flagged), "served when nobody waits"
    assert beside <= alone * LONGER, f"p95 is {alone} s alone and {beside} s beside it"
    totals = await line.get("/api/summary")
    assert totals["adds_up"]


async def test_operators_mark_by_code_and_the_line_remembers_over_a_death_until_it_is_real(
    line: Line,
) -> None:
    number = "081666666666"

    async def call() -> CallRecord:
        row = (number, "0", "300", "2", "60000", "")
        result = await line.players.citizens(
            "citizen_some_key_talk_until_bye", 1, caller="", rows=[row]
        )
        assert result.successful == 1
        await line.is_written()
        return max(await line.records(number), key=lambda one: one.arrived_at)

    async def marked(call_id: str, disposition: str | None) -> None:
        async def is_so() -> bool:
            return (await line.history(call_id)).record.disposition == disposition

        await eventually(is_so, what=f"{disposition} is in the record")

    for number_ in PHONES[1:]:
        await line.post(f"/api/operators/1{number_}/pause")
    first = await call()
    await line.players.dial(line.phones["101"], "*41")
    await marked(first.call_id, "prank")
    second = await call()
    assert second.nuisance is None
    await line.players.dial(line.phones["101"], "*42")
    await marked(second.call_id, "ghost")
    pid = line.running.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await line.running.engine.ended()
    await line.running.engine.start()
    third = await call()
    assert (third.nuisance, third.outcome) == ("marks", "answered"), "never refused"
    shown = await line.get(f"/api/calls/{third.call_id}")
    assert shown["call"]["nuisance"] == "marks"
    # the engine that had the second call in mind is gone: the supervisor can take it back
    body = {"disposition": None, "operator": "1101"}
    assert (await line.post(f"/api/calls/{second.call_id}/disposition", body))[
        "disposition"
    ] is None
    await marked(second.call_id, None)
    events = [
        one for one in (await line.history(second.call_id)).events if one.kind == "disposition"
    ]
    assert [one.data["disposition"] for one in events] == ["ghost", None]
    fourth = await call()
    assert fourth.nuisance is None
    # a code that is set while the line runs is dialled
    await asyncio.to_thread(line.client.put, "/api/categories/ghost", {"code": "58"})
    await line.players.dial(line.phones["101"], "*458")
    await marked(fourth.call_id, "ghost")
    found = await line.get(f"/api/incidents/{fourth.call_id}")
    assert found["incident"]["category"] == "ghost"
