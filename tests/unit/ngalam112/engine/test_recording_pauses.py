"""Who pauses a recording hears what came of it, and stands in the trail if it was done."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from lines import eventually

from acd.calls.call import Leg
from acd.calls.journal import Journal
from acd.feature_codes.recording_codes import FAILED, GOES_ON, PAUSED
from ngalam112.engine.recording_pauses import RecordingPauses
from pbx.ami import AmiError

LEG = cast(
    Leg,
    SimpleNamespace(
        id="l1", operator="1001", phone="101", call=SimpleNamespace(channel="c1", id="call-1")
    ),
)


class Line:
    """What pauses, what is heard, and what is written."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []
        self.heard: list[tuple[str, str]] = []
        self.rows: list[dict[str, Any]] = []
        self.fails = False

    async def pause_recording(self, channel: str, paused: bool) -> None:
        if self.fails:
            raise AmiError("no recording there")
        self.asked.append((channel, paused))

    def row(self, table: str, values: dict[str, Any]) -> None:
        assert table == "access_trail"
        self.rows.append(values)


@pytest.mark.parametrize(("on", "said"), [(False, PAUSED), (True, GOES_ON)])
async def test_it_is_done_said_and_written(on: bool, said: str) -> None:
    line = Line()
    pauses = a_part(line)
    pauses.pressed(LEG, on)
    await eventually(lambda: line.heard, what="a word")
    assert (line.asked, line.heard) == ([("c1", not on)], [("l1", said)])
    (row,) = line.rows
    assert (row["who"], row["kind"], row["target"]) == ("1001", "call", "call-1")


async def test_what_cannot_be_done_is_said_and_not_written() -> None:
    line = Line()
    line.fails = True
    pauses = a_part(line)
    pauses.pressed(LEG, False)
    await eventually(lambda: line.heard, what="a word")
    assert (line.heard, line.rows) == ([("l1", FAILED)], [])


def a_part(line: Line) -> RecordingPauses:
    def tell(leg: str, prompt: str) -> None:
        line.heard.append((leg, prompt))

    return RecordingPauses(line, tell, cast(Journal, line), lambda: 7.0)
