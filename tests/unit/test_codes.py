"""What operators dial is done, and answered in words; what is wrong is said in words as well."""

from __future__ import annotations

import pytest
from factories import OFTEN, LineDesk, a_channel
from hypothesis import given
from hypothesis import strategies as st

from acd.codes import PROMPTS
from acd.operators import State, Status
from ngalam112.settings import PROJECT
from ngalam112.switch import SayFailed
from pbx.ari_types import ChannelDestroyed, Playback, PlaybackFinished, StasisStart


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


@pytest.mark.parametrize("code", ["*111001*0000", "*111002*4321", "*11"])
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
    ],
)
def test_the_codes_of_who_is_logged_in(code: str, prompt: str, status: Status) -> None:
    desk = a_desk(status=Status.PAUSED, phone="101")
    assert dial(desk, code) == prompt
    assert desk.operator().status is status


@pytest.mark.parametrize("code", ["*12", "*13", "*14"])
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
    assert prompt in PROMPTS
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
    assert dial(desk, "*111001*4321", now=161.9) == "operator_unknown"
    assert desk.operator().status is Status.LOGGED_OUT
    assert dial(desk, "*111001*4321", now=162.1) == "operator_logged_in"


def test_a_right_pin_forgives_the_wrong_ones() -> None:
    desk = a_desk()
    for code in ("*111001*0000", "*111001*0000", "*111001*4321", "*111001*0000"):
        dial(desk, code)
    assert dial(desk, "*111001*4321") == "operator_logged_in"
