"""A phone that answers and is gone at once has refused: what is kept of the call and of it."""

from __future__ import annotations

from factories import Desk

from acd.calls.call import Call
from acd.calls.record import Outcome
from acd.calls.states import Stage
from acd.operators.states import State
from reports.queue_log import call_lines


def connect(desk: Desk, call: Call, now: float) -> str:
    """The phone that rings for the call answers; return its leg."""
    leg = call.leg
    assert leg is not None
    desk.dispatcher.leg_answered(leg, now)
    assert call.bridge is not None
    desk.dispatcher.connected(call.bridge, now)
    return leg


def dropped(desk: Desk, after_s: float = 0.1) -> Call:
    """A call whose first phone rang for 4 s, answered, and hung up so shortly after that."""
    call = desk.queued(now=100.0)
    leg = connect(desk, call, 104.0)
    desk.dispatcher.leg_gone(leg, 16, 104.0 + after_s)
    desk.dispatcher.settle(104.0 + after_s)
    return call


def exported(desk: Desk, call: Call) -> list[list[str]]:
    """The lines of the queue_log: when, who, what, and the last figures."""
    found = (line.text().split("|") for line in call_lines(call.id, desk.journal.events[call.id]))
    return [[at, agent, event, *data] for at, _, _, agent, event, *data in found]


def test_a_citizen_who_then_gives_up_was_not_answered() -> None:
    desk = Desk()
    call = dropped(desk)
    assert call.stage is Stage.QUEUED
    desk.dispatcher.citizen_gone(call, 16, 280.0)
    record = desk.journal.only()
    assert (record.outcome, record.operator_answered_at) == (Outcome.LOST_QUEUE, None)
    assert (record.operator, record.phone) == (None, None)
    assert (record.wait_ms, record.ring_ms, record.talk_ms) == (180_000, None, None)
    assert [leg.reason for leg in record.legs] == ["refused"]
    assert exported(desk, call) == [
        ["100", "NONE", "ENTERQUEUE", "", "08123", "1"],
        ["104", "Agent/1001", "RINGNOANSWER", "4000"],
        ["280", "NONE", "ABANDON", "1", "1", "180"],
    ]


def test_who_answers_after_that_has_answered() -> None:
    desk = Desk(2)
    call = dropped(desk)
    assert call.operator == "1002"
    connect(desk, call, 110.0)
    desk.dispatcher.citizen_gone(call, 16, 130.0)
    record = desk.journal.only()
    assert (record.outcome, record.operator, record.phone) == (Outcome.ANSWERED, "1002", "102")
    assert (record.operator_answered_at, record.talk_ms) == (110.0, 20_000)
    assert [leg.reason for leg in record.legs] == ["refused", "caller"]
    assert [line[2] for line in exported(desk, call)] == [
        "ENTERQUEUE",
        "RINGNOANSWER",
        "CONNECT",
        "COMPLETECALLER",
    ]


def test_a_phone_that_does_it_again_and_again_misses_more_and_more() -> None:
    desk = Desk()
    call = dropped(desk)
    one = desk.operator()
    assert (one.misses, one.calls_taken, one.state) == (1, 0, State.IDLE)
    desk.timers.fire(120.0)
    leg = connect(desk, call, 121.0)
    desk.dispatcher.leg_gone(leg, 16, 121.2)
    assert (one.misses, one.calls_taken) == (2, 0)
    assert desk.journal.rows["1001"]["calls_taken"] == 0
    desk.timers.fire(140.0)
    leg = connect(desk, call, 141.0)
    desk.dispatcher.leg_gone(leg, 16, 150.0)
    assert (one.misses, one.calls_taken) == (0, 1)


def test_a_talk_of_half_a_second_is_an_answer() -> None:
    desk = Desk()
    call = dropped(desk, after_s=0.5)
    assert (call.stage, desk.journal.only().outcome) == (Stage.ENDED, Outcome.ANSWERED)


def test_who_answered_before_stays_the_one_who_answered() -> None:
    """The second one drops the citizen who was handed over: that undoes no answer of the first."""
    desk = Desk(2)
    call = desk.queued(now=100.0)
    first = connect(desk, call, 104.0)
    for digit in "*2102#*2":
        desk.dispatcher.transfers.pressed(first, digit, 120.0)
    second = next(leg for leg in call.legs if leg != first)
    desk.dispatcher.leg_answered(second, 125.0)
    assert call.bridge is not None
    desk.dispatcher.transfers.joined(call.bridge, second, 125.0)
    desk.dispatcher.leg_gone(second, 16, 125.2)
    record = desk.journal.only()
    assert (record.operator_answered_at, record.operator) == (104.0, "1001")
    assert [(leg.operator, leg.reason) for leg in record.legs] == [
        ("1001", "transferred"),
        ("1002", "refused"),
    ]
    assert desk.operator("1002").calls_taken == 0
