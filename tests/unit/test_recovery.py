"""Taking the line up again loses nobody: each call and each leg gets one fate, and meets it."""

from __future__ import annotations

import pytest
from factories import OFTEN, LineDesk, a_channel, a_leg, a_record
from hypothesis import given
from hypothesis import strategies as st

from acd.calls import Stage
from acd.operators import State
from acd.records import CategorySource, Outcome
from acd.recovery import Fate, LiveLeg, Verdict, reconcile
from ngalam112.line import Claimed
from ngalam112.switch import Connected, ConnectFailed
from pbx.ari_types import CallBroadcast, ChannelDestroyed, StasisStart

IDS = [f"c{one}" for one in range(8)]


@st.composite
def lines(
    draw: st.DrawFn,
) -> tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]]:
    """Any stored calls, any live legs, each leg in one bridge at most."""
    stored = draw(st.lists(st.sampled_from(IDS), unique=True))
    legs = {
        one: a_leg(one, citizen=draw(st.booleans()))
        for one in draw(st.lists(st.sampled_from(IDS), unique=True))
    }
    bridges: dict[str, list[str]] = {}
    for one in IDS:
        if bridge := draw(st.sampled_from(["", "b1", "b2"])):
            bridges.setdefault(bridge, []).append(one)
    return stored, legs, bridges


def verdicts_of(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> list[Verdict]:
    stored, legs, bridges = line
    return reconcile([a_record(one) for one in stored], legs, bridges)


@OFTEN
@given(lines())
def test_every_stored_call_is_in_one_verdict(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> None:
    judged = [one.record.asterisk_id for one in verdicts_of(line) if one.record is not None]
    assert sorted(judged) == sorted(line[0])


@OFTEN
@given(lines())
def test_every_live_leg_is_in_one_verdict(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> None:
    judged = [
        leg
        for one in verdicts_of(line)
        if one.fate is not Fate.END
        for leg in (one.leg, *one.partners)
        if leg
    ]
    assert sorted(judged) == sorted(line[1])


@OFTEN
@given(lines())
def test_no_citizen_who_is_on_the_line_is_ended_or_dropped(
    line: tuple[list[str], dict[str, LiveLeg], dict[str, list[str]]],
) -> None:
    stored, legs, _ = line
    citizens = {one.id for one in legs.values() if one.citizen}
    for one in verdicts_of(line):
        if one.fate in (Fate.END, Fate.DROP):
            assert one.leg not in citizens
        if one.fate is Fate.END:
            assert one.leg in stored
            assert one.leg not in legs


def test_who_talks_goes_on_talking() -> None:
    legs = {"c1": a_leg("c1"), "o1": a_leg("o1", citizen=False)}
    (verdict,) = reconcile([a_record("c1")], legs, {"b1": ["c1", "o1"]})
    assert (verdict.fate, verdict.leg, verdict.partners) == (Fate.TALK, "c1", ("o1",))
    assert verdict.bridge == "b1"


def test_who_waits_waits_on_and_a_partner_who_is_gone_is_no_partner() -> None:
    legs = {"c1": a_leg("c1"), "c2": a_leg("c2")}
    first, second = reconcile([a_record("c1"), a_record("c2")], legs, {"b1": ["c2", "o9"]})
    assert (first.fate, second.fate) == (Fate.WAIT, Fate.WAIT)


def test_who_is_gone_gets_an_end() -> None:
    (verdict,) = reconcile([a_record("c1")], {}, {"b1": ["c1"]})
    assert (verdict.fate, verdict.leg) == (Fate.END, "c1")


def test_a_citizen_whom_nobody_has_stored_arrives_and_a_stray_leg_is_dropped() -> None:
    legs = {"c1": a_leg("c1"), "o1": a_leg("o1", citizen=False)}
    assert {one.leg: one.fate for one in reconcile([], legs, {})} == {
        "c1": Fate.ARRIVE,
        "o1": Fate.DROP,
    }


def test_two_citizens_in_one_bridge_are_both_kept() -> None:
    legs = {"c1": a_leg("c1"), "c2": a_leg("c2")}
    fates = reconcile([a_record("c1"), a_record("c2")], legs, {"b1": ["c1", "c2"]})
    assert not {one.fate for one in fates} & {Fate.END, Fate.DROP}


def test_who_was_waiting_when_the_engine_died_is_served_in_the_old_order() -> None:
    desk = LineDesk(operators=2)
    desk.roster.pause("1002", None, 190.0)
    desk.line.remember(a_record("c2", arrived_at=50.0, category="fire", queued_at=60.0))
    desk.line.remember(a_record("c1", arrived_at=40.0, queued_at=45.0))
    desk.take_up(a_leg("c2"), a_leg("c1"), a_leg("c3", caller_number="0899", called_number="112"))
    calls = desk.line.calls
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
    desk.line.remember(a_record("c1", **stored))
    desk.take_up(a_leg("c1"), a_leg("o1", citizen=False), bridges={"b1": ["c1", "o1"]})
    assert (desk.operator().state, desk.switch.did) == (State.TALKING, [])
    desk.handle(ChannelDestroyed(a_channel("c1"), 16), now=230.0)
    record = desk.journal.only()
    assert (record.outcome, record.talk_ms) == (Outcome.ANSWERED, 120_000)
    assert (desk.switch.told("hang_up"), desk.switch.told("disconnect")) == (["o1"], ["b1"])
    assert desk.operator().state is State.WRAP_UP


def test_who_hung_up_in_the_gap_gets_an_end_and_what_is_left_over_is_removed() -> None:
    desk = LineDesk()
    desk.line.remember(a_record("c1", queued_at=110.0))
    desk.take_up(a_leg("o1", citizen=False), bridges={"b1": ["o1"], "b2": []})
    record = desk.journal.only()
    assert (record.outcome, record.ended_by) == (Outcome.LOST_QUEUE, "unknown")
    assert (desk.line.calls, desk.switch.told("hang_up")) == ({}, ["o1"])
    assert sorted(desk.switch.told("disconnect")) == ["b1", "b2"]


def test_a_call_that_was_only_claimed_begins_anew_or_is_the_fallbacks() -> None:
    desk = LineDesk()
    desk.handle(CallBroadcast(a_channel()), Claimed("c1", True))
    desk.take_up()
    desk.timers.fire(1000.0)
    assert (desk.line.calls, desk.journal.events) == ({}, {})


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
    desk.take_up(*map(a_leg, ("c1", "c2", "c3")), rings, talks, bridges=bridges)
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
    desk.take_up(a_leg(), *legs, bridges={bridge: ["c1", leg]})
    assert (call.stage, call.leg, call.bridge) == (Stage.TALKING, leg, bridge)
    assert (call.record.operator, call.record.phone) == ("1001", "101")
    assert (desk.operator().state, list(desk.dispatcher.desks.legs)) == (State.TALKING, [leg])
    if second is not None:
        assert desk.switch.last("hang_up").to == second
        assert desk.operator("1002").state is State.IDLE


def test_a_talk_whose_bridge_is_lost_frees_the_operator_and_the_citizen_waits() -> None:
    desk = LineDesk(wrap_up_s=5.0)
    call = desk.citizen()
    desk.press("2")
    leg = call.leg or ""
    desk.handle(StasisStart(["operator"], a_channel(leg)))
    desk.handle(Connected(call.bridge or ""))
    desk.take_up(a_leg(), a_leg(leg, citizen=False), now=200.0)
    assert (call.stage, desk.operator().state) == (Stage.QUEUED, State.WRAP_UP)
    assert (set(desk.switch.told("hang_up")), desk.dispatcher.bridges) == ({leg}, {})
    desk.handle(ChannelDestroyed(a_channel(leg), 16), now=200.1)
    desk.timers.fire(205.0)
    assert call.stage is Stage.RINGING


def test_an_operator_who_hung_up_in_the_gap_ends_the_call() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.handle(Connected(call.bridge or ""))
    desk.take_up(a_leg())
    assert (call.record.outcome, desk.switch.told("hang_up")) == (Outcome.ANSWERED, ["c1"])


def test_an_operator_who_answered_in_the_gap_is_connected() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.take_up(a_leg(), a_leg(call.leg or "", citizen=False, up=True))
    assert desk.switch.told("connect") == [call.bridge]


def test_a_hang_up_that_was_lost_with_the_connection_is_asked_for_again() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.dispatcher.finish(call, "operator", 16, 150.0)
    desk.take_up(a_leg())
    assert desk.switch.told("hang_up") == ["c1"]
