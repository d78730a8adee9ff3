"""What is right when phones of a storm die, reboot or lose their connection."""

from __future__ import annotations

from typing import Any

from acd.calls.record import CallEvent, CallRecord, EventKind, LegRecord
from lab.storm.frailty import Trouble, wrong
from lab.storm.lateness import Outage
from reports.calls import CallHistory

SILENCE_S = 3.0


def trouble(fate: str = "dies_talking", **changes: Any) -> Trouble:
    given = {"phone": "221", "at": 110.0, "talked": True, "back_at": 118.0}
    return Trouble(fate=fate, **(given | changes))


def event(kind: EventKind, at: float, **data: Any) -> CallEvent:
    return CallEvent(call_id="1", seq=0, kind=kind, at=at, data=data)


def a_call(
    *after: CallEvent,
    left_at: float | None = 113.5,
    reason: str | None = "lost",
    by: str = "operator",
) -> CallHistory:
    """221 talks from 100 on, is lost at 113.5, and 201 has the citizen from 116 to 120."""
    legs = [LegRecord(leg="a", operator="1021", phone="221", joined_at=100.0)]
    legs[0].left_at, legs[0].reason = left_at, reason
    if reason == "lost" and not after:
        after = (event(EventKind.QUEUED, 113.5), event(EventKind.OFFERED, 115.0, phone="201"))
        legs.append(LegRecord(leg="b", operator="1001", phone="201", joined_at=116.0))
    left = [event(EventKind.LEFT, left_at, leg="a", phone="221", reason=reason)] if left_at else []
    record = CallRecord(call_id="1", caller_number="0812", arrived_at=90.0, legs=legs)
    record.ended_at, record.ended_by = 120.0, by
    return CallHistory(record=record, events=[*left, *after])


def test_whose_operators_phone_dies_and_who_is_served_by_the_next_one_is_right() -> None:
    assert wrong([trouble()], [a_call()], SILENCE_S) == []
    assert wrong([trouble("reboots_talking", back_at=111.0)], [a_call()], SILENCE_S) == []


def test_a_dead_phone_is_noticed_in_time() -> None:
    (told,) = wrong([trouble(at=106.0)], [a_call()], SILENCE_S)
    assert "in the talk for 7.5 s more" in told
    assert wrong([trouble(at=106.0)], [a_call()], SILENCE_S, stalls=[(108.0, 110.0)]) == []
    outage = Outage(since=107.0, until=108.0, why="random")
    assert wrong([trouble(at=106.0)], [a_call()], SILENCE_S, [outage]) == []


def test_a_dead_phone_is_no_operator_who_hangs_up() -> None:
    let_go = a_call(left_at=None, reason=None)
    let_go.record.ended_at = 113.0
    assert "has hung up" in "".join(wrong([trouble()], [let_go], SILENCE_S))
    ended = a_call(event(EventKind.ENDED, 113.6), by="cut_off")
    assert "its citizen let go (cut_off)" in "".join(wrong([trouble()], [ended], SILENCE_S))
    gone = a_call(event(EventKind.ENDED, 113.6), by="caller")
    assert wrong([trouble()], [gone], SILENCE_S) == []


def test_a_phone_that_is_known_to_be_dead_is_not_rung() -> None:
    offered = a_call(event(EventKind.QUEUED, 113.5), event(EventKind.OFFERED, 116.0, phone="221"))
    assert "while it was away" in "".join(wrong([trouble()], [offered], SILENCE_S))
    assert wrong([trouble(back_at=115.0)], [offered], SILENCE_S) == []


def test_whose_citizen_has_hung_up_before_its_silence_is_noticed_is_rung_again() -> None:
    gone = a_call(event(EventKind.ENDED, 111.0), left_at=111.0, reason="caller", by="caller")
    other = a_call(event(EventKind.OFFERED, 114.0, phone="221"), left_at=None, reason=None)
    other.record.legs.clear()
    assert wrong([trouble()], [gone, other], SILENCE_S) == []


def test_a_connection_that_is_lost_is_no_end_of_a_talk() -> None:
    lost = trouble("reconnects_talking", back_at=111.0)
    assert "lost its talk 3.5 s after its connection" in "".join(
        wrong([lost], [a_call()], SILENCE_S)
    )
    assert wrong([lost], [a_call(left_at=None, reason=None)], SILENCE_S) == []


def test_each_phone_comes_back() -> None:
    (told,) = wrong([trouble(talked=False, back_at=None, failed="403")], [], SILENCE_S)
    assert told == "the phone 221 has not come back (dies_talking): 403"
