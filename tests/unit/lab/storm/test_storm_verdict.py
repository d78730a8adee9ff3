"""The verdict on a storm: each number changes when its own thing is wrong, and no other does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from acd.calls.record import CallEvent, EventKind, fold
from lab.storm.lateness import (
    NEVER_MS,
    Sighting,
    StateChange,
    late_as_kept,
    late_as_seen,
    ran_s,
    talks_on,
)
from lab.storm.report import unended
from lab.storm.verdict import Facts, OperatorEvent, Verdict, judge, missing, wrap_ups
from reports.calls import CallHistory

HELD = Verdict(
    stuck_operators=0,
    orphan_channels=0,
    orphan_bridges=0,
    records_missing=0,
    wrapup_worst_ms=40,
    state_late_worst_ms=0,
    refers_accepted=0,
    engine_errors=0,
    complaints=0,
)


def a_call(number: str, ended_by: str | None = "caller") -> CallHistory:
    what: list[tuple[EventKind, float, dict[str, Any]]] = [
        (EventKind.ARRIVED, 100.0, {"caller_number": number, "asterisk_id": number}),
        (EventKind.QUEUED, 102.0, {"category": "police", "position": 1}),
        (EventKind.OFFERED, 102.1, {"operator": "1001", "phone": "101", "leg": "l"}),
        (EventKind.ANSWERED, 103.0, {"operator": "1001", "phone": "101", "leg": "l"}),
    ]
    if ended_by is not None:
        what.append((EventKind.ENDED, 110.0, {"ended_by": ended_by, "hangup_cause": 16}))
    events = [
        CallEvent(call_id=number, seq=seq, at=at, kind=kind, data=data)
        for seq, (kind, at, data) in enumerate(what, 1)
    ]
    return CallHistory(record=fold(number, events), events=events)


def an_operator(**changes: Any) -> dict[str, Any]:
    one = {"id": "1001", "state": "idle", "call": None, "phone": "101", "home_phone": "101"}
    return one | changes


def a_wrap_up(seconds: float, setting: str = "1", reason: str = "done") -> list[OperatorEvent]:
    return [
        OperatorEvent(operator="1001", at=110.0, kind="wrap_up", reason=setting),
        OperatorEvent(operator="1001", at=110.0 + seconds, kind="wrap_up_end", reason=reason),
    ]


def seen(at: float, **changes: Any) -> Sighting:
    values: dict[str, Any] = {"operator": "1001", "call": "081", "state": "talking"}
    return Sighting(**(values | {"asked": at, "told": at + 0.02} | changes))


def facts(**changes: Any) -> Facts:
    values: dict[str, Any] = {
        "offered": ["081", "082"],
        "calls": [a_call("081"), a_call("082", "operator")],
        "operators": [an_operator()],
        "phones": [{"number": "101", "device": "free"}],
        "channels": 0,
        "bridges": 0,
        "engine_errors": 0,
        "refers_accepted": 0,
        "events": a_wrap_up(1.04),
    }
    return Facts(**(values | changes))


def bent() -> CallHistory:
    call = a_call("082")
    return msgspec.structs.replace(
        call, record=msgspec.structs.replace(call.record, outcome="lost_queue")
    )


def test_a_storm_that_was_held_has_zeros() -> None:
    assert judge(facts()) == HELD
    assert HELD.held


@pytest.mark.parametrize(
    ("changes", "number", "count"),
    [
        ({"operators": [an_operator(state="talking")]}, "stuck_operators", 1),
        ({"operators": [an_operator(call="c")]}, "stuck_operators", 1),
        ({"phones": [{"number": "101", "device": "in_use"}]}, "stuck_operators", 1),
        ({"phones": [{"number": "101", "device": "unreachable"}]}, "stuck_operators", 1),
        ({"phones": []}, "stuck_operators", 1),
        ({"operators": [an_operator(phone=None, state="wrap_up")]}, "stuck_operators", 1),
        ({"channels": 2}, "orphan_channels", 2),
        ({"bridges": 1}, "orphan_bridges", 1),
        ({"offered": ["081", "082", "083"]}, "records_missing", 1),
        ({"offered": ["081", "082", "082"]}, "records_missing", 1),
        ({"offered": ["081"]}, "records_missing", 1),
        ({"calls": [a_call("081")]}, "records_missing", 1),
        ({"calls": [a_call("081"), a_call("082"), a_call("082")]}, "records_missing", 1),
        ({"calls": [a_call("081"), a_call("082", None)]}, "records_missing", 1),
        ({"calls": [a_call("081"), a_call("082", "line_stopped")]}, "records_missing", 1),
        ({"calls": [a_call("081"), a_call("082", "unknown")]}, "records_missing", 1),
        ({"calls": [a_call("081"), bent()]}, "records_missing", 1),
        ({"events": a_wrap_up(1.6)}, "wrapup_worst_ms", 600),
        ({"events": a_wrap_up(0.3)}, "wrapup_worst_ms", 700),
        ({"events": a_wrap_up(1.0, setting="2.5")}, "wrapup_worst_ms", 1500),
        ({"refers_accepted": 1}, "refers_accepted", 1),
        ({"engine_errors": 3}, "engine_errors", 3),
        ({"complaints": ["a traceback"]}, "complaints", 1),
        ({"late_answers": ["it has not answered in 1 s"]}, "database_late", 1),
        ({"seen": [seen(111.2)]}, "state_late_worst_ms", 1200),
    ],
)
def test_a_number_tells_what_is_wrong(changes: dict[str, Any], number: str, count: int) -> None:
    verdict = judge(facts(**changes))
    assert verdict == msgspec.structs.replace(HELD, **{number: count})
    assert not verdict.held


@pytest.mark.parametrize(
    ("changes", "only_late"),
    [
        ({}, False),  # it was held
        ({"wrapup_worst_ms": 700}, True),
        ({"state_late_worst_ms": 1200}, True),
        ({"database_late": 1}, True),
        ({"wrapup_worst_ms": 700, "records_missing": 1}, False),
        ({"engine_errors": 1}, False),
        # a talk without any wrap-up
        ({"state_late_worst_ms": NEVER_MS}, False),
    ],
)
def test_what_the_machine_can_have_done_is_told_from_what_it_cannot(
    changes: dict[str, Any], only_late: bool
) -> None:
    assert msgspec.structs.replace(HELD, **changes).only_late is only_late


def test_a_broken_time_bound_is_said() -> None:
    late = msgspec.structs.replace(HELD, wrapup_worst_ms=700, state_late_worst_ms=1200).late()
    assert late == [
        "a wrap-up was 700 ms from its setting; 500 ms are allowed",
        "an operator's state was 1200 ms late; 1000 ms are allowed",
    ]
    assert HELD.late() == []


def test_a_wrap_up_that_never_ends_is_a_stuck_operator() -> None:
    verdict = judge(facts(events=a_wrap_up(1.04)[:1]))
    assert verdict.stuck_operators == 1


def test_a_wrap_up_without_an_end_is_told_with_all_that_is_known_of_its_operator() -> None:
    begin, end = a_wrap_up(1.0)
    other = msgspec.structs.replace(begin, operator="1002")
    assert unended([begin, end], ()) == []
    (told,) = unended([begin, end, other], ())
    assert "a wrap-up of 1002 lacks" in told
    assert '"operator":"1002","at":110.0,"kind":"wrap_up"' in told and "1001" not in told


def test_wrap_ups_that_do_not_pair_are_told() -> None:
    begin, end = a_wrap_up(1.0)
    assert wrap_ups([begin, begin, end]) == (0, {"1001"})
    assert wrap_ups([end]) == (0, {"1001"})


def test_a_wrap_up_that_its_operator_ended_has_no_setting_to_keep() -> None:
    assert wrap_ups(a_wrap_up(0.2, setting="10", reason="early")) == (0, set())


def test_the_worst_of_several_wrap_ups_counts() -> None:
    later = [
        msgspec.structs.replace(one, operator="1002", at=one.at + 0.5) for one in a_wrap_up(1.25)
    ]
    begin, end = a_wrap_up(1.01)
    assert wrap_ups([begin, later[0], end, later[1]]) == (250, set())


def test_half_a_second_is_the_bound_of_a_wrap_up() -> None:
    assert msgspec.structs.replace(HELD, wrapup_worst_ms=500).held
    assert not msgspec.structs.replace(HELD, wrapup_worst_ms=501).held


def test_who_is_paused_or_logged_out_is_not_stuck() -> None:
    gone = an_operator(phone=None, status="logged_out")
    assert judge(facts(operators=[gone])).stuck_operators == 0
    assert judge(facts(operators=[an_operator(status="paused")])).stuck_operators == 0


def test_what_a_database_rounds_is_no_difference_but_more_than_that_is() -> None:
    call = a_call("081")
    record = call.record
    assert record.ended_at is not None and record.wait_ms is not None
    rounded = msgspec.structs.replace(
        record, ended_at=record.ended_at + 1e-6, wait_ms=record.wait_ms + 1
    )
    assert missing(["081"], [msgspec.structs.replace(call, record=rounded)]) == []
    for changes in ({"ended_at": record.ended_at + 1e-3}, {"wait_ms": record.wait_ms + 2}):
        other = msgspec.structs.replace(record, **changes)
        assert len(missing(["081"], [msgspec.structs.replace(call, record=other)])) == 1
    legs = [msgspec.structs.replace(record.legs[0], operator="1002")]
    other = msgspec.structs.replace(record, legs=legs)
    assert len(missing(["081"], [msgspec.structs.replace(call, record=other)])) == 1


def test_a_second_is_the_bound_of_a_state_that_is_late() -> None:
    assert msgspec.structs.replace(HELD, state_late_worst_ms=1000).held
    assert not msgspec.structs.replace(HELD, state_late_worst_ms=1001).held


@pytest.mark.parametrize(
    ("sighting", "late_ms"),
    [
        (seen(105.0), 0),  # the talk goes on
        (seen(109.99), 0),  # it ended while the API was asked
        (seen(110.25), 250),
        (seen(110.25, state="offered"), 250),
        (seen(110.25, operator="1002"), 0),  # never had this call
        (seen(110.25, call="of colleagues"), 0),
    ],
)
def test_who_is_busy_with_a_call_that_is_over_is_late(sighting: Sighting, late_ms: int) -> None:
    assert late_as_seen([sighting], [a_call("081")]) == late_ms


def test_who_left_a_call_that_goes_on_is_late_until_it_is_offered_to_them_again() -> None:
    call = a_call("081")
    left = {"operator": "1001", "phone": "101", "leg": "l", "reason": "transferred"}
    again = {"operator": "1001", "phone": "101", "leg": "m"}
    events = [
        *call.events[:4],
        CallEvent(call_id="081", seq=5, at=105.0, kind=EventKind.LEFT, data=left),
        CallEvent(call_id="081", seq=6, at=107.0, kind=EventKind.OFFERED, data=again),
        CallEvent(call_id="081", seq=7, at=109.0, kind=EventKind.OFFER_FAILED, data=again),
    ]
    call = msgspec.structs.replace(call, events=events)
    found = {at: late_as_seen([seen(at)], [call]) for at in (104.0, 106.5, 106.99, 108.0, 109.5)}
    assert found == {104.0: 0, 106.5: 1500, 106.99: 0, 108.0: 0, 109.5: 500}


def test_a_wrap_up_begins_when_its_talk_ends() -> None:
    assert late_as_kept({"1001": [50.0, 110.0]}, [a_call("081")]) == 0
    assert late_as_kept({"1001": [111.5]}, [a_call("081")]) == 1500
    assert late_as_kept({"1002": [110.0]}, [a_call("081")]) == NEVER_MS
    shorter = a_call("081")
    shorter.record.legs[0].left_at = 103.2
    assert late_as_kept({}, [shorter]) == 0, "nobody was helped in so short a time"


def test_whoever_talks_on_with_an_agency_wraps_up_after_that() -> None:
    call = a_call("081")
    leg = call.record.legs[0].leg
    rung = {"operator": None, "phone": "sip:908@agency", "leg": "agency"}
    offered = CallEvent(call_id="081", seq=4, at=107.0, kind=EventKind.OFFERED, data=rung)
    failed = CallEvent(call_id="081", seq=5, at=108.0, kind=EventKind.OFFER_FAILED, data=rung)
    states = [
        StateChange(operator="1001", at=103.0, state="talking", call_id="081"),
        StateChange(operator="1001", at=110.0, state="calling", call_id=leg),
        StateChange(operator="1002", at=111.0, state="wrap_up", call_id=""),
        StateChange(operator="1001", at=112.0, state="wrap_up", call_id=""),
        StateChange(operator="1001", at=120.0, state="calling", call_id="other"),
    ]
    until = talks_on(states)
    assert until == {leg: 112.0}
    consulting = msgspec.structs.replace(call, events=[*call.events[:3], offered])
    gone = msgspec.structs.replace(call, events=[*call.events[:3], offered, failed])
    late = [late_as_kept({"1001": [113.5]}, [one], talked_on=until) for one in (consulting, gone)]
    assert late == [1500, 3500], "with no agency left there was nobody to talk on with"


@pytest.mark.parametrize(
    ("stalls", "ran"),
    [
        ([], 10.0),
        ([(90.0, 101.0)], 9.0),
        ([(103.0, 104.5), (109.0, 120.0)], 7.5),
        ([(90.0, 100.0), (110.0, 111.0)], 10.0),
        ([(90.0, 120.0)], 0.0),
    ],
)
def test_only_the_time_counts_in_which_the_machine_ran(
    stalls: list[tuple[float, float]], ran: float
) -> None:
    assert ran_s(100.0, 110.0, stalls) == ran


def test_what_was_late_while_the_machine_stood_still_was_not() -> None:
    call, still = a_call("081"), [(110.2, 111.2)]
    late = Sighting(
        operator="1001", call=call.record.call_id, state="talking", asked=111.5, told=112
    )
    assert late_as_seen([late], [call]) == 1500
    assert late_as_seen([late], [call], stalls=still) == 500
    assert late_as_kept({"1001": [111.5]}, [call], stalls=still) == 500
    slow = a_wrap_up(2.4)
    assert wrap_ups(slow) == (1400, set())
    assert wrap_ups(slow, stalls=[(0.0, slow[-1].at - 1.0)]) == (1000, set())
    early = a_wrap_up(0.4)
    assert wrap_ups(early, stalls=[(0.0, early[0].at)]) == (600, set()), "it did not end late"


def test_what_differs_between_a_record_and_its_events_is_told() -> None:
    call = a_call("081")
    other = msgspec.structs.replace(call.record, category="flood", withheld=True)
    (told,) = missing(["081"], [msgspec.structs.replace(call, record=other)])
    assert (
        "category: 'flood', by its events " in told and "withheld: True, by its events None" in told
    )
    assert "talk_ms" not in told
