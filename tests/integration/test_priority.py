"""Who is served first, and by whom: what a carrier says of a call, and operators' skills."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lines import Line, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def waiting(line: Line, count: int) -> None:
    async def there() -> bool:
        return bool((await line.get("/api/status"))["queue"]["length"] == count)

    await eventually(there, what=f"{count} calls wait")


async def everybody(line: Line, wish: str, body: Any = None) -> None:
    for number in ("1101", "1102", "1103", "1104"):
        await line.post(f"/api/operators/{number}/{wish}", body)


async def test_a_call_that_the_carrier_gives_priority_passes_one_that_came_earlier(
    line: Line,
) -> None:
    await everybody(line, "pause")
    usual = asyncio.create_task(
        line.players.citizens("citizen_key_talk_until_bye", 1, caller="0861", keys={"key": "2"})
    )
    await waiting(line, 1)
    # the carrier says one priority among several (RFC 4412)
    keys = {"key": "2", "priority": "wps.4, esnet.4"}
    urgent = asyncio.create_task(
        line.players.citizens("citizen_priority_key_talk_until_bye", 1, caller="0862", keys=keys)
    )
    await waiting(line, 2)
    await line.post("/api/operators/1101/ready")
    results = await asyncio.gather(usual, urgent)
    assert [one.successful for one in results] == [1, 1]
    (first,), (second,) = await line.ended(1, "0862"), await line.ended(1, "0861")
    assert first.arrived_at > second.arrived_at
    assert (first.operator_answered_at or 0) < (second.operator_answered_at or 0)
    await everybody(line, "ready")


async def test_who_has_the_skill_gets_the_call_though_another_has_idled_longer(line: Line) -> None:
    for number, level in (("1101", 1), ("1102", 1), ("1103", 9), ("1104", 1)):
        skill = "police" if number == "1103" else "power"
        await line.post(f"/api/operators/{number}/skills", {"skills": {skill: level}})
    phones = []
    for turn in range(2):
        result = await line.players.citizens(
            "citizen_key_talk_until_bye", 1, caller=f"0863{turn}", keys={"key": "2"}
        )
        assert result.successful == 1
        phones.append((await line.ended(1, f"0863{turn}"))[0].phone)
    assert phones == ["103", "103"]
    for number in ("1101", "1102", "1103", "1104"):
        await line.post(f"/api/operators/{number}/skills", {"skills": {}})
