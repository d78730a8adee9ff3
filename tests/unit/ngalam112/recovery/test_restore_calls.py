"""An engine takes its line up again: what becomes of each call and each leg that it finds."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg, a_record
from fakes import Did

from acd.calls.record import CategorySource, Outcome
from acd.calls.states import Stage
from acd.operators.states import State
from acd.recovery.reconcile import LiveLeg
from acd.rules.rules import Announce
from ngalam112.engine.ari_switch import Connected, ConnectFailed
from ngalam112.engine.claims import Claimed
from pbx.ari_types import (
    CallBroadcast,
    ChannelDestroyed,
    StasisStart,
)


def test_who_was_waiting_when_the_engine_died_is_served_in_the_old_order() -> None:
    desk = LineDesk(operators=2)
    desk.roster.pause("1002", None, 190.0)
    desk.router.live.remember(a_record("c2", arrived_at=50.0, category="fire", queued_at=60.0))
    desk.router.live.remember(a_record("c1", arrived_at=40.0, queued_at=45.0))
    desk.restore_calls(
        a_leg("c2"), a_leg("c1"), a_leg("c3", caller_number="0899", called_number="112")
    )
    calls = desk.router.calls
    assert [calls[one].stage for one in ("c1", "c2", "c3")] == [
        Stage.RINGING,
        Stage.QUEUED,
        Stage.QUEUED,
    ]
    assert (calls["c1"].record.queued_at, calls["c1"].record.category) == (45.0, "general")
    assert (calls["c2"].record.category, calls["c3"].record.caller_number) == ("fire", "0899")
    assert calls["c3"].record.category_source is CategorySource.NONE
    assert desk.switch.told("music") == ["c1", "c2", "c3"]


def test_a_talk_of_an_earlier_engine_goes_on_and_its_end_is_kept() -> None:
    desk = LineDesk()
    stored = {"queued_at": 100.0, "operator": "1001", "phone": "101", "operator_answered_at": 110.0}
    desk.router.live.remember(a_record("c1", **stored))
    desk.restore_calls(a_leg("c1"), a_leg("o1", citizen=False), bridges={"b1": ["c1", "o1"]})
    assert desk.operator().state is State.TALKING
    # music may be on for a consultation that came to nothing
    assert [did.what for did in desk.switch.did] == ["unhold"]
    desk.handle(ChannelDestroyed(a_channel("c1"), 16), now=230.0)
    record = desk.journal.only()
    assert (record.outcome, record.talk_ms) == (Outcome.ANSWERED, 120_000)
    assert (desk.switch.told("hang_up"), desk.switch.told("disconnect")) == (["o1"], ["b1"])
    assert desk.operator().state is State.WRAP_UP


def test_who_hung_up_in_the_gap_gets_an_end_and_what_is_left_over_is_removed() -> None:
    desk = LineDesk()
    desk.router.live.remember(a_record("c1", queued_at=110.0))
    desk.restore_calls(a_leg("o1", citizen=False), bridges={"b1": ["o1"], "b2": []})
    record = desk.journal.only()
    assert (record.outcome, record.ended_by) == (Outcome.LOST_QUEUE, "unknown")
    assert (desk.router.calls, desk.switch.told("hang_up")) == ({}, ["o1"])
    assert sorted(desk.switch.told("disconnect")) == ["b1", "b2"]


def test_a_call_that_was_only_claimed_and_is_the_fallbacks_keeps_the_fallbacks_record() -> None:
    for found in ({"elsewhere": ["c1"]}, {"spooled": frozenset(["c1"])}):
        desk = LineDesk()
        desk.handle(CallBroadcast(a_channel()), Claimed("c1", True))
        desk.restore_calls(**found)
        desk.timers.fire(1000.0)
        assert (desk.router.calls, desk.journal.events, desk.journal.facts) == ({}, {}, {})


def test_a_call_that_was_only_claimed_and_is_there_arrives() -> None:
    desk = LineDesk()
    desk.handle(CallBroadcast(a_channel()), Claimed("c1", True))
    desk.restore_calls(a_leg(caller_number="0899", age_s=30.0))
    record = desk.router.calls["c1"].record
    assert (record.arrived_at, record.caller_number) == (170.0, "0899")


def test_a_citizen_who_hung_up_before_a_dead_engine_saw_the_call_has_a_record() -> None:
    desk = LineDesk()
    desk.handle(CallBroadcast(a_channel(withheld="1")), now=90.0)
    after = desk.next_engine()
    after.restore_calls(now=200.0)
    record = after.journal.only()
    assert (record.outcome, record.caller_number) == (Outcome.LOST_MENU, "08123")
    assert record.withheld
    assert (record.arrived_at, record.ended_by, after.journal.facts) == (90.0, "unknown", {})


def test_a_short_gap_disturbs_nobody_who_is_still_there() -> None:
    desk = LineDesk(operators=3)
    menu, ringing, talking = desk.citizen("c1"), desk.citizen("c2"), desk.citizen("c3")
    desk.press("2", "c2")
    desk.press("3", "c3")
    desk.handle(StasisStart(["operator"], a_channel(talking.leg or "")))
    desk.handle(Connected(talking.bridge or ""))
    before = list(desk.switch.did)
    rings = a_leg(ringing.leg or "", citizen=False, up=False)
    talks = a_leg(talking.leg or "", citizen=False)
    bridges = {talking.bridge or "": ["c3", talking.leg or ""]}
    desk.restore_calls(*map(a_leg, ("c1", "c2", "c3")), rings, talks, bridges=bridges)
    assert desk.switch.did == before
    assert [one.stage for one in (menu, ringing, talking)] == ["menu", "ringing", "talking"]


@pytest.mark.parametrize("phone", ["the same", "another"])
def test_two_who_were_connected_though_nobody_could_tell_go_on_talking(phone: str) -> None:
    desk = LineDesk(operators=2 if phone == "another" else 1)
    call = desk.citizen()
    desk.press("2")
    leg, bridge = call.leg or "", "b1"
    desk.handle(StasisStart(["operator"], a_channel(leg)))
    desk.handle(ConnectFailed(call.bridge or "", "connection to Asterisk lost"))
    assert call.stage is (Stage.RINGING if phone == "another" else Stage.QUEUED)
    second = call.leg
    legs = [a_leg(one, citizen=False) for one in (leg, second) if one]
    desk.restore_calls(a_leg(), *legs, bridges={bridge: ["c1", leg]})
    assert (call.stage, call.leg, call.bridge) == (Stage.TALKING, leg, bridge)
    assert (call.record.operator, call.record.phone) == ("1001", "101")
    assert (desk.operator().state, list(desk.dispatcher.operator_legs.legs)) == (
        State.TALKING,
        [leg],
    )
    if second is not None:
        assert desk.switch.last("hang_up").to == second
        assert desk.operator("1002").state is State.IDLE


def test_two_whose_bridge_is_lost_are_connected_again() -> None:
    desk = LineDesk(wrap_up_s=5.0)
    call = desk.citizen()
    desk.press("2")
    leg, bridge = call.leg or "", call.bridge
    desk.handle(StasisStart(["operator"], a_channel(leg)), Connected(call.bridge or ""))
    desk.handle(Connected(call.bridge or ""), now=110.0)
    desk.restore_calls(a_leg(), a_leg(leg, citizen=False), now=200.0)
    assert (call.bridge != bridge, desk.switch.last("connect").more) == (True, ("c1", leg))
    desk.handle(Connected(call.bridge or ""), now=200.1)
    assert (call.stage, desk.operator().state) == (Stage.TALKING, State.TALKING)
    assert (len(call.record.legs), desk.operator().calls_taken) == (1, 1)


def test_an_operator_who_hung_up_in_the_gap_ends_the_call() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.handle(Connected(call.bridge or ""))
    desk.restore_calls(a_leg())
    assert (call.record.outcome, desk.switch.told("hang_up")) == (Outcome.ANSWERED, ["c1"])


def test_an_operator_who_answered_in_the_gap_is_connected() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.restore_calls(a_leg(), a_leg(call.leg or "", citizen=False, up=True))
    assert desk.switch.told("connect") == [call.bridge]


def test_a_hang_up_that_was_lost_with_the_connection_is_asked_for_again() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.dispatcher.finish(call, "operator", 16, 150.0)
    desk.restore_calls(a_leg())
    assert desk.switch.told("hang_up") == ["c1"]


def test_a_phone_that_rang_rings_on_and_its_time_counts_from_when_it_began() -> None:
    desk = LineDesk(ring_timeout_s=12.0)
    leg = desk.citizen().leg
    desk.press("2", now=101.0)
    leg = desk.router.calls["c1"].leg or ""
    after = desk.next_engine(now=105.0)
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=False), now=105.0)
    call = after.router.calls["c1"]
    assert (call.stage, call.leg, after.switch.told("hang_up")) == (Stage.RINGING, leg, [])
    assert after.operator().state is State.OFFERED
    assert after.switch.told("ring") == []
    after.timers.fire(112.9)
    assert call.stage is Stage.RINGING
    after.timers.fire(113.0)
    assert "offer_failed" in after.journal.kinds(call.id)


def test_an_operator_who_answered_while_no_engine_lived_is_connected() -> None:
    desk = LineDesk()
    desk.citizen()
    desk.press("2")
    leg = desk.router.calls["c1"].leg or ""
    after = desk.next_engine()
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=True))
    call = after.router.calls["c1"]
    assert after.switch.last("connect").more == ("c1", leg)
    after.handle(Connected(call.bridge or ""), now=200.1)
    assert (call.record.operator, after.operator().state) == ("1001", State.TALKING)


def test_two_who_consult_while_the_engine_dies_do_not_leave_the_citizen_alone() -> None:
    desk = LineDesk(operators=2)
    call = desk.citizen()
    desk.press("2")
    first = call.leg or ""
    desk.handle(StasisStart(["operator"], a_channel(first)), Connected(call.bridge or ""))
    desk.handle(Connected(call.bridge or ""), now=110.0)
    for key in "*21002#":
        desk.press(key, first, now=111.0)
    second = next(one for one in call.legs if one != first)
    desk.handle(StasisStart(["operator"], a_channel(second)), now=112.0)
    after = desk.next_engine()
    legs = [a_leg(one, citizen=False) for one in (first, second)]
    after.restore_calls(
        a_leg(), *legs, bridges={call.bridge or "": ["c1"], "apart": [first, second]}
    )
    assert after.switch.last("connect").more == ("c1", first)
    assert after.switch.told("hang_up") == [second]
    assert set(after.switch.told("disconnect")) == {call.bridge, "apart"}


def test_who_hears_the_menu_hears_it_to_its_end() -> None:
    desk = LineDesk()
    call = desk.citizen()
    after = desk.next_engine(now=103.0)
    after.restore_calls(a_leg(), playing=[call.playback or ""], now=103.0)
    assert (after.switch.did, after.router.calls["c1"].stage) == ([], Stage.MENU)
    after.press("3", now=104.0)
    assert after.switch.told("stop") == [call.playback]
    record = after.router.calls["c1"].record
    assert (record.category, record.category_source) == ("fire", CategorySource.MENU)


def test_who_has_heard_the_menu_while_no_engine_lived_may_still_choose() -> None:
    desk = LineDesk()
    desk.citizen()
    after = desk.next_engine(now=103.0)
    after.restore_calls(a_leg(), now=103.0)
    assert after.switch.did == [Did("listen", "c1")]
    assert after.router.calls["c1"].stage is Stage.MENU
    after.press("3", now=104.0)
    assert after.router.calls["c1"].record.category == "fire"


def test_who_was_in_the_menu_of_an_engine_that_stayed_away_gets_an_operator() -> None:
    desk = LineDesk()
    desk.citizen()
    after = desk.next_engine(now=160.0)
    after.restore_calls(a_leg(), now=160.0)
    after.timers.fire(160.0)
    call = after.router.calls["c1"]
    assert (call.stage, call.record.category_source) == (Stage.RINGING, CategorySource.SILENCE)


def test_who_was_not_even_answered_is_answered_and_hears_the_menu() -> None:
    desk = LineDesk()
    desk.citizen()
    after = desk.next_engine(now=103.0)
    after.restore_calls(a_leg(up=False), a_leg("c2", up=False), now=103.0)
    assert after.switch.told("answer") == ["c1", "c2"]
    assert after.switch.told("say") == ["c1"]
    assert after.router.calls["c2"].stage is Stage.RINGING


def test_a_menu_that_is_another_one_by_now_leads_to_an_operator() -> None:
    desk = LineDesk()
    call = desk.citizen()
    call.dialogue = call.dialogue | {"menu": "of last year"}
    call.keep()
    after = desk.next_engine()
    after.restore_calls(a_leg())
    assert after.router.calls["c1"].stage is Stage.RINGING


def test_who_waits_keeps_priority_and_is_never_told_a_longer_wait() -> None:
    desk = LineDesk(announce=Announce(mode="position"))
    desk.roster.pause("1001", None, 90.0)
    first = desk.citizen("c1")
    desk.press("2", "c1")
    desk.handle(StasisStart(["citizen", "wps.0"], a_channel("c2")))
    desk.press("2", "c2")
    desk.timers.fire(130.0)
    said, turns = first.said, first.turns
    assert turns > 0
    after = desk.next_engine()
    after.restore_calls(a_leg("c1"), a_leg("c2"))
    calls = after.router.calls
    assert (calls["c1"].said, calls["c1"].turns) == (said, turns)
    assert calls["c2"].resource_priority == "wps.0"
    assert after.switch.last("music").to in ("c1", "c2")


def test_a_citizen_whom_nobody_knows_is_served_before_all_others() -> None:
    desk = LineDesk()
    desk.router.live.remember(a_record("c1", arrived_at=100.0, queued_at=101.0, category="fire"))
    desk.restore_calls(a_leg("c1"), a_leg("c2", age_s=2.0, withheld=True), now=200.0)
    assert desk.router.calls["c2"].stage is Stage.RINGING
    assert desk.router.calls["c2"].record.withheld
    assert desk.router.calls["c1"].stage is Stage.QUEUED


def test_all_calls_of_an_asterisk_that_is_no_more_were_cut_off_when_it_was_seen_last() -> None:
    desk = LineDesk(operators=2, wrap_up_s=5.0)
    menu, talking, waiting = (desk.citizen(one, number=one) for one in ("c1", "c2", "c3"))
    desk.press("2", "c2")
    desk.handle(StasisStart(["operator"], a_channel(talking.leg or "")))
    desk.handle(Connected(talking.bridge or ""), now=110.0)
    desk.press("2", "c3")
    desk.restore_calls(lost_at=150.0, now=160.0)
    for call in (menu, talking, waiting):
        assert (call.record.ended_at, call.record.ended_by) == (150.0, "cut_off")
    assert talking.record.talk_ms == 40_000
    outcomes = [one.record.outcome for one in (menu, talking, waiting)]
    assert outcomes == [Outcome.LOST_MENU, Outcome.ANSWERED, Outcome.LOST_RINGING]
    desk.timers.fire(160.0)
    states = [desk.operator(one).state for one in ("1001", "1002")]
    assert states == [State.IDLE, State.IDLE]
    assert (desk.router.calls, desk.dispatcher.operator_legs.legs, desk.journal.facts_of_calls) == (
        {},
        {},
        {},
    )


def test_nobody_is_offered_while_asterisk_is_away() -> None:
    desk = LineDesk(operators=1)
    desk.roster.pause("1001", None, 90.0)
    waiting = desk.citizen("c1")
    desk.press("2", "c1")
    desk.dispatcher.away = True
    desk.roster.ready("1001", 155.0)
    desk.dispatcher.settle(155.0)
    desk.restore_calls(lost_at=150.0, now=160.0)
    assert (waiting.record.offers, waiting.record.ended_at) == (0, 150.0)
    later = desk.citizen("c2", now=170.0)
    desk.press("2", "c2", now=171.0)
    assert later.record.offers == 1


def test_an_end_that_the_fallbacks_script_has_noted_is_the_true_one() -> None:
    desk = LineDesk()
    desk.router.live.remember(a_record("c1", queued_at=110.0))
    desk.router.live.remember(a_record("c2", queued_at=110.0))
    desk.restore_calls(ended={"c1": 130.0, "c2": 105.0}, now=200.0)
    ends = {one.asterisk_id: one.ended_at for one in desk.journal.records.values()}
    assert ends == {"c1": 130.0, "c2": 110.0}, "no end is before what was seen last"


def test_a_call_among_colleagues_does_not_outlive_its_legs() -> None:
    desk = LineDesk(operators=2)
    desk.handle(StasisStart(["number", "101", "1002"], a_channel("p1")))
    assert desk.operator("1001").state is State.CALLING
    desk.restore_calls()
    states = [desk.operator(one).state for one in ("1001", "1002")]
    assert states == [State.IDLE, State.IDLE]


def test_a_call_that_is_over_leaves_nothing_for_the_next_engine() -> None:
    desk = LineDesk()
    desk.handle(CallBroadcast(a_channel()), Claimed("c1", True))
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.handle(Connected(call.bridge or ""), now=110.0)
    assert list(desk.journal.facts_of_calls) == [f"call:{call.id}"]
    desk.handle(ChannelDestroyed(a_channel(), 16), now=120.0)
    assert desk.journal.facts_of_calls == {}


def answered_before_the_taking_up() -> tuple[LineDesk, str]:
    """The next engine, which has heard of an answer while it did not know the line, and the leg."""
    desk = LineDesk()
    desk.citizen()
    desk.press("2")
    leg = desk.router.calls["c1"].leg or ""
    after = desk.next_engine(now=103.0)
    after.dispatcher.away = True
    after.handle(StasisStart(["operator"], a_channel(leg)), now=103.0)
    return after, leg


def test_an_answer_between_the_look_and_the_taking_up_is_not_lost() -> None:
    after, leg = answered_before_the_taking_up()
    assert after.switch.told("hang_up") == []
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=False), now=103.1)
    assert after.switch.last("connect").more == ("c1", leg)


def test_an_answer_that_the_look_has_seen_is_connected_once() -> None:
    after, leg = answered_before_the_taking_up()
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=True), now=103.1)
    assert len(after.switch.all("connect")) == 1
    assert after.switch.told("hang_up") == []


def test_who_hangs_up_between_the_look_and_the_taking_up_is_no_ghost() -> None:
    desk = LineDesk()
    call = desk.talking("c1")
    desk.router.calls["c1"] = call
    leg = call.leg or ""
    after = desk.next_engine()
    after.dispatcher.away = True
    after.handle(ChannelDestroyed(a_channel("c1"), 16), now=200.0)
    after.handle(ChannelDestroyed(a_channel(leg), 16), now=200.0)
    after.handle(ChannelDestroyed(a_channel("c2"), 16), now=200.0)
    after.restore_calls(
        a_leg("c1"), a_leg(leg, citizen=False), a_leg("c2"), bridges={"b1": ["c1", leg]}, now=200.1
    )
    assert (after.router.calls, after.dispatcher.operator_legs.legs) == ({}, {})
    assert after.journal.only().ended_at == 200.0
    assert after.router.gone_meanwhile == set()


def test_an_ended_call_goes_nowhere_and_is_forgotten_once_its_channel_is_gone() -> None:
    desk = LineDesk(operators=1)
    call = desk.citizen("c1")
    desk.dispatcher.finish(call, "line_stopped", None, 120.0)
    assert (call.stage, call.dialogue is not None) == (Stage.ENDED, True)
    desk.restore_calls(a_leg("c1"), now=130.0)
    assert (call.stage, "c1" in desk.router.calls) == (Stage.ENDED, True)
    assert desk.switch.told("hang_up") == ["c1"]
    desk.restore_calls(now=140.0)
    assert "c1" not in desk.router.calls
    assert (call.record.ended_at, call.record.ended_by) == (120.0, "line_stopped")


def own(desk: LineDesk) -> list[LiveLeg]:
    """The channels of the operators' own calls, as Asterisk has them."""
    return [a_leg(one, citizen=False) for one in sorted(desk.router.operator_calls.channels())]


def test_who_dials_a_colleague_before_the_restore_keeps_the_citizen_who_is_on_hold() -> None:
    before = LineDesk(operators=2)
    talk = before.citizen_talks("c1")
    leg, bridge = talk.leg or "", talk.bridge or ""
    before.dispatcher.operator_legs.held(leg, 120.0)
    after = before.next_engine()
    number = talk.operator or ""
    phone = after.roster.operators[number].phone or ""
    after.router.operator_calls.dialled("own", phone, "1002" if number == "1001" else "1001", 200.0)
    assert after.operator(number).state is State.CALLING
    after.restore_calls(
        *(a_leg("c1"), a_leg(leg, citizen=False), *own(after)),
        bridges={bridge: ["c1", leg]},
        now=201.0,
    )
    assert after.router.calls["c1"].stage is Stage.TALKING
    assert (after.operator(number).state, after.operator(number).call) == (State.HOLDING, talk.id)


def test_who_dials_a_colleague_before_the_restore_is_still_rung_for_the_citizen() -> None:
    before = LineDesk(operators=2)
    rung = before.citizen("c1")
    before.press("2", "c1")
    leg, number = rung.leg or "", rung.operator or ""
    after = before.next_engine()
    phone = after.roster.operators[number].phone or ""
    after.router.operator_calls.dialled("own", phone, "1002" if number == "1001" else "1001", 200.0)
    after.restore_calls(a_leg("c1"), a_leg(leg, citizen=False, up=False), *own(after), now=201.0)
    assert after.router.calls["c1"].stage is Stage.RINGING
    after.handle(StasisStart(["operator"], a_channel(leg)), now=202.0)
    after.handle(Connected(after.router.calls["c1"].bridge or ""), now=202.0)
    assert after.router.calls["c1"].stage is Stage.TALKING


def test_a_key_pressed_after_the_line_has_ended_the_call_does_nothing() -> None:
    desk = LineDesk(operators=1)
    call = desk.citizen("c1")
    desk.dispatcher.finish(call, "line_stopped", None, 120.0)
    events = call.record.events
    desk.press("2", "c1", now=121.0)
    assert (call.stage, call.record.events) == (Stage.ENDED, events)
