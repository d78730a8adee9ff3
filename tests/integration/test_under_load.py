"""A line above its capacity and beyond its hard limit: citizens are served, other work is not done.

The limits are tiny: work is shed above two channels, and beyond four citizens wait for admission.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import fork_server
from lines import Line, eventually, open_line

from acd.calls.record import EventKind
from pbx.programs import Programs

LIMITS = {"capacity_channels": 2, "most_channels": 4}
PATIENT = {"claim_ms": 3000}  # that a machine is slow is not what this is about


async def load_of(line: Line) -> Any:
    return (await line.get("/api/status"))["load"]


async def has(line: Line, **wanted: Any) -> None:
    """Wait until the load is as wanted."""

    async def reached() -> bool:
        load = await load_of(line)
        return all(load[name] == value for name, value in wanted.items())

    await eventually(reached, what=f"the load has {wanted}")


async def nobody_was_told(line: Line, count: int) -> bool:
    return bool((await load_of(line))["shed"]["announcements"] >= count)


async def qualities(line: Line, caller: str) -> int:
    """How many of these callers' records tell of their audio."""
    found = 0
    for record in await line.records(caller):
        events = (await line.history(record.call_id)).events
        found += any(one.kind == EventKind.QUALITY.value for one in events)
    return found


async def status_in_words(line: Line) -> str:
    argv = (sys.executable, "-m", "ngalam112", "status")
    environment = {**line.settings.environment(), "COLUMNS": "200"}
    process = await fork_server.start(*argv, stdout=asyncio.subprocess.PIPE, env=environment)
    return (await process.communicate())[0].decode()


async def levels(line: Line) -> list[str]:
    """The levels that the log tells of, in order."""
    text = line.settings.log_file.read_text()
    entries = [json.loads(entry) for entry in text.splitlines()]
    return [one["level_now"] for one in entries if one["event"] == "load"]


async def test_above_the_limits_nobody_gets_an_error_and_all_records_add_up(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    rules = {"announce": "position", "whisper": True, **LIMITS, **PATIENT}
    async with open_line(tmp_path, programs, built_sounds, desks=1, **rules) as line:
        await line.operators_ready("101")
        await line.post("/api/operators/1101/pause")
        waiting = asyncio.create_task(
            line.players.citizens("citizen_key_talk_until_bye", 4, caller="0851", keys={"key": "3"})
        )
        await has(line, channels=4, level="shedding", held_back=0)

        beyond = asyncio.create_task(
            line.players.citizens("citizen_silent_talk_until_bye", 2, caller="0852")
        )
        await has(line, channels=4, level="full", at_door=2, held_back=2)
        await eventually(lambda: nobody_was_told(line, 4), what="the places were not said")
        assert "2 citizens wait for admission, 2 since the start" in await status_in_words(line)

        await line.post("/api/operators/1101/ready")
        served, came_in = await asyncio.gather(waiting, beyond)
        assert (served.successful, served.failed) == (4, 0)
        assert (came_in.successful, came_in.failed) == (2, 0), "an operator answered and talked"
        await line.is_empty()
        await has(line, channels=0, level="normal", at_door=0, held_back=2)
        shed = (await load_of(line))["shed"]
        assert shed["whispers"] >= 3 and shed["quality"] >= 1

        after = await line.players.citizens(
            "citizen_key_talk_until_bye", 1, caller="0853", keys={"key": "3"}
        )
        assert after.successful == 1
        records = await line.ended(7)
        totals = await line.get("/api/summary")
        assert (await load_of(line))["shed"] == shed, "a normal line leaves nothing undone"
        await eventually(lambda: qualities(line, "0853"), what="the audio's quality is kept again")
        told = await levels(line)
    assert len(records) == 7
    outcomes = {one.caller_number: str(one.outcome) for one in records}
    assert list(outcomes.values()) == ["answered"] * 7
    turns = [
        one.caller_number[:4]
        for one in sorted(records, key=lambda one: one.operator_answered_at or 0)
    ]
    assert turns == ["0851"] * 4 + ["0852"] * 2 + ["0853"], "in the order in which they dialled"
    assert (totals["offered"], totals["fallback"], totals["adds_up"]) == (7, 0, True)
    assert (told[0], told[1], told[-1]) == ("shedding", "full", "normal")
    assert len(told) <= 5, "a level does not come and go"
