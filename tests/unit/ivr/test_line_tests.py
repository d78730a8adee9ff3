"""Test calls: what they are told, how many there may be, and that they touch nothing else."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.record import CallRecord, Outcome, fold
from acd.rules.load_shedding import Level
from acd.work_items.callbacks import owed
from ivr.line_tests import LONGEST_TEST_S, NO_ROOM, PROMPTS, words
from ngalam112.api.metrics import CountingJournal
from ngalam112.engine.ari_switch import RingFailed
from pbx.ari_types import ChannelDestroyed, Playback, PlaybackFinished, StasisStart

ECHO_S = 5.0


def comes(desk: LineDesk, channel: str = "t1", codec: str = "alaw", now: float = 100.0) -> None:
    desk.handle(StasisStart(["test", codec], a_channel(channel)), now=now)


def told(desk: LineDesk, now: float = 120.0) -> str:
    """All was said; returns the leg of the echo."""
    desk.handle(PlaybackFinished(Playback(desk.switch.last("say").more[0], "done")), now=now)
    return desk.switch.last("ring").to


def test_the_number_is_read_digit_by_digit() -> None:
    assert words("+6281", "g722", has_place=True) == [
        "test_intro",
        "test_number",
        *("test_plus", "digit_6", "digit_2", "digit_8", "digit_1"),
        "test_place_known",
        "test_codec_g722",
        "test_echo",
    ]


def test_who_withholds_the_number_is_told_that_it_is_not_seen() -> None:
    assert words("anonymous", "opus", has_place=False)[1:4] == [
        "test_number_unknown",
        "test_place_unknown",
        "test_codec_other",
    ]


@given(st.text(max_size=64), st.text(max_size=20), st.booleans())
def test_whatever_calls_only_prompts_that_exist_are_played(
    number: str, codec: str, has_place: bool
) -> None:
    said = words(number, codec, has_place=has_place)
    assert set(said) <= set(PROMPTS)
    assert len(said) <= 21


def test_a_test_call_is_told_heard_and_hung_up_and_rings_nobody() -> None:
    desk = LineDesk()
    comes(desk)
    assert [did.what for did in desk.switch.did] == ["answer", "say"]
    leg = told(desk)
    assert desk.switch.last("ring").more[0] == "echo:"
    desk.handle(StasisStart(["operator"], a_channel(leg)), now=121.0)
    assert desk.switch.last("pair").more == ("t1", leg)
    assert desk.timers.next() == 121.0 + ECHO_S
    desk.timers.fire(121.0 + ECHO_S)
    assert desk.switch.told("hang_up") == ["t1", leg]
    record = desk.journal.only()
    assert (record.outcome, record.ended_by, record.offers) == (Outcome.TEST, "line", 0)
    assert not desk.router.calls
    assert len(desk.router.line_tests) == 0
    assert desk.router.channels_of_phones() == set()
    assert fold(record.call_id, desk.journal.events[record.call_id]).outcome is Outcome.TEST
    assert desk.journal.facts == {}


@pytest.mark.parametrize("at_echo", [False, True])
def test_the_caller_may_hang_up_at_any_time(at_echo: bool) -> None:
    desk = LineDesk()
    comes(desk)
    if at_echo:
        told(desk)
    desk.handle(ChannelDestroyed(a_channel("t1"), 16), now=130.0)
    record = desk.journal.only()
    assert (record.outcome, record.ended_by, record.ended_at) == (Outcome.TEST, "caller", 130.0)
    assert desk.timers.fire(1000.0) is False


def test_one_whose_words_never_end_is_hung_up() -> None:
    desk = LineDesk()
    comes(desk)
    desk.timers.fire(100.0 + LONGEST_TEST_S + ECHO_S)
    assert desk.switch.told("hang_up") == ["t1"]


def test_without_an_echo_the_call_ends_and_says_so() -> None:
    desk = LineDesk()
    comes(desk)
    desk.handle(RingFailed(told(desk)), now=121.0)
    assert desk.journal.kinds(desk.journal.only().call_id) == ["arrived", "trouble", "ended"]


def test_one_too_many_is_refused_with_503_and_has_no_record() -> None:
    desk = LineDesk()
    for channel in ("t1", "t2", "t3"):
        comes(desk, channel)
    assert desk.switch.last("hang_up") == ("hang_up", "t3", (NO_ROOM,))
    tests = desk.router.line_tests
    assert (len(tests), tests.taken, tests.refused, len(desk.journal.records)) == (2, 2, 1, 2)


def test_while_the_line_is_busy_no_test_call_is_taken() -> None:
    desk = LineDesk()
    desk.dispatcher.load.level = Level.SHEDDING
    comes(desk)
    assert desk.switch.told("hang_up") == ["t1"]


def test_a_test_call_of_an_engine_that_died_gets_an_end_and_is_hung_up() -> None:
    desk = LineDesk()
    record = CallRecord(
        call_id="x", asterisk_id="t9", arrived_at=90.0, outcome=Outcome.TEST, events=1
    )
    desk.router.line_tests.remember(record)
    desk.restore_calls(now=200.0)
    assert (record.outcome, record.ended_at, record.ended_by) == (Outcome.TEST, 200.0, "unknown")


def test_a_test_call_is_in_no_count() -> None:
    class Recorder:
        def call_event(self, *_: object) -> None:
            pass

    desk = LineDesk()
    comes(desk)
    desk.handle(ChannelDestroyed(a_channel("t1"), 16), now=130.0)
    (events,) = desk.journal.events.values()
    counting = CountingJournal(Recorder())  # type: ignore[arg-type]
    record = CallRecord(call_id="x", outcome=Outcome.TEST)
    for event in events:
        counting.call_event(event, record)
    assert (counting.offered, counting.outcomes.total()) == (0, 0)


def test_a_test_call_that_is_cut_off_is_owed_to_nobody() -> None:
    record = CallRecord(call_id="x", outcome=Outcome.TEST, ended_by="line_stopped")
    assert owed(record) is None
