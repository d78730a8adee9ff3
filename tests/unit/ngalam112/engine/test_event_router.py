"""Each event reaches the call it is about, and only that; nobody falls between two events."""

from __future__ import annotations

import pytest
from factories import AUDIO, OFTEN, LineDesk, a_channel
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.calls.record import EventKind, Outcome, Served, fold
from acd.calls.states import Stage
from acd.operators.operator import Device
from acd.operators.states import State
from ngalam112.engine.ari_switch import Connected, ConnectFailed, RingFailed, SayFailed
from ngalam112.engine.claims import HANDOVER_S, Claimed, readable
from ngalam112.engine.event_router import Do
from ngalam112.engine.fallback_calls import lives_on
from pbx import ari_types as ari
from pbx.ami import DeviceState
from pbx.ari_reply import LATE, Reply

GONE = [ari.StasisEnd(a_channel()), ari.ChannelDestroyed(a_channel(), 16)]


def an_answered_call(desk: LineDesk, key: str = "2") -> tuple[str, str]:
    """A citizen talks with an operator; returns the operator's leg and the bridge."""
    call = desk.citizen()
    desk.press(key)
    assert call.leg is not None
    desk.handle(ari.StasisStart(["operator"], a_channel(call.leg)), now=103.0)
    assert call.bridge is not None
    desk.handle(Connected(call.bridge), Connected(call.bridge), now=103.0)
    assert desk.operator().calls_taken == 1
    return call.leg, call.bridge


def test_the_way_of_an_answered_call() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), now=99.0)
    assert desk.claims == ["c1"]
    desk.handle(Claimed("c1", True), now=99.1)
    leg, bridge = an_answered_call(desk)
    desk.handle(ari.ChannelHangupRequest(a_channel(), 16), *GONE, now=120.0)
    record = desk.journal.only()
    assert (record.outcome, record.ended_by, record.talk_ms) == (Outcome.ANSWERED, "caller", 17000)
    assert (record.arrived_at, record.operator, record.phone) == (99.0, "1001", "101")
    assert record == fold(record.call_id, desk.journal.events[record.call_id])
    assert (desk.switch.told("disconnect"), desk.switch.told("hang_up")) == ([bridge], [leg])
    assert (desk.router.calls, desk.operator().state) == ({}, State.WRAP_UP)


def test_an_operator_who_hangs_up_ends_the_call_for_both() -> None:
    desk = LineDesk()
    leg, _ = an_answered_call(desk)
    desk.handle(ari.ChannelHangupRequest(a_channel(leg), 16), now=120.0)
    desk.handle(ari.ChannelDestroyed(a_channel(leg), 16), now=120.0)
    assert desk.switch.told("hang_up") == ["c1"]
    desk.handle(ari.ChannelHangupRequest(a_channel(), 16), *GONE, now=120.1)
    assert (desk.journal.only().ended_by, desk.router.calls) == ("operator", {})


def test_an_operators_bye_frees_the_phone_for_who_waits_before_asterisk_has_tidied_up() -> None:
    desk = LineDesk(wrap_up_s=0.0)
    leg, _ = an_answered_call(desk)
    waiting = desk.citizen("c2", now=110.0)
    desk.press("2", "c2", now=111.0)
    desk.handle(ari.ChannelHangupRequest(a_channel(leg), 16), now=120.0)
    assert desk.switch.told("ring") == [leg, waiting.leg]
    desk.handle(ari.ChannelDestroyed(a_channel(leg), 16), now=120.1)
    assert desk.dispatcher.roster.phones["101"].device is Device.IN_USE
    assert desk.switch.told("ring") == [leg, waiting.leg]


def test_a_call_that_another_engine_claimed_leaves_no_trace() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), Claimed("c1", False))
    desk.handle(*GONE)
    assert (desk.router.calls, desk.journal.events, desk.timers.next()) == ({}, {}, None)


def test_a_door_that_asks_again_gets_a_claim_each_time_and_the_first_success_counts() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), ari.CallBroadcast(a_channel()), now=99.0)
    assert desk.claims == ["c1", "c1"]
    desk.handle(Claimed("c1", False), Claimed("c1", True), ari.CallBroadcast(a_channel()), now=99.5)
    assert desk.claims == ["c1", "c1"], "ours already"
    assert desk.citizen(now=99.6).record.arrived_at == 99.0


def test_a_second_claim_that_is_refused_takes_nothing_from_the_first() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), ari.CallBroadcast(a_channel()), now=99.0)
    desk.handle(Claimed("c1", True), Claimed("c1", False), now=99.1)
    call = desk.citizen(now=99.2)
    desk.timers.fire(99.1 + HANDOVER_S)
    assert (desk.router.calls, call.stage) == ({"c1": call}, Stage.MENU)


@pytest.mark.parametrize(
    "events",
    [
        (Claimed("c1", True),),
        (Claimed("c1", True), GONE[1]),
        (GONE[1], Claimed("c1", True)),
    ],
    ids=["told nothing more", "gone after the claim", "gone before the claim's answer"],
)
def test_who_hangs_up_before_the_hand_over_is_on_record_as_lost(events: tuple[object, ...]) -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()), *events, now=100.0)
    desk.timers.fire(100.0 + HANDOVER_S)
    record = desk.journal.only()
    assert (record.outcome, record.arrived_at) == (Outcome.LOST_MENU, 100.0)
    assert (record.asterisk_id, desk.router.calls) == ("c1", {})
    assert (record.caller_number, record.called_number) == ("08123", "112")


def test_a_leg_that_comes_before_the_claims_answer_is_served_all_the_same() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()))
    call = desk.citizen()
    desk.handle(Claimed("c1", True), Claimed("c1", False))
    desk.timers.fire(100.0 + HANDOVER_S)
    assert (desk.router.calls, call.stage) == ({"c1": call}, Stage.MENU)


def test_a_leg_that_is_told_of_twice_is_welcomed_once() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    assert desk.citizen() is call
    assert (call.stage, desk.journal.kinds(call.id).count("arrived")) == (Stage.RINGING, 1)


def test_a_citizen_who_comes_without_a_broadcast_is_served() -> None:
    desk = LineDesk()
    assert desk.citizen(now=100.0).record.arrived_at == 100.0


@pytest.mark.parametrize("args", [[], ["something"], ["code", "101"]], ids=str)
def test_a_channel_that_nobody_expects_is_hung_up(args: list[str]) -> None:
    desk = LineDesk()
    desk.handle(ari.StasisStart(args, a_channel("x")))
    assert desk.switch.told("hang_up") == ["x"]


@pytest.mark.parametrize(
    "event",
    [
        ari.ChannelDtmfReceived("1", a_channel("x")),
        ari.ChannelStateChange(a_channel("x", state="Ringing")),
        ari.PlaybackFinished(ari.Playback("x", "failed")),
        ari.ChannelHangupRequest(a_channel("x"), 16),
        ari.ChannelDestroyed(a_channel("x"), 16),
        ari.StasisEnd(a_channel("x")),
        Claimed("x", True),
        Connected("x"),
        ConnectFailed("x", "gone"),
        RingFailed("x"),
        SayFailed("x"),
        ari.StasisEnd(a_channel("y", audio=AUDIO)),
        DeviceState("999", "NOT_INUSE"),
    ],
    ids=lambda event: type(event).__name__,
)
def test_an_event_about_something_unknown_touches_nobody(event: object) -> None:
    desk = LineDesk()
    an_answered_call(desk)
    before = repr((desk.router.calls, desk.roster.operators, desk.switch.did))
    desk.handle(event)
    assert repr((desk.router.calls, desk.roster.operators, desk.switch.did)) == before


def test_a_phone_that_rings_is_on_record() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(ari.ChannelStateChange(a_channel(call.leg or "", state="Ringing")), now=102.0)
    desk.handle(ari.ChannelStateChange(a_channel(call.leg or "", state="Up")), now=103.0)
    assert desk.journal.kinds(call.id)[-1] == EventKind.RINGING


def test_two_who_cannot_be_connected_part_and_the_citizen_waits_on_with_music() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    leg = call.leg or ""
    desk.handle(ari.StasisStart(["operator"], a_channel(leg)))
    desk.handle(ConnectFailed(call.bridge or "", "gone"))
    assert (call.stage, call.record.operator) == (Stage.QUEUED, None)
    assert desk.switch.told("hang_up") == [leg]
    assert [did.what for did in desk.switch.did if did.to == "c1"][-1] == "music"
    desk.handle(ari.ChannelDestroyed(a_channel(leg), 16), now=105.0)
    assert call.stage is Stage.RINGING


def test_a_phone_that_cannot_be_rung_is_tried_again_after_a_short_rest() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(RingFailed(call.leg or ""), now=102.0)
    assert (call.stage, desk.operator().misses) == (Stage.QUEUED, 0)
    desk.timers.fire(102.5)
    assert call.stage is Stage.RINGING


def test_a_leg_that_answers_after_its_citizen_has_gone_is_hung_up() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    leg = call.leg or ""
    desk.handle(*GONE)
    desk.handle(ari.StasisStart(["operator"], a_channel(leg)))
    assert desk.switch.told("hang_up") == [leg, leg]
    assert (call.record.outcome, desk.operator().state) == (Outcome.LOST_RINGING, State.IDLE)


def test_the_audio_quality_that_is_told_at_the_end_is_in_the_record_once() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.handle(ari.StasisEnd(a_channel(audio=AUDIO)), now=120.0)
    desk.handle(ari.ChannelDestroyed(a_channel(audio=AUDIO), 16), now=120.0)
    assert (desk.journal.only().loss_percent, desk.journal.only().jitter_ms) == (0.5, 3.0)
    assert desk.journal.kinds(call.id).count("quality") == 1


def test_what_the_api_wants_is_done_by_the_writer_and_settled() -> None:
    desk = LineDesk()
    desk.roster.logout("1001", 90.0)
    call = desk.citizen()
    desk.press("2")
    desk.handle(Do(lambda now: desk.roster.login("1001", "101", now)))
    assert call.stage is Stage.RINGING
    desk.handle(ari.ApplicationReplaced())
    assert desk.router.replaced


@OFTEN
@given(st.text(max_size=3000) | st.text("=cmd()\x00\x1b[2J\u202e\r\n\t\";'", max_size=200))
def test_whatever_a_caller_sends_the_record_is_normal_and_safe_to_show(text: str) -> None:
    assert readable(readable(text)) == readable(text)
    desk = LineDesk()
    desk.citizen(number=text, name=text, exten=text)
    desk.handle(*GONE)
    record = desk.journal.only()
    for kept, longest in (
        (record.caller_number, 32),
        (record.caller_name, 64),
        (record.called_number, 32),
    ):
        assert len(kept) <= longest
        assert kept.isprintable()
    assert record.outcome is Outcome.LOST_MENU


def a_rescued_call(desk: LineDesk) -> Call:
    """A citizen who waited with us until somebody thought us dead."""
    call = desk.citizen()
    desk.press("3")
    desk.elsewhere.add("c1")
    desk.handle(ari.StasisEnd(a_channel()), now=110.0)
    assert (desk.router.calls, desk.router.fallback.calls) == ({}, {"c1": call})
    return call


@pytest.mark.parametrize(
    ("reply", "lives"),
    [
        (
            Reply(200, body='{"id": "c1", "dialplan": {"context": "fallback", "exten": "112"}}'),
            True,
        ),
        # hung up, while the dialplan notes its end
        (Reply(200, body='{"id": "c1", "dialplan": {"context": "fallback", "exten": "h"}}'), False),
        (Reply(404, "Not Found"), False),
        # nobody is given up because Asterisk did not answer
        (LATE, True),
        (Reply(500, body="?"), True),
    ],
)
def test_who_has_hung_up_is_not_with_the_fallback(reply: Reply, lives: bool) -> None:
    assert lives_on(reply) is lives


def what_it_did(status: str, ended_at: float | None = None) -> Served:
    answered = 115.0 if status == "answered" else None
    about = {"status": status, "phone": "105", "answered_at": answered, "run": "r1"}
    return Served(at=112.0, about=about, ended_at=ended_at, ended_by="operator")


def returned() -> ari.StasisStart:
    return ari.StasisStart(["returned"], a_channel(name="Budi"))


def test_a_citizen_who_is_taken_back_before_the_fallback_answered_is_answered() -> None:
    desk = LineDesk(operators=0)
    desk.handle(ari.StasisStart(["returned"], a_channel("c1", state="Ring")), now=100.0)
    desk.handle(ari.StasisStart(["returned"], a_channel("c2")), now=100.0)
    assert desk.switch.told("answer") == ["c1"]


def test_a_citizen_who_was_rescued_from_us_is_not_lost_and_occupies_nobody() -> None:
    desk = LineDesk()
    call = a_rescued_call(desk)
    assert call.record.ended_at is None
    assert desk.switch.told("hang_up"), "the phone that rang for it rings no more"
    assert (len(desk.dispatcher.queue), call.legs) == (0, {})


def test_a_citizen_who_returns_gets_the_old_place() -> None:
    desk = LineDesk(operators=0)
    call = a_rescued_call(desk)
    later = desk.citizen("c2", now=111.0)
    desk.press("3", "c2", now=112.0)
    desk.handle(returned(), now=120.0)
    assert list(desk.dispatcher.queue) == [call, later]
    assert (call.record.category, call.record.arrived_at) == ("fire", 100.0)
    assert (desk.router.fallback.calls, desk.router.calls["c1"]) == ({}, call)


def test_a_citizen_who_returns_and_is_unknown_comes_before_all_others() -> None:
    desk = LineDesk(operators=0)
    known = desk.citizen("c2", now=90.0)
    desk.press("3", "c2", now=91.0)
    desk.handle(returned(), now=120.0)
    call = desk.router.calls["c1"]
    assert list(desk.dispatcher.queue) == [call, known]
    assert (call.record.caller_number, call.record.category_source) == ("08123", "none")


def test_a_call_that_the_fallback_served_to_its_end_ends_in_its_own_record() -> None:
    desk = LineDesk(operators=0)
    call = a_rescued_call(desk)
    assert desk.router.fallback.served("c1", what_it_did("answered", 130.0), 131.0)
    record = desk.journal.only()
    assert (record.call_id, record.outcome, record.phone) == (call.id, Outcome.FALLBACK, "105")
    assert (record.ended_at, record.ended_by, record.talk_ms) == (130.0, "operator", 15_000)
    assert (desk.router.fallback.calls, desk.router.calls) == ({}, {})


def test_what_the_fallback_tried_is_noted_in_a_call_that_is_up_again() -> None:
    desk = LineDesk()
    call = a_rescued_call(desk)
    desk.handle(returned(), now=120.0)
    # a script that was killed says that it had just begun
    assert desk.router.fallback.served("c1", what_it_did("started", 119.0), 121.0)
    assert call.record.ended_at is None
    last = desk.journal.events[call.id][-1]
    assert (last.kind, last.data["status"]) == (EventKind.FALLBACK, "taken_back")


def test_who_hangs_up_on_the_way_back_gets_an_end() -> None:
    desk = LineDesk(operators=0)
    call = a_rescued_call(desk)
    assert desk.router.fallback.served("c1", what_it_did("taken_back"), 120.0)
    desk.timers.fire(120.0 + HANDOVER_S)
    assert (call.record.ended_at, call.record.ended_by) == (120.0, "unknown")


@pytest.mark.parametrize("told_in_time", [True, False])
def test_who_is_gone_from_the_fallback_ends_as_it_tells_or_as_unknown(told_in_time: bool) -> None:
    desk = LineDesk(operators=0)
    call = a_rescued_call(desk)
    desk.router.fallback.seen_alive({"c1"}, 119.0)
    desk.router.fallback.seen_alive(set(), 120.0)
    if told_in_time:
        desk.router.fallback.served("c1", what_it_did("unanswered", 119.5), 122.0)
    desk.timers.fire(120.0 + HANDOVER_S)
    end = (119.5, "operator") if told_in_time else (120.0, "unknown")
    assert (call.record.ended_at, call.record.ended_by) == end


def test_the_fallback_tells_nothing_of_calls_that_are_not_known() -> None:
    desk = LineDesk()
    desk.handle(ari.CallBroadcast(a_channel()))
    assert not desk.router.fallback.served("c1", what_it_did("answered", 130.0), 131.0)
    assert not desk.router.fallback.served("c9", what_it_did("answered", 130.0), 131.0)
