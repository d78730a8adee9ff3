"""Nobody who calls waits because somebody writes: who has a conversation is rung for calls too."""

from __future__ import annotations

import pytest
from factories import a_call, a_channel, a_leg
from text_desk import TextDesk, rung

from acd.operators.operator import Status
from acd.operators.states import State
from acd.texts.states import TextOutcome, TextState
from acd.texts.words import TAKEN_AWAY
from pbx.ari_types import ChannelDestroyed, StasisEnd, StasisStart


def hang_up(desk: TextDesk, leg: str, now: float) -> None:
    """The operator ends the talk with citizen c1."""
    desk.handle(ChannelDestroyed(a_channel(leg), 16), StasisEnd(a_channel("c1")), now=now)


def test_a_call_is_offered_at_once_to_the_only_operator_who_has_a_text() -> None:
    desk = TextDesk()
    conversation = desk.has()
    call = desk.citizen_talks(now=110.0)
    assert (desk.operator().state, desk.operator().call) == (State.TALKING, call.id)
    desk.phone_writes("0812", "sebentar", now=111.0)
    desk.writes("0812", "cepat", now=112.0)
    assert desk.text_sender.sent[-1].body == "sebentar"
    assert desk.text_sender.shown[-1] == ("101", "0812", "0812: cepat")
    assert conversation.record.state is TextState.TALKING


@pytest.mark.parametrize("engine_dies", [False, True])
@pytest.mark.parametrize("text_first", [False, True])
def test_both_are_ended_in_either_order_also_by_another_engine(
    text_first: bool, engine_dies: bool
) -> None:
    desk = TextDesk()
    desk.has()
    call = desk.citizen_talks(now=105.0)
    leg = call.leg or ""
    if engine_dies:
        bridges = {call.bridge or "": ["c1", leg]}
        desk = desk.next_engine(108.0)
        desk.restore_calls(a_leg(), a_leg(leg, citizen=False), bridges=bridges, now=108.0)
    one = desk.operator()
    (conversation,) = desk.texts.places.by_id.values()
    assert (one.state, one.text) == (State.TALKING, conversation.id)
    if text_first:
        desk.phone_writes("0812", "*17", now=120.0)
        assert (one.state, one.text) == (State.TALKING, None)
        hang_up(desk, leg, 130.0)
        assert one.state is State.WRAP_UP
    else:
        hang_up(desk, leg, 130.0)
        assert (one.state, one.text) == (State.WRAP_UP, conversation.id)
        desk.phone_writes("0812", "*17", now=131.0)
        assert (one.state, one.text) == (State.WRAP_UP, None), "the call's wrap-up goes on"
    assert conversation.record.outcome is TextOutcome.UNANSWERED
    desk.timers.fire(one.wrap_up_until)
    assert one.state is State.IDLE
    assert not desk.texts.places.by_id


def test_a_call_rings_who_has_no_text_first_whoever_is_next_in_line() -> None:
    desk = TextDesk(operators=3)
    desk.has()
    desk.operator("1001").idle_since = 0.0
    rings = [desk.queued(f"c{number}", 100.0 + number) for number in range(3)]
    assert [next(iter(one.legs.values())).operator for one in rings] == ["1002", "1003", "1001"]


def test_who_is_to_have_a_call_comes_after_who_has_no_text() -> None:
    desk = TextDesk(operators=2)
    desk.has()
    call = a_call("c1", desk.journal)
    call.preferred = "1001"
    desk.dispatcher.enqueue(call, 102.0)
    desk.dispatcher.settle(102.0)
    assert next(iter(call.legs.values())).operator == "1002"


def test_a_second_text_waits_and_holds_up_no_call_behind_it() -> None:
    desk = TextDesk(operators=3)
    desk.has()
    for number in range(2):
        desk.queued(f"busy{number}", 100.0)
    second = desk.writes("0899", "tolong", now=101.0)  # three are ready, so that two may read
    desk.dispatcher.settle(101.0)
    assert {one.item.call_id for one in desk.offers.open.values()} == {second.id}
    assert desk.operator("1001").state is State.IDLE, "who has one is not rung for another"
    call = desk.queued("c1", 102.0, category="general")
    assert next(iter(call.legs.values())).operator == "1001"
    assert len(desk.dispatcher.queue) == 1, "the text, of the same category, before the call"


def test_an_operator_in_a_call_has_not_missed_a_text_and_may_answer_after_it() -> None:
    desk = TextDesk(operator_silent_s=60)
    conversation = desk.has()
    call = desk.citizen_talks(now=110.0)
    desk.timers.fire(161.0)
    assert conversation.record.operator == "1001", "nobody else is there"
    hang_up(desk, call.leg or "", 200.0)
    over = desk.operator().wrap_up_until
    desk.timers.fire(over)
    desk.timers.fire(over + 59.0)
    assert conversation.record.operator == "1001", "as long as always after the call"
    desk.timers.fire(over + 60.0)
    desk.timers.fire(over + 66.0)
    assert conversation.record.operator is None
    assert desk.operator().misses == 1


def test_who_misses_a_call_as_well_has_no_longer_for_the_text() -> None:
    desk = TextDesk(operator_silent_s=60)
    conversation = desk.has()
    desk.queued("c1", 125.0)
    until = 125.0 + desk.rules.ring_timeout_s
    desk.timers.fire(until)
    assert (desk.operator().misses, desk.operator().idle_since) == (1, until)
    desk.timers.fire(160.0)
    assert conversation.record.operator is None


def test_a_text_goes_from_who_is_in_a_call_to_who_is_free_and_that_is_no_miss() -> None:
    desk = TextDesk(operators=2, operator_silent_s=60)
    conversation = desk.has()
    desk.roster.pause("1002", "break", 101.0)
    desk.citizen_talks(now=110.0)
    desk.timers.fire(161.0)
    desk.roster.ready("1002", 163.0)
    desk.timers.fire(166.0)
    assert conversation.record.state is TextState.QUEUED
    assert (desk.operator().state, desk.operator().misses) == (State.TALKING, 0)
    assert ("101", "0812", TAKEN_AWAY) in desk.text_sender.shown
    desk.handle(StasisStart(["operator"], a_channel(rung(desk, 167.0))), now=168.0)
    assert conversation.record.operator == "1002"


def test_a_phone_that_cannot_be_written_to_in_a_call_is_no_miss_either() -> None:
    desk = TextDesk()
    conversation = desk.has()
    desk.citizen_talks(now=105.0)
    desk.texts.phone_failed("101", 106.0)
    assert conversation.record.state is TextState.QUEUED
    assert (desk.operator().state, desk.operator().misses) == (State.TALKING, 0)


def test_who_logs_out_gives_the_text_back_and_who_pauses_keeps_it() -> None:
    desk = TextDesk(operators=2)
    conversation = desk.has()
    desk.roster.pause("1001", "meal", 110.0)
    assert conversation.record.operator == "1001"
    desk.roster.logout("1001", 111.0)
    record = conversation.record
    assert (record.state, record.operator, record.waits_since) == (TextState.QUEUED, None, 100.0)
    assert (desk.operator().text, desk.operator().misses) == (None, 0)
    desk.handle(StasisStart(["operator"], a_channel(rung(desk, 112.0))), now=113.0)
    assert record.operator == "1002"


def test_who_logs_in_elsewhere_has_the_text_there() -> None:
    desk = TextDesk(operators=2)
    conversation = desk.has()
    desk.roster.logout("1002", 105.0)
    desk.roster.login("1001", "102", 110.0)
    assert conversation.record.phone == "102"
    assert ("102", "0812", "0812: tolong") in desk.text_sender.shown


def test_whose_seat_another_one_takes_has_the_text_no_more() -> None:
    desk = TextDesk(operators=2)
    conversation = desk.has()
    desk.roster.login("1002", "101", 110.0)
    assert desk.operator("1001").status is Status.LOGGED_OUT
    assert conversation.record.state is TextState.QUEUED


def test_who_logs_out_while_the_phone_rings_for_a_text_gets_none() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong")
    channel = rung(desk)
    desk.roster.logout("1001", 103.0)
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=104.0)
    assert desk.switch.playing()[1] == "text_none"
    assert (conversation.record.state, desk.operator().text) == (TextState.QUEUED, None)


def test_the_next_engine_gives_no_text_to_who_has_logged_out() -> None:
    desk = TextDesk()
    conversation = desk.has()
    desk.operator().text = None  # the engine dies before the conversation is back in the queue
    desk.roster.logout("1001", 110.0)
    assert conversation.record.operator == "1001"
    after = desk.next_engine(120.0)
    (again,) = after.texts.places.by_id.values()
    assert (again.record.state, again.record.operator) == (TextState.QUEUED, None)
    after.roster.login("1001", "101", 121.0)
    assert rung(after, 122.0)
