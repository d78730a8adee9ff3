"""What follows when a phone is lost in a talk, beside the citizen's way to the next operator."""

from __future__ import annotations

import pytest
from factories import Desk, LineDesk, a_channel, a_leg
from test_transfers import Hand

from acd.calls.states import Stage
from acd.dispatcher import DIED_S
from acd.legs import NO_AUDIO
from acd.operators.operator import Device
from acd.queueing.announcements import INTERRUPTED
from acd.rules.load_shedding import Limits
from acd.rules.rules import Category
from pbx import ari_types as ari
from pbx.ami import PhoneSeen


@pytest.mark.parametrize(("flags", "died"), [(1, True), (4, False), (32, False)])
def test_a_soft_hang_up_tells_of_a_dead_phone_only_for_want_of_audio(
    flags: int, died: bool
) -> None:
    desk = LineDesk(2)
    call = desk.citizen_talks()
    phone = next(iter(call.legs.values())).phone
    leg = call.leg or ""
    desk.handle(ari.ChannelHangupRequest(a_channel(leg), flags, soft=True), now=120.0)
    assert (call.record.ended_at, call.stage) == (None, Stage.RINGING)
    assert (desk.phone(phone).died_at > 0) == died


def test_a_citizen_whose_channel_asterisk_ends_has_not_hung_up() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    desk.handle(ari.ChannelHangupRequest(a_channel("c1"), 4, soft=True), now=120.0)
    assert call.hung_up_by is None


def test_a_phone_that_died_is_tried_again_in_the_end_and_one_of_a_fixed_contact_at_once() -> None:
    desk = Desk(1)
    call = desk.talking()
    desk.dispatcher.leg_gone(call.leg or "", NO_AUDIO, 110.0)
    desk.timers.fire(110.0 + DIED_S - 0.1)
    assert desk.phone().device is Device.UNREACHABLE
    desk.timers.fire(110.0 + DIED_S)
    assert call.stage is Stage.RINGING
    fixed = Desk(1)
    fixed.phone().contact = "sip:101@192.0.2.5"
    call = fixed.talking()
    fixed.dispatcher.leg_gone(call.leg or "", NO_AUDIO, 110.0)
    fixed.timers.fire(121.0)
    assert call.stage is Stage.RINGING, "it registers never, so it could never be seen"


@pytest.mark.parametrize(
    ("registered_at", "silence_s", "there"),
    [
        (115.0, 20.0, True),
        (115.0, 3.0, False),  # before its audio stopped
        (115.5, 3.0, True),  # Asterisk may notice it up to two seconds late
        (105.0, 20.0, False),  # before the talk, which is from 110 on
        (0.0, 20.0, False),
    ],
)
def test_a_phone_that_was_started_anew_before_its_silence_was_noticed_is_there(
    registered_at: float, silence_s: float, there: bool
) -> None:
    desk = LineDesk(phone_silence_s=silence_s)
    call = desk.citizen_talks()
    phone = next(iter(call.legs.values())).phone
    if registered_at:
        desk.handle(PhoneSeen(phone), now=registered_at)
    desk.handle(ari.ChannelHangupRequest(a_channel(call.leg or ""), 1, soft=True), now=120.0)
    assert call.record.ended_at is None
    assert (desk.phone(phone).device is not Device.UNREACHABLE) == there


def test_with_another_asterisk_no_phone_is_dead() -> None:
    desk = LineDesk()
    call = desk.citizen_talks()
    desk.handle(ari.ChannelHangupRequest(a_channel(call.leg or ""), 1, soft=True), now=120.0)
    desk.restore_calls(lost_at=121.0, now=130.0)
    assert desk.phone().died_at == 0


def test_the_words_are_not_cut_off_where_many_wait() -> None:
    desk = Desk(0, limits=Limits(most_music=0))
    call = desk.queued()
    call.interrupted = True
    desk.dispatcher.enqueue(call, 200.0)
    desk.dispatcher.settle(200.0)
    playback, words = desk.switch.playing()
    assert words == INTERRUPTED
    desk.timers.fire(205.0)
    assert playback not in desk.switch.told("stop")


def test_who_is_lost_while_handing_over_leaves_a_citizen_who_is_served_first() -> None:
    hand = Hand()
    hand.press("*2102#")
    rings = hand.newest()
    hand.gone(hand.first, NO_AUDIO)
    after = hand.desk.next_engine(hand.now)
    assert after.router.calls["c1"].interrupted
    hand.gone(rings, 17)
    assert hand.call.aged
    assert INTERRUPTED in [did.more[1] for did in hand.desk.switch.all("say")]


def test_a_colleague_who_was_consulted_and_hangs_up_has_missed_nothing() -> None:
    hand = Hand()
    hand.press("*2102#")
    hand.answer(hand.newest())
    colleague = hand.desk.operator("1002")
    hand.gone(hand.newest(), 16)
    assert (colleague.misses, colleague.not_before) == (0, 200.5), "no rest but the shortest"


def test_who_is_handed_to_a_category_is_before_all_no_more_until_nothing_comes_of_it() -> None:
    hand = Hand(1)
    hand.call.aged = True
    hand.press("*293#")
    assert not hand.call.aged
    hand.press("*0")
    assert hand.call.aged
    assert hand.call.waits_since is None


def test_a_call_that_rang_over_a_change_of_engines_keeps_its_head_start() -> None:
    first = Category("police", head_start_s=50.0)
    desk = LineDesk(1, categories={"police": first})
    call = desk.citizen()
    desk.press("2")
    assert call.stage is Stage.RINGING
    leg = call.leg or ""
    after = desk.next_engine()
    after.dispatcher.rules = desk.rules
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=False), now=103.0)
    after.handle(ari.ChannelDestroyed(a_channel(leg), 21), now=104.0)
    assert after.router.calls["c1"].head_start_s == 50.0


def test_a_phone_that_dials_while_the_line_is_taken_up_is_served() -> None:
    desk = LineDesk(2)
    desk.dispatcher.away = True
    desk.handle(
        ari.StasisStart(["code", "101", "*14"], a_channel("code")),
        ari.StasisStart(["number", "102", "1001"], a_channel("dials")),
        now=101.0,
    )
    rung = desk.switch.last("ring").to
    desk.restore_calls(phones=frozenset(), now=101.5)
    assert desk.router.channels_of_phones() == {"code", "dials", rung}
    assert not {"code", "dials", rung} & set(desk.switch.told("hang_up"))
