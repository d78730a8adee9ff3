"""Who presses nothing and is not heard gets an operator who knows it; a key makes all the haste."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg
from fakes import Did

from acd.calls.call import Call
from acd.calls.states import Stage
from acd.queueing.citizen_keys import MOST_KEYS
from acd.queueing.notices import Notice
from acd.rules.rules import Announce
from ivr.menu import load_menu
from ngalam112.config.settings import PROJECT
from ngalam112.engine.ari_switch import Connected
from pbx.ari_types import (
    ChannelDestroyed,
    ChannelHangupRequest,
    ChannelTalkingStarted,
    Playback,
    PlaybackFinished,
    StasisStart,
)

SHIPPED = load_menu(PROJECT / "ivr" / "menu.toml")


def prompt_ends(desk: LineDesk, now: float = 105.0) -> None:
    desk.handle(PlaybackFinished(Playback(desk.switch.playing()[0], "done")), now=now)


def a_silent_citizen(desk: LineDesk, channel: str = "c1", now: float = 100.0) -> Call:
    """Has heard the menu, has pressed nothing, and waits."""
    call = desk.citizen(channel, now)
    prompt_ends(desk, now + 5)
    desk.timers.fire(now + 7)
    return call


def listening(desk: LineDesk) -> list[str]:
    return [one.what for one in desk.switch.did if one.what in ("listen", "unlisten")]


def test_a_silent_citizen_waits_with_a_head_start_and_is_asked_to_press_a_key() -> None:
    desk = LineDesk(operators=0, silent_head_start_s=20.0)
    call = a_silent_citizen(desk)
    assert (call.stage, call.silent, call.record.silent) == (Stage.QUEUED, True, True)
    assert call.head_start_s == 20.0
    assert desk.switch.last("say").more[1:] == ("silent_caller",)
    assert listening(desk) == ["listen", "unlisten"]
    # music begins behind the words
    assert [one.what for one in desk.switch.did[-2:]] == ["say", "music"]


def test_who_is_heard_is_not_silent_and_is_listened_to_no_more() -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    prompt_ends(desk)
    desk.handle(ChannelTalkingStarted(a_channel()), now=106.0)
    desk.timers.fire(107.0)
    assert (call.stage, call.silent, call.record.silent) == (Stage.QUEUED, False, False)
    assert listening(desk) == ["listen", "unlisten"]
    assert "say" not in [one.what for one in desk.switch.did[3:]]


@pytest.mark.parametrize("later", [False, True])
def test_who_presses_a_key_is_not_silent(later: bool) -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    if later:
        prompt_ends(desk)
    desk.press("2", now=106.0)
    assert (call.record.category, call.silent) == ("police", False)
    assert listening(desk) == (["listen", "unlisten"] if later else [])


def test_nobody_is_listened_to_who_hung_up() -> None:
    desk = LineDesk(operators=0)
    desk.citizen()
    prompt_ends(desk)
    desk.handle(ChannelTalkingStarted(a_channel("c9")), now=106.0)  # of nobody whom we know


def test_the_operator_sees_that_the_citizen_is_silent() -> None:
    desk = LineDesk(1)
    a_silent_citizen(desk)
    assert desk.switch.last("ring").more[1] == ("UMUM DIAM 08123", "08123")


def test_a_key_of_a_silent_citizen_goes_before_all_others_and_is_noted() -> None:
    desk = LineDesk(operators=0)
    desk.citizen("c0", 90.0)
    desk.press("3", "c0", 91.0)
    call = a_silent_citizen(desk)
    desk.press("7", now=110.0)
    assert [one.channel for one in desk.dispatcher.queue] == ["c1", "c0"]
    event = desk.journal.events[call.id][-1]
    assert (event.kind, event.at) == ("key", 110.0)
    assert event.data == {"digit": "7", "stage": "queued"}
    desk.press("7", now=111.0)
    assert desk.dispatcher.queue.position(call) == 1


def test_a_key_of_who_is_not_silent_changes_nothing_while_waiting() -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    desk.press("2", now=101.0)
    events = call.record.events
    desk.press("2", now=102.0)
    assert (call.aged, call.record.events) == (False, events)


def test_a_key_while_the_phone_rings_counts_if_nobody_answers() -> None:
    desk = LineDesk(1)
    call = a_silent_citizen(desk)
    desk.press("1", now=108.0)
    assert (call.stage, call.aged) == (Stage.RINGING, True)
    desk.handle(Connected("nothing"), now=109.0)
    desk.dispatcher.leg_gone(call.leg or "", 21, 110.0)
    desk.dispatcher.settle(110.0)
    assert desk.dispatcher.queue.position(call) == 1


@pytest.mark.parametrize(("digit", "means"), [("4", "yes"), ("5", "no"), ("9", ""), ("#", "")])
def test_keys_in_a_talk_are_answers_with_their_time(digit: str, means: str) -> None:
    desk = LineDesk(1)
    call = desk.citizen_talks(now=110.0)
    desk.press(digit, now=112.5)
    event = desk.journal.events[call.id][-1]
    assert (event.kind, event.at) == ("key", 112.5)
    assert event.data == {"digit": digit, "stage": "talking", "means": means}
    assert not call.aged


def test_a_machine_that_presses_for_ever_is_noted_for_a_while_only() -> None:
    desk = LineDesk(1)
    call = desk.citizen_talks(now=110.0)
    before = call.record.events
    for number in range(MOST_KEYS + 50):
        desk.press("4", now=111.0 + number / 100)
    assert call.record.events == before + MOST_KEYS


def test_the_next_engine_knows_who_is_silent_and_who_has_pressed() -> None:
    desk = LineDesk(operators=0)
    a_silent_citizen(desk)
    desk.press("1", now=108.0)
    after = desk.next_engine(now=109.0)
    after.restore_calls(a_leg(), now=109.0)
    call = after.router.calls["c1"]
    assert (call.silent, call.aged, call.record.silent) == (True, True, True)
    assert after.dispatcher.queue.position(call) == 1
    assert "say" not in [one.what for one in after.switch.did], "asked once"


def test_an_engine_that_dies_before_it_has_asked_leaves_that_to_the_next_one() -> None:
    desk = LineDesk(operators=0)
    call = a_silent_citizen(desk)
    call.ask_for_key = True  # the words had not been asked for yet
    call.keep()
    after = desk.next_engine(now=109.0)
    after.restore_calls(a_leg(), now=109.0)
    assert after.switch.last("say").more[1:] == ("silent_caller",)


def test_the_next_engine_goes_on_listening() -> None:
    desk = LineDesk(operators=0)
    desk.citizen()
    prompt_ends(desk)
    after = desk.next_engine(now=106.0)
    after.restore_calls(a_leg(), now=106.0)
    assert listening(after) == ["unlisten", "listen"], "what was heard meanwhile is told again"
    after.handle(ChannelTalkingStarted(a_channel()), now=106.5)
    after.timers.fire(107.0)
    assert after.router.calls["c1"].record.silent is False


def test_a_silent_citizen_who_is_answered_at_once_hears_no_question() -> None:
    desk = LineDesk(1)
    call = a_silent_citizen(desk)
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")), now=108.0)
    stopped = desk.switch.last("stop")
    assert stopped == Did("stop", desk.switch.playing()[0])


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("", ("silent_caller", "jv/silent_caller", "en/silent_caller")),
        ("en", ("en/silent_caller",)),
    ],
)
def test_who_is_silent_is_asked_in_each_language_or_in_the_one_that_the_trunk_told(
    told: str, asked: tuple[str, ...]
) -> None:
    desk = LineDesk(operators=0, announce=Announce(silent=SHIPPED.silent_prompts()))
    desk.handle(StasisStart(["citizen", "", told], a_channel()), now=100.0)
    prompt_ends(desk)
    desk.timers.fire(107.0)
    assert desk.switch.last("say").more[1:] == asked


def test_who_has_chosen_a_language_by_a_key_is_not_silent() -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    desk.press("8")
    prompt_ends(desk)
    desk.timers.fire(107.0)
    assert (call.stage, call.silent, call.record.language) == (Stage.QUEUED, False, "en")
    assert listening(desk) == []


@pytest.mark.parametrize("later", [False, True])
def test_who_is_silent_hears_no_notice_so_that_no_key_has_two_meanings(later: bool) -> None:
    desk = LineDesk(operators=0)
    notice = Notice(id="n1", begins=90.0, ends=1000.0, seconds={"id": 1.0})
    notices = desk.dispatcher.announcements.notices
    if not later:
        notices.set(notice, 90.0)
    call = a_silent_citizen(desk)
    if later:
        notices.set(notice, 108.0)
    desk.handle(PlaybackFinished(Playback(call.words or "", "done")), now=111.0)
    desk.press("1", now=112.0)
    assert desk.switch.last("say").more[1:] == ("silent_caller",)
    assert (call.notices, call.aged, call.record.wants_callback) == ((), True, False)
    desk.handle(ChannelHangupRequest(a_channel(), 16), now=113.0)
    desk.handle(ChannelDestroyed(a_channel(), 16), now=113.0)
    assert call.record.outcome == "lost_queue", "and is owed a callback"


def test_the_shipped_menu_asks_in_each_language() -> None:
    assert SHIPPED.silent_prompts() == ("silent_caller", "jv/silent_caller", "en/silent_caller")
