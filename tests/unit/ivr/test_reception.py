"""The reception lets the session decide, and keeps audio, timers and records in step with it."""

from __future__ import annotations

import pytest
from factories import OFTEN, THE_MENU, LineDesk, a_channel, a_leg
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.calls.record import CategorySource, EventKind, Outcome, fold
from acd.calls.states import Stage
from acd.rules.load_shedding import Level
from ngalam112.engine.ari_switch import SayFailed
from pbx.ari_types import (
    ChannelDestroyed,
    ChannelHangupRequest,
    Playback,
    PlaybackFinished,
    StasisStart,
)


def ended(desk: LineDesk, state: str = "done", now: float = 105.0) -> None:
    """What was begun last has come to its end."""
    desk.handle(PlaybackFinished(Playback(desk.switch.playing()[0], state)), now=now)


def test_a_citizen_is_answered_and_asked() -> None:
    desk = LineDesk()
    call = desk.citizen()
    assert [did.what for did in desk.switch.did] == ["answer", "say"]
    assert desk.switch.playing()[1] == "menu"
    assert (call.stage, len(desk.reception)) == (Stage.MENU, 1)
    assert desk.timers.next() == 100.0 + THE_MENU.limit_s


def test_a_digit_stops_the_audio_at_once_and_rings_an_operator() -> None:
    desk = LineDesk()
    call = desk.citizen()
    playback, _ = desk.switch.playing()
    desk.press("3")
    assert [did.what for did in desk.switch.did] == ["answer", "say", "stop", "ring", "music"]
    assert desk.switch.told("stop") == [playback]
    assert desk.switch.last("ring").more[1] == ("KEBAKARAN 08123", "08123")
    assert desk.journal.kinds(call.id) == ["arrived", "digit", "menu_done", "queued", "offered"]
    assert (call.record.category, call.record.category_source) == ("fire", CategorySource.MENU)
    assert len(desk.reception) == 0


def test_silence_after_the_prompt_leads_to_an_operator_when_its_time_is_up() -> None:
    desk = LineDesk()
    call = desk.citizen()
    ended(desk, now=105.0)
    assert desk.timers.next() == 107.0
    desk.timers.fire(107.0)
    assert call.stage is Stage.RINGING
    assert call.record.category_source is CategorySource.SILENCE
    assert call.record.menu_done_at == 107.0


def in_silence(desk: LineDesk) -> Call:
    """Nobody acknowledges, and the prompt is over; the silence after it ends at 107.0."""
    desk.reception.unacknowledged = lambda call: desk.journal.facts.get("acked") is None
    call = desk.citizen()
    ended(desk, now=105.0)
    desk.timers.fire(107.0)
    assert (call.stage, call.record.menu_done_at) == (Stage.MENU, None)
    assert desk.switch.told("ring") == []
    return call


def test_who_is_silent_and_never_acknowledges_rings_nobody_until_that_is_over() -> None:
    desk = LineDesk()
    call = in_silence(desk)
    for now in (109.0, 111.0):
        assert desk.timers.next() == now
        desk.timers.fire(now)
        assert call.stage is Stage.MENU
    desk.journal.keep("acked", True)
    desk.timers.fire(113.0)
    assert call.stage is Stage.RINGING
    assert (call.silent, call.record.menu_done_at) == (True, 113.0)


def test_a_line_that_is_late_does_not_wait_for_an_ack_that_it_may_have_lost() -> None:
    desk = LineDesk()
    call = in_silence(desk)
    desk.dispatcher.load.level = Level.SHEDDING
    desk.timers.fire(109.0)
    assert (call.stage, call.silent) == (Stage.RINGING, True)


@pytest.mark.parametrize("how", ["a key", "a voice"])
def test_whoever_gives_a_sign_is_no_longer_waited_for(how: str) -> None:
    desk = LineDesk()
    call = in_silence(desk)
    if how == "a key":
        desk.press("3", now=108.0)
    else:
        desk.reception.heard(call, 108.0)
        desk.timers.fire(108.0)
    assert call.stage is Stage.RINGING
    assert not call.silent


def test_a_wrong_digit_stops_the_prompt_whose_end_then_means_nothing() -> None:
    desk = LineDesk()
    call = desk.citizen()
    first, _ = desk.switch.playing()
    desk.press("9")
    assert desk.switch.told("stop") == [first]
    assert desk.switch.playing()[1] == "menu_retry"
    desk.handle(PlaybackFinished(Playback(first, "failed")))
    assert call.stage is Stage.MENU
    assert "trouble" not in desk.journal.kinds(call.id)
    assert desk.timers.next() == 100.0 + THE_MENU.limit_s


@pytest.mark.parametrize("how", ["told as an event", "told as an answer"])
def test_a_prompt_that_cannot_be_played_is_trouble_on_record_and_leads_to_an_operator(
    how: str,
) -> None:
    desk = LineDesk()
    call = desk.citizen()
    if how == "told as an event":
        ended(desk, "failed")
    else:
        desk.handle(SayFailed(desk.switch.playing()[0]))
    assert call.stage is Stage.RINGING
    assert call.record.category_source is CategorySource.NONE
    assert "trouble" in desk.journal.kinds(call.id)


def informed(desk: LineDesk) -> Call:
    """A citizen who hears the information on covid since 105."""
    call = desk.citizen()
    desk.press("1")
    desk.press("1")
    assert (call.stage, desk.switch.playing()[1]) == (Stage.INFORMATION, "information_keys")
    ended(desk, now=105.0)
    assert desk.switch.playing()[1] == "info_covid"
    return call


def heard(desk: LineDesk, call: Call) -> list[dict[str, object]]:
    """What the record says was heard."""
    events = desk.journal.events[call.id]
    return [one.data for one in events if one.kind is EventKind.INFORMATION_HEARD]


COVID = {"information": "covid", "prompt": "info_covid"}


def test_information_is_told_on_record_and_ends_with_an_operator() -> None:
    desk = LineDesk()
    call = informed(desk)
    ended(desk, now=125.5)
    assert desk.switch.playing()[1] == "information_end"
    ended(desk, now=130.0)
    desk.timers.fire(132.9)
    assert call.stage is Stage.INFORMATION
    desk.timers.fire(133.0)
    assert call.stage is Stage.RINGING
    assert desk.journal.kinds(call.id).count("menu_done") == 1
    assert (call.record.menu_done_at, call.record.queued_at) == (101.0, 133.0)
    assert heard(desk, call) == [{**COVID, "ms": 20_500, "whole": True}]


def test_back_in_the_menu_another_category_may_be_chosen() -> None:
    desk = LineDesk()
    call = informed(desk)
    desk.press("*", now=107.0)
    assert (call.stage, desk.switch.playing()[1]) == (Stage.MENU, "menu_covid")
    desk.press("0", now=108.0)
    assert (call.stage, call.record.menu_done_at) == (Stage.RINGING, 108.0)
    assert heard(desk, call) == [{**COVID, "ms": 2000, "whole": False}]


def test_who_hangs_up_content_with_the_information_is_not_a_lost_call() -> None:
    desk = LineDesk()
    call = informed(desk)
    desk.handle(ChannelHangupRequest(a_channel(), 16), now=115.0)
    ended(desk, now=115.0)
    desk.handle(ChannelDestroyed(a_channel(), 16), now=115.0)
    assert call.record.outcome is Outcome.INFORMATION
    assert heard(desk, call) == [{**COVID, "ms": 10_000, "whole": False}]
    assert desk.switch.all("ring") == []


def test_the_next_engine_goes_on_with_a_piece_and_knows_how_long_it_was_heard() -> None:
    desk = LineDesk()
    call = informed(desk)
    after = desk.next_engine(now=110.0)
    after.restore_calls(a_leg(), playing=[call.playback or ""], now=110.0)
    resumed = after.router.calls["c1"]
    assert resumed.stage is Stage.INFORMATION
    after.handle(PlaybackFinished(Playback(call.playback or "", "done")), now=125.0)
    assert heard(after, resumed) == [{**COVID, "ms": 20_000, "whole": True}]
    assert after.switch.playing()[1] == "information_end"


def test_a_language_is_on_record_and_all_that_follows_is_said_in_it() -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    assert desk.switch.last("say").more[1:] == ("menu", "jv/choose_jv", "en/choose_en")
    desk.press("8")
    assert call.record.language == "en"
    assert desk.switch.last("say").more[1:] == ("en/menu",)
    desk.press("2", now=103.0)
    assert desk.switch.last("music").more == ("en",)
    after = desk.next_engine()
    assert after.router.calls["c1"].record.language == "en"
    assert call.record == fold(call.id, desk.journal.events[call.id])


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("en", "en"),
        ("de/en-GB;q=0.8/jv;q=0.9", "jv"),
        ("id/en", "id"),
        ("en;q=0/jv;q=0.1", "jv"),
        ("fr", "id"),
        ("*", "id"),
        ("", "id"),
        ("en;q=x/;;//=/jv;q=9", "id"),
        ("/" * 5000 + "en", "id"),
    ],
)
def test_the_trunk_may_tell_the_language(said: str, language: str) -> None:
    desk = LineDesk()
    desk.handle(StasisStart(["citizen", "", said], a_channel()))
    assert desk.router.calls["c1"].record.language == language
    desk.handle(StasisStart(["unclaimed", "", said], a_channel("c2")))
    assert desk.router.calls["c2"].record.language == language


@pytest.mark.parametrize("state", ["done", "failed"])
def test_a_prompt_that_ends_because_the_citizen_hangs_up_asks_for_nobody(state: str) -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.handle(ChannelHangupRequest(a_channel(), 16))
    ended(desk, state)
    desk.timers.fire(300.0)
    desk.press("2")
    assert (call.stage, desk.switch.all("ring")) == (Stage.MENU, [])
    desk.handle(ChannelDestroyed(a_channel(), 16))
    assert call.record.outcome is Outcome.LOST_MENU
    assert "trouble" not in desk.journal.kinds(call.id)


def test_a_digit_after_the_menu_is_nobodys() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    before = desk.journal.kinds(call.id)
    desk.press("3")
    assert desk.journal.kinds(call.id) == before


def test_the_category_of_who_said_nothing_is_the_first_menus() -> None:
    assert LineDesk().reception.default_category == "general"


@OFTEN
@given(
    st.lists(
        st.sampled_from(
            ["7", "9", "*", "1", "2", "0", "done", "failed", "tick", "hang up", "stale"]
        ),
        max_size=12,
    )
)
def test_whatever_a_citizen_does_the_call_leaves_the_menu_once_and_nothing_of_it_stays(
    steps: list[str],
) -> None:
    desk = LineDesk(operators=0)
    call = desk.citizen()
    now, stale = 100.0, desk.switch.playing()[0]
    for one in steps:
        now += 1.0
        match one:
            case "done" | "failed":
                ended(desk, one, now)
            case "tick":
                desk.timers.fire(now := max(now, desk.timers.next() or now))
            case "hang up":
                desk.handle(ChannelHangupRequest(a_channel(), 16), now=now)
            case "stale":
                desk.handle(PlaybackFinished(Playback(stale)), now=now)
            case digit:
                desk.press(digit, now=now)
    desk.handle(ChannelDestroyed(a_channel(), 16), now=now)
    desk.timers.fire(now + 1000)
    kinds = desk.journal.kinds(call.id)
    assert kinds.count("menu_done") <= 1 + steps.count("*")
    assert kinds.count("queued") <= 1
    assert (kinds.count("ended"), len(desk.reception)) == (1, 0)
    # what is left to happen is that the citizen is called back
    assert desk.timers.next() in {None, *(one.item.due_at for one in desk.router.callbacks.open())}
    assert call.record == fold(call.id, desk.journal.events[call.id])
    assert len(desk.switch.told("stop")) <= len(desk.switch.told("say"))
