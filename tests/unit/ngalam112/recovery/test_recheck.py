"""What a dead engine had ordered and was done after the take-up is undone a second later."""

from __future__ import annotations

import pytest
from factories import LineDesk, a_channel, a_leg

from acd.calls.call import Call
from acd.recovery.reconcile import LiveLeg
from acd.transfers.directory import Directory
from ngalam112.engine.ari_switch import Connected
from ngalam112.recovery.recheck import Known, known, look, offers_of
from ngalam112.recovery.snapshot import Snapshot
from pbx.ari_types import StasisEnd, StasisStart


def a_talk() -> tuple[LineDesk, Call]:
    desk = LineDesk()
    call = desk.citizen_talks()
    desk.switch.did.clear()
    return desk, call


def looked(desk: LineDesk, bridges: dict[str, list[str]], before: Known | None = None) -> None:
    legs = {one: a_leg(one) for members in bridges.values() for one in members}
    before = before or known(desk.router, {})
    look(desk.router, before, Snapshot(legs, bridges), 200.0)


def test_two_who_talk_are_left_alone() -> None:
    desk, call = a_talk()
    looked(desk, {call.bridge or "": ["c1", call.leg or ""]})
    assert desk.switch.did == []


def test_a_citizen_whom_the_dead_engine_took_out_of_the_talk_is_brought_back() -> None:
    desk, call = a_talk()
    looked(desk, {"old": ["c1"], call.bridge or "": [call.leg or ""]})
    assert [(one.what, one.to, one.more) for one in desk.switch.did] == [
        ("connect", call.bridge, ("c1", call.leg)),
        ("disconnect", "old", ()),
    ]
    assert desk.switch.whose["old"] == "c1", "behind the connecting"


def test_who_began_to_talk_after_the_question_is_left_alone() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    before = known(desk.router, {})
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.handle(Connected(call.bridge or ""))
    desk.switch.did.clear()
    looked(desk, {"": ["c1", call.leg or ""]}, before)
    assert desk.switch.told("connect") == []


def test_who_has_hung_up_meanwhile_is_not_brought_back() -> None:
    desk, call = a_talk()
    before, leg = known(desk.router, {}), call.leg or ""
    desk.dispatcher.finish(call, "citizen", 16, 150.0)
    desk.switch.did.clear()
    looked(desk, {"old": [leg]}, before)
    assert desk.switch.told("connect") == []


def test_a_phone_that_began_to_ring_for_nobody_is_let_go() -> None:
    desk = LineDesk(operators=2, ring_timeout_s=20.0)
    desk.citizen()
    desk.press("2")
    late = desk.router.calls["c1"].leg or ""
    after = desk.next_engine()
    offers = offers_of(after.router)
    assert offers == {late: "c1"}
    after.restore_calls(a_leg())  # Asterisk had not rung it yet, so it is the other operator's turn
    rings = after.router.calls["c1"].leg or ""
    assert rings not in ("", late)
    before = known(after.router, offers)
    legs = {one: a_leg(one, citizen=one == "c1", up=False) for one in ("c1", rings, late)}
    look(after.router, before, Snapshot(legs, {}), 200.0)
    assert after.switch.told("hang_up") == [late]


@pytest.mark.parametrize(
    ("leg", "gone"),
    [
        (a_leg("rung", citizen=False, up=False, age_s=1.0), ["rung"]),
        (a_leg("dials", citizen=False, up=False, age_s=0.2), []),
        (a_leg("on", citizen=False, up=True, age_s=1.0), []),
        (a_leg("c2", citizen=True, up=False, age_s=1.0), []),
    ],
    ids=lambda one: one.id if isinstance(one, LiveLeg) else "",
)
def test_a_colleague_whose_caller_is_gone_is_rung_no_more(leg: LiveLeg, gone: list[str]) -> None:
    desk = LineDesk()
    look(desk.router, known(desk.router, {}), Snapshot({leg.id: leg}, {}), 200.0)
    assert desk.switch.told("hang_up") == gone


def test_a_colleague_who_is_rung_by_this_engine_is_rung_on() -> None:
    desk = LineDesk(operators=2)
    desk.handle(StasisStart(["number", "101", "1002"], a_channel("own")))
    rung = desk.router.operator_calls.by_channel["own"].leg
    legs = [a_leg(one, citizen=False, up=False, age_s=1.0) for one in ("own", rung)]
    look(
        desk.router,
        known(desk.router, {}),
        Snapshot({one.id: one for one in legs}, {}),
        200.0,
    )
    assert desk.switch.told("hang_up") == []


def test_a_citizen_who_is_called_back_and_answers_after_the_question_is_not_hung_up() -> None:
    desk = LineDesk()
    desk.dispatcher.transfers.directory = Directory(carrier=True)
    desk.citizen(number="081234567890")
    desk.press("2")
    desk.handle(StasisEnd(a_channel("c1")), now=150.0)
    desk.handle(StasisStart(["code", "101", "*16"], a_channel("own")), now=160.0)
    rung = desk.switch.last("ring").to
    before = known(desk.router, {})
    desk.handle(StasisStart(["operator"], a_channel(rung)), now=199.9)
    assert rung in desk.router.calls
    desk.switch.did.clear()
    legs = [a_leg("own", citizen=False, up=False, age_s=40.0)]
    legs += [a_leg(rung, citizen=False, up=False, age_s=40.0)]
    look(desk.router, before, Snapshot({one.id: one for one in legs}, {}), 200.0)
    assert desk.switch.told("hang_up") == []


@pytest.mark.parametrize(("words", "music"), [(None, ["c1"]), ("w1", [])])
def test_who_waits_and_was_to_be_connected_hears_music_again(
    words: str | None, music: list[str]
) -> None:
    desk = LineDesk(operators=0)
    desk.citizen()
    desk.press("2")
    desk.router.calls["c1"].words = words
    desk.switch.did.clear()
    looked(desk, {"old": ["c1"]})
    assert (desk.switch.told("disconnect"), desk.switch.told("music")) == (["old"], music)


def test_who_is_being_connected_by_this_engine_is_given_no_music() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.switch.did.clear()
    looked(desk, {"old": ["c1"]})
    assert desk.switch.told("music") == []


def test_a_bridge_that_is_made_for_two_in_a_moment_stays() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    looked(desk, {call.bridge or "": []})
    assert desk.switch.told("disconnect") == []
