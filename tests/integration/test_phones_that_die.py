"""Phones that die in a talk: no citizen is let go, and they are not rung until they are seen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lines import PASSWORD, open_line

from acd.calls.record import CallRecord, EventKind
from lab.machine.waiting import eventually
from pbx.programs import Programs


async def test_whose_operators_phone_dies_is_served_by_the_next_one(
    programs: Programs, brief_sounds: Path, tmp_path: Path
) -> None:
    async with open_line(tmp_path, programs, brief_sounds, phone_silence_s=3) as line:
        phone = await line.operators_ready("101", answer="phone_answer_until_bye")
        citizen = asyncio.create_task(
            line.players.citizens("citizen_key_talk_until_bye", 1, caller="0872", keys={"key": "2"})
        )

        async def served_by(phone: str) -> CallRecord | None:
            calls = await line.records("0872")
            return calls[0] if calls and any(leg.phone == phone for leg in calls[0].legs) else None

        await eventually(lambda: served_by("101"), what="101 talks with the citizen")
        await phone.die()
        await line.operators_ready("102")
        assert (await citizen).successful == 1
        record = (await line.ended(1, "0872"))[0]
        assert (record.outcome, record.ended_by) == ("answered", "operator")
        assert [leg.phone for leg in record.legs] == ["101", "102"]
        events = (await line.history(record.call_id)).events
        left = [one.data for one in events if one.kind is EventKind.LEFT]
        assert [(one["phone"], one["reason"]) for one in left] == [("101", "lost")]

        async def device() -> str:
            found = (await line.get("/api/phones"))["phones"]
            return next(one["device"] for one in found if one["number"] == "101")

        assert await device() == "unreachable", "though its registration lives on"
        await line.players.register("101", PASSWORD, line.phones["101"].port)
        await eventually(lambda: line.idle(("101",)), what="the phone is seen again")
        await line.is_empty()
