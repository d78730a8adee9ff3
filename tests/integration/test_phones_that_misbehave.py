"""Phones that misbehave: the citizen stays served, and the operators are free again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lines import PASSWORD, Line, eventually, open_line

from acd.calls.record import EventKind
from lab.actors.sipp import SippRun
from pbx.programs import Programs


async def play(line: Line, number: str, scenario: str) -> SippRun:
    """Let a registered phone play a scenario that takes rows, without any waiting."""
    phone = line.phones[number] = await line.players.register(number, PASSWORD)
    run = SippRun(
        line.programs,
        line.settings.home / "sipp",
        scenario,
        port=phone.port,
        rows=[("0", "0", "500")],
    )
    await run.__aenter__()
    return run


async def test_a_phone_that_forwards_its_calls_sends_no_citizen_away(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(tmp_path, programs, built_sounds) as line:
        forwarding = await play(line, "101", "phone_moved")
        try:
            await line.players.dial(line.phones["101"], "*11")
            citizen = asyncio.create_task(
                line.players.citizens(
                    "citizen_key_talk_until_bye", 1, caller="0871", keys={"key": "2"}
                )
            )

            async def refused() -> bool:
                calls = await line.records("0871")
                if not calls:
                    return False
                events = (await line.history(calls[0].call_id)).events
                return any(event.kind is EventKind.OFFER_FAILED for event in events)

            await eventually(refused, what="the forwarded offer fails")
            await line.operators_ready("102")
            assert (await citizen).successful == 1
        finally:
            await forwarding.stop()
        record = (await line.ended(1, "0871"))[0]
        assert (record.outcome, record.phone) == ("answered", "102")
        await line.is_empty()
        said = (line.settings.asterisk_home / "log" / "messages").read_text("utf-8", "replace")
        assert "*12@nowhere" in said
        assert "Unknown or unavailable item requested" not in said, "no code was dialled by it"
