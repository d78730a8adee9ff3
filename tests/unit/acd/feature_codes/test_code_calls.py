"""What operators dial is done, and answered in words; what is wrong is said in words as well."""

from __future__ import annotations

import pytest
import structlog
from factories import OFTEN, THE_DISTRIBUTION, LineDesk, a_channel, a_phone, an_operator
from hypothesis import given
from hypothesis import strategies as st

from acd.feature_codes.code_calls import PROMPTS
from acd.operators.operator import Status
from acd.operators.states import State
from acd.texts.ports import PROMPTS as TEXT_PROMPTS
from ngalam112.config.settings import PROJECT
from ngalam112.engine.ari_switch import SayFailed
from pbx.ari_types import (
    ChannelDestroyed,
    ChannelDtmfReceived,
    Playback,
    PlaybackFinished,
    StasisStart,
)


def a_desk(**changes: object) -> LineDesk:
    """One phone; operator 1001 with the PIN 4321, not on duty unless told so."""
    desk = LineDesk()
    one = desk.operator()
    one.pin_hash, one.status, one.phone = "4321", Status.LOGGED_OUT, None
    for name, value in changes.items():
        setattr(one, name, value)
    return desk


def dial(desk: LineDesk, code: str, phone: str = "101", now: float = 100.0) -> str:
    """Dial a code; returns the prompt that is heard."""
    desk.handle(StasisStart(["code", phone, code], a_channel("code")), now=now)
    return desk.switch.playing()[1]


@pytest.mark.parametrize("code", ["*11", "*11#", "*111001*4321", "*111001*4321#"])
def test_logging_in_by_ones_own_phone_or_by_number_and_pin(code: str) -> None:
    desk = a_desk(home_phone="101")
    assert dial(desk, code) == "operator_logged_in"
    assert (desk.operator().status, desk.operator().phone) == (Status.READY, "101")


@pytest.mark.parametrize("code", ["*111001*0000", "*111002*4321"])
def test_a_wrong_pin_and_an_unknown_operator_sound_the_same_and_change_nothing(code: str) -> None:
    desk = a_desk()
    assert dial(desk, code) == "operator_unknown"
    assert desk.operator().status is Status.LOGGED_OUT


def test_a_phone_that_the_line_does_not_know_logs_nobody_in() -> None:
    desk = a_desk()
    assert dial(desk, "*111001*4321", phone="199") == "operator_unknown"
    assert desk.operator().status is Status.LOGGED_OUT


@pytest.mark.parametrize(
    ("code", "prompt", "status"),
    [
        ("*12", "operator_logged_out", Status.LOGGED_OUT),
        ("*13", "operator_paused", Status.PAUSED),
        ("*14", "operator_ready", Status.READY),
        ("*14#", "operator_ready", Status.READY),
        ("*131", "operator_paused_break", Status.PAUSED),
        ("*15", "operator_no_wrap_up", Status.PAUSED),
    ],
)
def test_the_codes_of_who_is_logged_in(code: str, prompt: str, status: Status) -> None:
    desk = a_desk(status=Status.PAUSED, phone="101")
    assert dial(desk, code) == prompt
    assert desk.operator().status is status


@pytest.mark.parametrize("code", ["*12", "*13", "*131", "*139", "*14", "*15"])
def test_who_is_not_logged_in_is_told_so(code: str) -> None:
    assert dial(a_desk(), code) == "operator_not_logged_in"


def test_an_operator_who_logs_in_gets_the_waiting_call_at_once() -> None:
    desk = a_desk()
    desk.queued()
    assert desk.switch.all("ring") == []
    dial(desk, "*111001*4321")
    assert desk.switch.last("ring").more[0] == "101"


def test_ready_after_a_talk_takes_the_next_call_before_wrap_up_is_over() -> None:
    desk = LineDesk(wrap_up_s=60.0)
    call = desk.talking()
    desk.dispatcher.leg_gone(call.leg or "", 16, 110.0)
    desk.queued("c2", 111.0)
    assert desk.operator().state is State.WRAP_UP
    dial(desk, "*14", now=112.0)
    assert desk.operator().state is State.OFFERED


def test_a_code_call_is_answered_spoken_to_and_hung_up() -> None:
    desk = a_desk()
    dial(desk, "*99")
    playback, prompt = desk.switch.playing()
    assert prompt == "code_unknown"
    assert [did.what for did in desk.switch.did] == ["answer", "say"]
    desk.handle(PlaybackFinished(Playback(playback, "done")))
    desk.handle(PlaybackFinished(Playback(playback, "done")))
    assert desk.switch.told("hang_up") == ["code"]


def test_a_code_call_whose_words_cannot_be_played_is_hung_up_all_the_same() -> None:
    desk = a_desk(status=Status.READY, phone="101")
    dial(desk, "*13")
    desk.handle(SayFailed(desk.switch.playing()[0]))
    assert desk.switch.told("hang_up") == ["code"]
    assert desk.operator().status is Status.PAUSED


def test_a_phone_that_hangs_up_before_the_words_have_ended_still_meant_it() -> None:
    desk = a_desk(status=Status.READY, phone="101")
    dial(desk, "*12")
    desk.handle(ChannelDestroyed(a_channel("code"), 16))
    assert desk.operator().status is Status.LOGGED_OUT
    assert desk.journal.events == {}


@OFTEN
@given(st.text(max_size=40) | st.text("0123456789*#", max_size=40))
def test_whatever_a_phone_dials_it_is_answered_with_a_prompt_that_exists(code: str) -> None:
    prompt = dial(a_desk(home_phone="102"), code)
    assert prompt in {*PROMPTS, *TEXT_PROMPTS, *THE_DISTRIBUTION.prompts()}
    assert (PROJECT / "ivr" / "prompts" / "id" / f"{prompt}.txt").is_file()


@OFTEN
@given(st.text("0123456789*#", max_size=20).filter(lambda code: "4321" not in code))
def test_nobody_is_logged_in_at_a_strange_phone_without_the_pin(code: str) -> None:
    desk = a_desk(home_phone="102")
    dial(desk, "*11" + code)
    assert desk.operator().status is Status.LOGGED_OUT


def test_after_three_wrong_pins_the_phone_waits_a_minute_even_for_the_right_one() -> None:
    desk = a_desk()
    for turn in range(3):
        dial(desk, "*111001*0000", now=100.0 + turn)
    assert dial(desk, "*111001*4321", now=161.9) == "code_waits"
    assert desk.operator().status is Status.LOGGED_OUT
    assert dial(desk, "*111001*4321", now=162.1) == "operator_logged_in"


def test_a_right_pin_forgives_the_wrong_ones() -> None:
    desk = a_desk()
    for code in ("*111001*0000", "*111001*0000", "*111001*4321", "*111001*0000"):
        dial(desk, code)
    assert dial(desk, "*111001*4321") == "operator_logged_in"


# --- pauses with a reason, wrap-up ------------------------------------------------------------


@pytest.mark.parametrize(
    ("digit", "name"), [(digit, one.name) for digit, one in THE_DISTRIBUTION.pause_reasons.items()]
)
def test_a_digit_behind_the_pause_is_its_reason_and_is_spoken(digit: str, name: str) -> None:
    desk = a_desk(status=Status.READY, phone="101")
    assert dial(desk, f"*13{digit}") == f"operator_paused_{name}"
    assert (desk.operator().status, desk.operator().pause_reason) == (Status.PAUSED, name)
    assert desk.journal.operator_events[-1][2:] == ("pause", "101", name)


@pytest.mark.parametrize("code", ["*139", "*130", "*1312", "*13111111111111111111"])
def test_an_unknown_reason_is_told_and_changes_nothing(code: str) -> None:
    desk = a_desk(status=Status.READY, phone="101")
    assert dial(desk, code) == "code_reason_unknown"
    assert desk.operator().status is Status.READY
    assert desk.journal.operator_events == []


def test_wrap_up_grows_three_times_and_then_no_more() -> None:
    desk = LineDesk(wrap_up_s=10.0)
    call = desk.talking()
    desk.dispatcher.leg_gone(call.leg or "", 16, 110.0)
    said = [dial(desk, "*15", now=111.0) for _ in range(4)]
    assert said == ["operator_wrap_up_longer"] * 3 + ["operator_wrap_up_longest"]
    assert desk.operator().wrap_up_until == 110.0 + 10.0 + 3 * 30.0
    desk.timers.fire(209.9)
    assert desk.operator().state is State.WRAP_UP
    desk.timers.fire(210.0)
    assert desk.operator().state is State.IDLE


# --- the dialogue -----------------------------------------------------------------------------


def press(desk: LineDesk, keys: str, now: float = 101.0, channel: str = "code") -> str:
    """Press keys in a call to a code; returns the prompt that is heard then."""
    for key in keys:
        desk.handle(ChannelDtmfReceived(key, a_channel(channel)), now=now)
    return desk.switch.playing()[1]


def left_behind(desk: LineDesk) -> tuple[int, int]:
    """Calls to codes, and words in them, that are still known."""
    return len(desk.codes), len(desk.codes._playbacks)


def test_a_phone_of_nobodys_own_asks_who_it_is_and_logs_in() -> None:
    desk = a_desk()
    assert dial(desk, "*11") == "code_operator"
    assert press(desk, "1001#") == "code_pin"
    assert press(desk, "4321#") == "operator_logged_in"
    assert (desk.operator().status, desk.operator().phone) == (Status.READY, "101")
    desk.handle(PlaybackFinished(Playback(desk.switch.playing()[0], "done")))
    assert desk.switch.told("hang_up") == ["code"]
    assert left_behind(desk) == (0, 0) and desk.timers.next() is None


def test_the_next_shift_at_a_shared_phone_logs_the_one_before_out() -> None:
    desk = a_desk(home_phone="101")
    desk.roster.add_operator(an_operator("1002", phone="101", home_phone="101", pin_hash="8642"))
    assert dial(desk, "*11") == "code_operator"
    press(desk, "1001#4321#")
    assert desk.operator("1002").status is Status.LOGGED_OUT
    assert desk.roster.at_phone("101") is desk.operator("1001")


def test_the_owner_of_a_phone_needs_no_words_even_if_another_sits_there() -> None:
    desk = a_desk(home_phone="101")
    desk.roster.add_operator(an_operator("1002", phone="101"))
    assert dial(desk, "*11") == "operator_logged_in"
    assert desk.roster.at_phone("101") is desk.operator("1001")
    assert desk.operator("1002").status is Status.LOGGED_OUT


def test_three_seconds_without_a_key_do_as_well_as_the_hash() -> None:
    desk = a_desk()
    dial(desk, "*11")
    press(desk, "1001", now=101.0)
    desk.timers.fire(104.0)
    assert press(desk, "4321", now=105.0) == "code_pin"
    desk.queued("c2", 106.0)
    desk.timers.fire(108.0)
    assert desk.operator().status is Status.READY
    assert desk.switch.last("ring").more[0] == "101", "the call that waited rings at once"


def test_silence_is_told_and_then_hung_up() -> None:
    desk = a_desk()
    dial(desk, "*11")
    desk.handle(PlaybackFinished(Playback(desk.switch.playing()[0], "done")), now=102.0)
    desk.timers.fire(111.9)
    assert desk.switch.playing()[1] == "code_operator"
    desk.timers.fire(112.0)
    assert desk.switch.playing()[1] == "code_silence"
    desk.handle(SayFailed(desk.switch.playing()[0]), now=113.0)
    assert desk.switch.told("hang_up") == ["code"]
    assert left_behind(desk) == (0, 0) and desk.timers.next() is None


def test_last_words_whose_end_is_never_told_do_not_keep_the_leg() -> None:
    desk = a_desk()
    dial(desk, "*99")
    desk.timers.fire(200.0)
    assert desk.switch.told("hang_up") == ["code"]
    assert left_behind(desk) == (0, 0)


def test_a_key_cuts_the_question_off_but_not_the_last_words() -> None:
    desk = a_desk()
    dial(desk, "*11")
    question = desk.switch.playing()[0]
    press(desk, "1")
    assert desk.switch.told("stop") == [question]
    press(desk, "001#4321#")
    stopped = len(desk.switch.all("stop"))
    assert press(desk, "123#*") == "operator_logged_in"
    assert len(desk.switch.all("stop")) == stopped


def test_a_wrong_pin_asks_again_and_the_third_one_lets_the_phone_wait() -> None:
    desk = a_desk()
    dial(desk, "*11")
    assert press(desk, "1001#0000#") == "code_again"
    assert press(desk, "1009#4321#") == "code_again", "no such operator sounds the same"
    with structlog.testing.capture_logs() as logged:
        assert press(desk, "1001#0000#") == "code_waits"
    assert [one["event"] for one in logged] == ["wrong_pin", "phone_waits"]
    assert dial(desk, "*11", now=160.9) == "code_waits"
    assert dial(desk, "*111001*4321", now=160.9) == "code_waits"
    assert desk.operator().status is Status.LOGGED_OUT
    assert dial(desk, "*11", now=161.1) == "code_operator"
    assert press(desk, "1001#4321#", now=162.0) == "operator_logged_in"


def test_a_phone_waits_while_another_one_does_not() -> None:
    desk = a_desk()
    desk.roster.add_phone(a_phone("102"))
    dial(desk, "*11")
    press(desk, "1001#0000#1001#0000#1001#0000#")
    assert dial(desk, "*111001*4321", phone="102", now=102.0) == "operator_logged_in"


@pytest.mark.parametrize("keys", ["", "10", "1001#", "1001#43", "1001#0000#", "1001#0000#1001#4"])
def test_a_phone_that_hangs_up_in_the_dialogue_leaves_nothing_behind(keys: str) -> None:
    desk = a_desk()
    dial(desk, "*11")
    press(desk, keys)
    desk.handle(ChannelDestroyed(a_channel("code"), 16))
    assert left_behind(desk) == (0, 0) and desk.timers.next() is None
    did = len(desk.switch.did)
    press(desk, "4321#")
    desk.timers.fire(1000.0)
    assert len(desk.switch.did) == did
    assert desk.operator().status is Status.LOGGED_OUT


def test_two_phones_in_the_dialogue_do_not_hear_each_others_keys() -> None:
    desk = a_desk()
    desk.roster.add_phone(a_phone("102"))
    desk.roster.add_operator(an_operator("1002", status=Status.LOGGED_OUT, pin_hash="8642"))
    for phone in ("101", "102"):
        desk.handle(StasisStart(["code", phone, "*11"], a_channel(f"code{phone}")))
    for one, two in zip("1001#4321#", "1002#8642#", strict=True):
        press(desk, one, channel="code101")
        press(desk, two, channel="code102")
    assert desk.roster.at_phone("101") is desk.operator("1001")
    assert desk.roster.at_phone("102") is desk.operator("1002")


def test_neither_the_log_nor_the_journal_ever_has_a_pin() -> None:
    desk = a_desk(pin_hash="86421357")
    with structlog.testing.capture_logs() as logged:
        dial(desk, "*11")
        press(desk, "97531#86421350#86421357#86421357#1001#86421350#")
        dial(desk, "*111001*86421350", now=500.0)
        dial(desk, "*11", now=501.0)
        press(desk, "1001#86421357#", now=501.0)
    assert desk.operator().status is Status.READY
    kept = repr((logged, desk.journal.operator_events, desk.codes._calls))
    assert "wrong_pin" in kept
    assert "86421" not in kept and "97531" not in kept


NOISE = st.lists(
    st.tuples(st.sampled_from([*"0123456789*#", "end", "hangup", "*11", "tick"]), st.floats(0, 20)),
    max_size=60,
)


@OFTEN
@given(NOISE)
def test_no_noise_at_all_logs_anybody_in_without_the_pin(noise: list[tuple[str, float]]) -> None:
    desk, now = a_desk(pin_hash="never"), 100.0  # no keys can be this PIN
    dial(desk, "*11")
    for what, later in noise:
        now += later
        desk.timers.fire(now)
        if what == "end":
            desk.handle(PlaybackFinished(Playback(desk.switch.playing()[0], "done")), now=now)
        elif what == "hangup":
            desk.handle(ChannelDestroyed(a_channel("code"), 16), now=now)
        elif what == "*11":
            dial(desk, "*11", now=now)
        elif what != "tick":
            press(desk, what, now=now)
    assert desk.operator().status is Status.LOGGED_OUT
    desk.timers.fire(now + 200.0)
    desk.timers.fire(now + 400.0)
    assert left_behind(desk) == (0, 0) and desk.timers.next() is None
