"""A call that rings for several operators at once: what its record tells of them."""

from __future__ import annotations

import pytest
from factories import Desk

from acd.calls.call import Call, Leg
from acd.calls.record import Outcome
from acd.rules.rules import Category


@pytest.fixture
def desk() -> Desk:
    return Desk(operators=3, categories={"police": Category("POLISI", strategy="ring-all")})


def leg_of(call: Call, operator: str) -> Leg:
    return next(leg for leg in call.legs.values() if leg.operator == operator)


def test_who_refused_is_not_charged_with_the_loss(desk: Desk) -> None:
    call = desk.queued(now=100.0)
    assert len(call.legs) == 3
    for refuses in ("1003", "1002"):
        desk.dispatcher.leg_gone(leg_of(call, refuses).id, 21, 103.0)
    desk.dispatcher.citizen_gone(call, 16, 110.0)
    record = desk.journal.only()
    assert (record.outcome, record.operator, record.phone) == (
        Outcome.LOST_RINGING,
        "1001",
        "101",
    )


def test_nobody_is_charged_while_it_rings_for_several(desk: Desk) -> None:
    call = desk.queued(now=100.0)
    desk.dispatcher.leg_gone(leg_of(call, "1003").id, 21, 103.0)
    desk.dispatcher.citizen_gone(call, 16, 110.0)
    record = desk.journal.only()
    assert (record.outcome, record.operator) == (Outcome.LOST_RINGING, None)


def test_the_ringing_before_the_answer_is_known(desk: Desk) -> None:
    call = desk.queued(now=100.0)
    desk.dispatcher.leg_answered(leg_of(call, "1002").id, 104.0)
    assert call.bridge is not None
    desk.dispatcher.connected(call.bridge, 104.5)
    record = desk.journal.only()
    assert (record.operator, record.ring_ms) == ("1002", 4500)
