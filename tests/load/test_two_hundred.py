"""Two hundred citizens at ten a second, twenty operators: nobody is lost by the line.

Half as many, but by `make test FULL=1`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from lines import FULL, Line, open_line

from lab.actors.sipp import SippResult
from pbx.programs import Programs

pytestmark = pytest.mark.play
DESKS = 20
MANY = 200 if FULL else 100
# scenario, how many of 200, keys, outcomes that these citizens may have
CITIZENS = (
    ("citizen_key_talk_until_bye", 40, {"key": "2"}, {"answered"}),
    ("citizen_key_talk_until_bye", 40, {"key": "3"}, {"answered"}),
    ("citizen_key_talk_until_bye", 30, {"key": "4"}, {"answered"}),
    ("citizen_keys_talk_until_bye", 20, {"key": "9", "key2": "2"}, {"answered"}),
    ("citizen_silent_talk_until_bye", 30, {}, {"answered"}),
    ("citizen_menu_bye", 20, {}, {"lost_menu"}),
    ("citizen_key_queue_bye", 20, {"key": "2"}, {"lost_queue", "lost_ringing", "answered"}),
)


# about 100 s on two quiet cores: a noisy machine must not end it in the middle
@pytest.mark.timeout(600)
async def test_all_are_answered_or_lost_by_their_own_hang_up(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(tmp_path, programs, built_sounds, desks=DESKS) as line:
        await line.operators_ready(*(str(101 + desk) for desk in range(DESKS)))
        results = await asyncio.gather(*(play(line, index) for index in range(len(CITIZENS))))
        offered = sum(result.calls for result in results)
        assert offered == MANY
        assert sum(result.successful for result in results) == MANY, "every SIPp call went as meant"
        records = await line.ended(MANY, within=30)
        await line.is_empty(within=20)
        totals = await line.get("/api/summary")
    assert len(records) == MANY
    arrived = [one.arrived_at for one in records]
    assert max(arrived) - min(arrived) < MANY / 8, "they came at about ten a second"
    assert totals["offered"] == MANY and totals["adds_up"] and totals["live"] == 0
    for index, (_, share, _, outcomes) in enumerate(CITIZENS):
        theirs = [one for one in records if one.caller_number.startswith(f"083{index}000")]
        found = Counter(str(one.outcome) for one in theirs)
        assert found.total() == share * MANY // 200 and set(found) <= outcomes, (index, found)
    lost = [one for one in records if one.outcome != "answered"]
    assert {one.ended_by for one in lost} == {"caller"}


async def play(line: Line, index: int) -> SippResult:
    scenario, share, keys, _ = CITIZENS[index]
    count = share * MANY // 200
    return await line.players.citizens(
        scenario,
        count,
        caller=f"083{index}000",
        keys=keys,
        rate=10.0 * share / 200,
        limit_s=120,
    )
