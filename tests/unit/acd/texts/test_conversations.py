"""Conversations: who writes, who answers, whose turn it is, and what a next engine knows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import examples
import pytest
from factories import a_channel
from hypothesis import given, settings
from hypothesis import strategies as st
from text_desk import TextDesk, rung

from acd.operators.roster import NotLoggedIn
from acd.operators.states import State
from acd.texts.ports import NoOpenText, Received, TextTaken
from acd.texts.states import MessageState, TextOutcome, TextState
from ngalam112.engine.ari_switch import Connected
from pbx.ari_types import ChannelDestroyed, Playback, PlaybackFinished, StasisStart


def bodies(desk: TextDesk) -> list[str]:
    return [one.body for one in desk.text_sender.sent]


def test_the_first_message_opens_a_conversation_and_is_acknowledged() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong", "cepat")
    assert (conversation.record.state, conversation.record.received) == (TextState.QUEUED, 2)
    assert [body[:20] for body in bodies(desk)] == ["112: pesan Anda dite"]
    assert len(desk.texts.places.by_id) == 1


def test_one_number_in_two_spellings_is_one_sender() -> None:
    desk = TextDesk()
    desk.writes("081234567890", "satu")
    one = Received(id="x", at=1.0, number="+6281234567890", body="dua", size=3)
    desk.intake.receive([one, one], 101.0)
    (conversation,) = desk.texts.places.by_id.values()
    assert conversation.record.received == 2, "what is read twice counts once"


def test_who_takes_a_conversation_gets_its_messages_and_answers_by_phone() -> None:
    desk = TextDesk()
    conversation = desk.has()
    assert [text for _, _, text in desk.text_sender.shown][1:] == ["0812: tolong"]
    assert desk.operator().text == conversation.id
    desk.phone_writes("0812", "di mana?")
    assert bodies(desk)[-1] == "di mana?"
    assert conversation.record.answered_at == 110.0
    desk.writes("0812", "Jl. Ijen", now=111.0)
    assert desk.text_sender.shown[-1] == ("101", "0812", "0812: Jl. Ijen")


def test_what_a_phone_writes_to_somebody_else_goes_to_nobody() -> None:
    desk = TextDesk()
    desk.has("0812")
    sent = len(desk.text_sender.sent)
    desk.phone_writes("0899", "salah")
    assert len(desk.text_sender.sent) == sent
    assert "Tidak dikirim" in desk.text_sender.shown[-1][2]


@pytest.mark.parametrize("by_code", [False, True])
def test_the_operator_closes_and_is_free_at_once_and_last_in_line(by_code: bool) -> None:
    desk = TextDesk()
    conversation = desk.has()
    desk.phone_writes("0812", "selesai?")
    if by_code:
        assert desk.texts.close_at("101", 120.0)
    else:
        desk.phone_writes("0812", "*17", now=120.0)
    record = conversation.record
    assert (record.state, record.outcome, record.closed_by) == (
        TextState.CLOSED,
        TextOutcome.ANSWERED,
        "1001",
    )
    one = desk.operator()
    assert (one.state, one.text, one.idle_since) == (State.IDLE, None, 120.0)
    assert not desk.texts.close_at("101", 121.0)
    with pytest.raises(NoOpenText):
        desk.texts.places.find(conversation.id)


def test_a_new_message_after_the_end_opens_another_conversation() -> None:
    desk = TextDesk()
    first = desk.has()
    desk.texts.close(first.id, "1001", "", 120.0)
    assert desk.writes("0812", "lagi", now=130.0).id != first.id


def test_a_silent_operator_loses_the_conversation_and_it_keeps_its_age() -> None:
    desk = TextDesk(operator_silent_s=60)
    conversation = desk.has()
    desk.timers.fire(160.0)
    record = conversation.record
    assert (record.state, record.operator, record.waits_since) == (TextState.QUEUED, None, 100.0)
    one = desk.roster.operators["1001"]
    assert (one.state, one.misses) == (State.IDLE, 1)


def test_a_silent_citizen_is_told_and_let_go() -> None:
    desk = TextDesk(citizen_silent_s=300)
    conversation = desk.has()
    desk.phone_writes("0812", "halo?", now=110.0)
    desk.timers.fire(410.0)
    assert conversation.record.outcome is TextOutcome.CITIZEN_SILENT
    assert "tidak menulis lagi" in bodies(desk)[-1]


def test_who_is_busy_or_second_gets_no_conversation() -> None:
    desk = TextDesk(operators=2)
    conversation = desk.has()
    with pytest.raises(TextTaken, match="1001 has this"):
        desk.texts.take(conversation.id, "1002", 101.0)
    other = desk.writes("0813", "tolong")
    with pytest.raises(TextTaken, match="something else"):
        desk.texts.take(other.id, "1001", 101.0)


def test_an_answer_is_tried_again_told_and_at_last_given_up() -> None:
    desk = TextDesk()
    conversation = desk.has()
    desk.phone_writes("0812", "di mana?")
    message = desk.text_sender.sent[-1]
    now, tries = 111.0, 0
    while message.id in desk.texts.outbox.pending:
        tries += 1
        desk.texts.outbox.settled(message.id, 480, now)
        now += 100.0
        desk.timers.fire(now)
        if conversation.record.state is TextState.CLOSED:
            break
    assert (tries, message.state) == (6, MessageState.FAILED)
    told = [text for _, _, text in desk.text_sender.shown if "di mana?" in text]
    assert ["dicoba lagi" in told[0], "GAGAL" in told[-1], len(told)] == [True, True, 2]


def test_beyond_the_most_open_ones_others_are_held_and_come_in_order() -> None:
    desk = TextDesk(most_open=2)
    some = [desk.writes(f"08{number}", "tolong", now=100.0 + number) for number in range(20, 25)]
    assert [one.record.state for one in some] == [TextState.QUEUED] * 2 + [TextState.HELD] * 3
    assert (desk.texts.places.open, desk.texts.places.held) == (2, 3)
    desk.texts.close(some[0].id, "line", "", 130.0)
    assert some[2].record.state is TextState.QUEUED
    assert (desk.texts.places.open, desk.texts.places.held) == (2, 2)


def test_a_phone_that_cannot_be_written_to_has_the_conversation_no_more() -> None:
    desk = TextDesk()
    conversation = desk.has()
    desk.texts.phone_failed("101", 105.0)
    assert conversation.record.state is TextState.QUEUED


def test_the_next_engine_goes_on_where_this_one_was() -> None:
    desk = TextDesk(operators=2)
    desk.has("0812")
    desk.writes("0813", "waits")
    after = desk.next_engine()
    by_number = {one.record.number: one for one in after.texts.places.by_id.values()}
    assert by_number["0812"].record.state is TextState.TALKING
    assert (after.operator().state, after.operator().text) == (State.IDLE, by_number["0812"].id)
    assert after.texts.holders.of_operator("1001") is by_number["0812"]
    assert {one.author for one in after.text_sender.sent} == {"line"}, "what has no answer yet"
    assert ("101", "0812", "0812: tolong") in after.text_sender.shown, "nobody said it was shown"
    assert after.writes("0812", "lagi", now=201.0) is by_number["0812"]


def a_citizen_writes(desk: TextDesk, which: int, now: float) -> None:
    one = Received(id=f"{now}", at=now, number=f"081{which}", body="x", size=1)
    desk.intake.receive([one], now)


def a_text(desk: TextDesk, which: int) -> str:
    texts = list(desk.texts.places.by_id)
    return texts[which % len(texts)] if texts else "none"


def phones_are_answered(desk: TextDesk, which: int, now: float) -> None:
    for_texts = sorted(desk.offers.channels())
    for channel in [*desk.dispatcher.operator_legs.legs, *for_texts]:
        desk.handle(StasisStart(["operator"], a_channel(channel)), now=now)
    for channel in for_texts:  # which have heard what they are to hear
        desk.handle(ChannelDestroyed(a_channel(channel), 16), now=now)
    for bridge in list(desk.dispatcher.bridges):
        desk.handle(Connected(bridge), now=now)


def a_citizen_calls_and_is_answered(desk: TextDesk, which: int, now: float) -> None:
    desk.citizen(f"c{now}", now)
    desk.press("2", f"c{now}", now)
    phones_are_answered(desk, which, now)


def operators_hang_up(desk: TextDesk, which: int, now: float) -> None:
    for channel in list(desk.dispatcher.operator_legs.legs):
        desk.handle(ChannelDestroyed(a_channel(channel), 16), now=now)


def an_answer_settles(desk: TextDesk, which: int, now: float) -> None:
    for id in list(desk.texts.outbox.pending)[:1]:
        desk.texts.outbox.settled(id, (200, 404, 480, 486)[which], now)


WRITES, TAKES, CALLS = (
    a_citizen_writes,
    lambda desk, which, now: desk.texts.take(a_text(desk, which), f"100{1 + which % 2}", now),
    a_citizen_calls_and_is_answered,
)
STEPS: list[Callable[[TextDesk, int, float], Any]] = [
    *(WRITES, TAKES, CALLS, WRITES, TAKES, CALLS),  # often, for the others need them
    phones_are_answered,
    operators_hang_up,
    an_answer_settles,
    lambda desk, which, now: desk.texts.answer(a_text(desk, which), "1001", "ya", now),
    lambda desk, which, now: desk.texts.close(a_text(desk, which), "1001", "", now),
    lambda desk, which, now: desk.texts.phone_failed(f"10{1 + which % 2}", now),
    lambda desk, which, now: desk.timers.fire(now),
    lambda desk, which, now: desk.roster.logout(f"100{1 + which % 2}", now),
    lambda desk, which, now: desk.roster.login(f"100{1 + which % 2}", f"10{1 + which // 2}", now),
    lambda desk, which, now: desk.roster.pause(f"100{1 + which % 2}", None, now),
]


@settings(max_examples=examples.of(100), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3)), min_size=20, max_size=60))
def test_whatever_happens_each_text_is_counted_and_has_one_operator_at_most(
    steps: list[tuple[Callable[[TextDesk, int, float], Any], int]],
) -> None:
    desk, now = TextDesk(operators=2, most_open=2, burst=3), 100.0
    for step, which in steps:
        now += 7.0
        with suppress(TextTaken, NoOpenText, NotLoggedIn):
            step(desk, which, now)
        desk.dispatcher.settle(now)
        texts, operators = desk.texts.places.by_id.values(), desk.roster.operators.values()
        states = [one.record.state for one in texts]
        assert desk.texts.places.open == sum(state.is_open for state in states)
        assert desk.texts.places.held == states.count(TextState.HELD)
        assert TextState.CLOSED not in states
        had = {(one.record.operator, one.record.phone, one.id) for one in texts}
        had -= {(None, None, one.id) for one in texts if one.record.state is not TextState.TALKING}
        assert had == {(one.id, one.phone, one.text) for one in operators if one.text is not None}


def test_an_operator_is_rung_answers_hears_a_word_and_has_the_conversation() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong")
    channel = rung(desk)
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=105.0)
    assert desk.switch.playing()[1] == "text_taken"
    assert (conversation.record.state, conversation.record.operator) == (TextState.TALKING, "1001")
    assert (desk.operator().state, desk.operator().text) == (State.IDLE, conversation.id)
    assert desk.offers.open == {}
    desk.handle(PlaybackFinished(Playback(desk.switch.playing()[0], "done")), now=107.0)
    assert desk.switch.told("hang_up") == [channel]
    desk.handle(ChannelDestroyed(a_channel(channel), 16), now=107.1)
    assert desk.operator().text == conversation.id, "the conversation goes on without a call"


def test_whom_the_first_operator_does_not_answer_the_next_one_gets_at_once() -> None:
    desk = TextDesk(operators=2)
    conversation = desk.writes("0812", "tolong")
    first = rung(desk)
    desk.timers.fire(150.0)
    desk.timers.fire(150.1)
    second = rung(desk, 150.2)
    assert second != first
    desk.handle(StasisStart(["operator"], a_channel(second)), now=151.0)
    assert conversation.record.operator == "1002"
    assert desk.operator("1001").misses == 1


def test_calls_and_texts_are_served_in_the_order_of_their_arrival() -> None:
    desk = TextDesk()
    desk.talking("c0", 90.0)
    desk.queued("c1", 100.0)
    desk.writes("0812", "tolong", now=101.0)
    desk.queued("c2", 102.0)
    waiting = [type(one).__name__ for one in desk.dispatcher.queue]
    assert waiting == ["Call", "Work", "Call"]


def test_a_conversation_that_is_closed_or_taken_rings_nobody_any_more() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong")
    channel = rung(desk)
    desk.texts.close(conversation.id, "line", "", 103.0)
    assert desk.switch.told("hang_up") == [channel]
    assert desk.operator("1001").state is State.IDLE
    assert desk.offers.open == {}


def test_the_next_engine_rings_on_for_a_conversation() -> None:
    desk = TextDesk()
    desk.writes("0812", "tolong")
    channel = rung(desk)
    after = desk.next_engine()
    assert after.operator("1001").state is State.OFFERED
    after.offers.restored({channel}, 201.0)
    assert [one.record.operator for one in after.texts.places.by_id.values()] == ["1001"]
    assert after.offers.open == {}


def test_while_many_write_half_of_the_operators_are_left_to_those_who_call() -> None:
    desk = TextDesk(operators=5)
    for number in range(20):
        desk.writes(f"08120{number:02}", "tolong", now=100.0)
    desk.dispatcher.settle(100.0)
    assert len(desk.switch.told("ring")) == 3
    idle = [one for one in desk.roster.operators.values() if one.state is State.IDLE]
    assert len(idle) == 2
    desk.handle(StasisStart(["operator"], a_channel(desk.switch.told("ring")[0])), now=101.0)
    assert len(desk.switch.told("ring")) == 3, "who reads counts as well"
    (taken,) = [one for one in desk.texts.places.by_id.values() if one.record.operator is not None]
    desk.texts.close(taken.id, "1001", "", 110.0)
    desk.dispatcher.settle(110.0)
    assert len(desk.switch.told("ring")) == 4


def test_one_that_comes_after_the_operators_have_gone_is_offered_when_they_are_back() -> None:
    desk = TextDesk()
    desk.has("0899", now=90.0)
    desk.writes("0812", "tolong")
    assert desk.switch.told("ring") == []
    desk.texts.close_at("101", 95.0)
    desk.timers.fire(200.0)
    assert rung(desk, 200.0)


def test_who_answers_for_a_conversation_that_nobody_knows_hears_so_and_is_free() -> None:
    desk = TextDesk()
    conversation = desk.writes("0812", "tolong")
    channel = rung(desk)
    del desk.texts.places.by_id[conversation.id]
    desk.handle(StasisStart(["operator"], a_channel(channel)), now=105.0)
    assert desk.switch.playing()[1] == "text_none"
    assert desk.operator("1001").state is State.IDLE
    assert desk.offers.open == {}
