"""An operator calls a citizen back, through a carrier, as a part of the call's record."""

from __future__ import annotations

from pathlib import Path

from lines import Line, eventually, open_line

from lab.actors.sipp import SippRun, free_port
from pbx.programs import Programs


async def test_star_16_calls_the_citizen_of_the_last_call_back(
    programs: Programs, built_sounds: Path, tmp_path: Path
) -> None:
    port = free_port()
    async with open_line(
        tmp_path, programs, built_sounds, carrier=f"127.0.0.1:{port}", wrap_up_s=0.0
    ) as line:
        await line.operators_ready("101")
        result = await line.players.citizens(
            "citizen_key_talk_until_bye", 1, caller="08123456789", keys={"key": "2"}
        )
        assert result.successful == 1
        call_id = (await line.ended(1, "08123456789"))[0].call_id
        carrier = SippRun(
            programs, tmp_path / "sipp", "phone_answer_talk_bye", port=port, echo=True, trace=True
        )
        async with carrier:
            # the citizen hangs up, and with it the operator's phone
            await line.players.dial(line.phones["101"], "*16")
            await _kept(line, call_id)
            assert "INVITE sip:081234567891@127.0.0.1" in carrier.messages()
        await line.is_empty()


async def _kept(line: Line, call_id: str) -> None:
    async def both() -> bool:
        record = (await line.history(call_id)).record
        return len(record.legs) == 2 and record.legs[1].left_at is not None

    await eventually(both, what="the second leg is in the record")
    first, second = (await line.history(call_id)).record.legs
    assert (first.how, second.how, second.operator) == ("answered", "callback", "1101")
    assert (second.left_at or 0) - second.joined_at > 1.0
    operators = (await line.get("/api/operators"))["operators"]
    assert {one["state"] for one in operators} == {"idle"}
