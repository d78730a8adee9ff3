"""Calls that phones have made go on when the engine changes: colleagues', and callbacks."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg

from acd.operators.states import State
from pbx.ari_types import StasisEnd, StasisStart


def called(number: str = "102") -> tuple[LineDesk, str]:
    """The phone 101 has called a colleague; returns whose phone rings."""
    desk = LineDesk(2)
    desk.handle(StasisStart(["number", "101", number], a_channel("phone")), now=100.0)
    return desk, desk.switch.last("ring").to


def next_engine(desk: LineDesk, *legs: str, up: bool = True, now: float = 105.0) -> LineDesk:
    after = desk.next_engine(now)
    after.restore_calls(*(a_leg(one, citizen=False, up=up or one == "phone") for one in legs))
    return after


def test_two_who_talk_are_left_alone_and_end_as_before() -> None:
    desk, leg = called()
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=102.0)
    after = next_engine(desk, "phone", leg)
    assert not {"phone", leg} & set(after.switch.told("hang_up"))
    assert [after.operator(one).state for one in ("1001", "1002")] == [State.CALLING] * 2
    assert {after.switch.whose[leg], *after.switch.whose.values()} == {"phone"}
    after.handle(StasisEnd(a_channel("phone")), now=120.0)
    assert leg in after.switch.told("hang_up")
    assert {after.operator(one).state for one in ("1001", "1002")} == {State.IDLE}
    assert not [key for key in after.journal.facts if key.startswith("operator_call:")]


def test_a_phone_that_rings_rings_on_and_its_answer_counts() -> None:
    desk, leg = called()
    after = next_engine(desk, "phone", leg, up=False)
    assert leg not in after.switch.told("hang_up")
    after.handle(StasisStart(["operator"], a_channel(leg)), now=108.0)
    assert after.switch.last("pair").more == ("phone", leg)


def test_who_answered_while_no_engine_lived_is_connected() -> None:
    desk, leg = called()
    after = next_engine(desk, "phone", leg)
    assert after.switch.last("pair").more == ("phone", leg)


@pytest.mark.parametrize("stays", ["phone", "leg"])
def test_who_is_left_alone_by_then_hears_so_or_is_let_go(stays: str) -> None:
    desk, leg = called()
    after = next_engine(desk, "phone" if stays == "phone" else leg, up=False)
    if stays == "phone":
        assert after.switch.playing()[1] == "transfer_failed"
    else:
        assert leg in after.switch.told("hang_up")
    assert {after.operator(one).state for one in ("1001", "1002")} == {State.IDLE}


def test_ringing_is_given_up_when_it_would_have_been() -> None:
    desk, leg = called()
    after = next_engine(desk, "phone", leg, up=False)
    after.timers.fire(111.9)
    assert leg not in after.switch.told("hang_up")
    after.timers.fire(112.0)
    assert leg in after.switch.told("hang_up")
