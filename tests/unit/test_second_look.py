"""What a dead engine had ordered and was done after the take-up is undone a second later."""

from __future__ import annotations

from factories import LineDesk, a_channel, a_leg

from acd.calls import Call
from ngalam112.recovery import Snapshot
from ngalam112.second_look import Known, known, look, offers_of
from ngalam112.switch import Connected
from pbx.ari_types import StasisStart


def a_talk() -> tuple[LineDesk, Call]:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.handle(Connected(call.bridge or ""))
    desk.switch.did.clear()
    return desk, call


def looked(desk: LineDesk, bridges: dict[str, list[str]], before: Known | None = None) -> None:
    legs = {one: a_leg(one) for members in bridges.values() for one in members}
    before = before or known(desk.line, frozenset())
    look(desk.line, before, Snapshot(legs, bridges))


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


def test_who_began_to_talk_after_the_question_is_left_alone() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    before = known(desk.line, frozenset())
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    desk.handle(Connected(call.bridge or ""))
    desk.switch.did.clear()
    looked(desk, {"": ["c1", call.leg or ""]}, before)
    assert desk.switch.told("connect") == []


def test_who_has_hung_up_meanwhile_is_not_brought_back() -> None:
    desk, call = a_talk()
    before, leg = known(desk.line, frozenset()), call.leg or ""
    desk.dispatcher.finish(call, "citizen", 16, 150.0)
    desk.switch.did.clear()
    looked(desk, {"old": [leg]}, before)
    assert desk.switch.told("connect") == []


def test_a_phone_that_began_to_ring_for_nobody_is_let_go() -> None:
    desk = LineDesk(operators=2, ring_timeout_s=20.0)
    desk.citizen()
    desk.press("2")
    late = desk.line.calls["c1"].leg or ""
    after = desk.next_engine()
    offers = offers_of(after.line)
    assert offers == {late}
    after.take_up(a_leg())  # Asterisk had not rung it yet, so it is the other operator's turn
    rings = after.line.calls["c1"].leg or ""
    assert rings not in ("", late)
    before = known(after.line, offers)
    legs = {one: a_leg(one, citizen=one == "c1", up=False) for one in ("c1", rings, late)}
    look(after.line, before, Snapshot(legs, {}))
    assert after.switch.told("hang_up") == [late]


def test_a_bridge_that_is_made_for_two_in_a_moment_stays() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    desk.handle(StasisStart(["operator"], a_channel(call.leg or "")))
    looked(desk, {call.bridge or "": []})
    assert desk.switch.told("disconnect") == []
