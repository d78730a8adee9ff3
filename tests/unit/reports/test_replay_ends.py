"""A replay ends with its calls, whatever was noted of them afterwards."""

from __future__ import annotations

from acd.calls.record import CallEvent, EventKind
from reports.replay import Replayed

NOON = 1_796_126_400.0
DAY_S = 86_400.0


def event(seq: int, after: float, kind: EventKind, **data: object) -> CallEvent:
    return CallEvent(call_id="c", seq=seq, at=NOON + after, kind=kind, data=data)


def test_a_call_that_was_erased_a_month_later_ends_when_it_ended() -> None:
    line = Replayed({})
    events = [
        event(1, 0.0, EventKind.ARRIVED, asterisk_id="a"),
        event(2, 30.0, EventKind.ENDED, ended_by="caller", hangup_cause=16),
        event(3, 2 * DAY_S, EventKind.DISPOSITION, disposition="prank"),
        event(4, 31 * DAY_S, EventKind.ERASED, why="older than 31 days"),
    ]
    line.add([events], [])
    line.play(NOON + 29.0)
    assert not line.is_over and line.figures().live == 1
    line.play(NOON + 30.0)
    assert line.is_over
    figures = line.figures()
    assert (figures.offered, figures.live, figures.lost_menu) == (1, 0, 1)
