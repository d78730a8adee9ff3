"""An engine dies while a citizen is handed over: the next one knows who is who and who has left."""

from __future__ import annotations

from factories import LineDesk, a_channel, a_leg, a_record

from acd.calls.call import Call
from acd.calls.record import LegRecord
from acd.calls.states import Stage
from acd.operators.states import State
from ngalam112.engine.ari_switch import Connected, ConnectFailed
from pbx.ari_types import (
    ChannelHangupRequest,
    ChannelTransfer,
    ReferredBy,
    ReferTo,
    RequestedDestination,
    StasisStart,
)

NOW = 200.0


class Consulting:
    """1001 talks with the citizen c1 since 110.0 and asks 1002, who answers; then an engine dies.

    `by`, `other`: their legs. `bridge`: the citizen's.
    """

    def __init__(self, then: str = "") -> None:
        self.desk = desk = LineDesk(operators=3, wrap_up_s=30.0)
        call = desk.citizen_talks()
        self.by, self.bridge = call.leg or "", call.bridge or ""
        for key in "*21002#":
            desk.press(key, self.by, now=111.0)
        self.other = next(one for one in call.legs if one != self.by)
        desk.handle(StasisStart(["operator"], a_channel(self.other)), now=112.0)
        for key in then:
            desk.press(key, self.by, now=113.0)

    def next_engine(self, bridges: dict[str, list[str]], *legs: str) -> tuple[LineDesk, Call]:
        """The next engine, which has found these bridges and legs."""
        after = self.desk.next_engine(now=NOW)
        found = [a_leg(one, citizen=False) for one in legs or (self.by, self.other)]
        after.restore_calls(a_leg(), *found, bridges=bridges, now=NOW)
        return after, after.router.calls["c1"]


def test_music_for_a_consultation_that_never_came_about_does_not_drown_the_talk() -> None:
    consulting = Consulting()
    after, call = consulting.next_engine({consulting.bridge: ["c1", consulting.by]})
    assert call.stage is Stage.TALKING
    assert after.switch.told("unhold") == ["c1"]


def test_who_is_connected_again_is_free_for_nobody_else_meanwhile() -> None:
    consulting = Consulting()
    after, call = consulting.next_engine({"apart": [consulting.by, consulting.other]})
    operator = after.operator("1001")
    assert (call.stage, operator.state, operator.call) == (Stage.RINGING, State.OFFERED, call.id)
    after.handle(Connected(call.bridge or ""), now=NOW + 1)
    assert operator.state is State.TALKING


def test_who_cannot_be_connected_again_has_left_and_the_citizen_waits() -> None:
    consulting = Consulting()
    after, call = consulting.next_engine({"apart": [consulting.by, consulting.other]})
    after.handle(ConnectFailed(call.bridge or "", "Channel not found"), now=NOW + 1)
    (leg,) = call.record.legs
    assert (leg.left_at, leg.reason) == (NOW + 1, "failed")
    assert (after.operator("1001").state, call.stage) == (State.WRAP_UP, Stage.RINGING)
    assert call.operator == "1003", "the next one who is free"


def test_a_handing_over_of_which_no_answer_was_seen_is_done() -> None:
    consulting = Consulting(then="*2")
    bridges = {consulting.bridge: ["c1", consulting.other], "apart": [consulting.by]}
    after, call = consulting.next_engine(bridges)
    first, second = call.record.legs
    assert (first.operator, first.left_at, first.reason) == ("1001", NOW, "taken_up")
    assert (second.operator, second.phone, second.left_at) == ("1002", "102", None)
    assert after.switch.told("hang_up") == [consulting.by]
    states = [after.operator(one).state for one in ("1001", "1002")]
    assert states == [State.WRAP_UP, State.TALKING]


def test_who_hung_up_in_the_gap_has_left_and_the_citizen_waits_on() -> None:
    consulting = Consulting()
    after = consulting.desk.next_engine(now=NOW)
    after.restore_calls(a_leg(), bridges={consulting.bridge: ["c1"]}, now=NOW)
    call = after.router.calls["c1"]
    assert [one.left_at for one in call.record.legs] == [NOW]
    assert after.operator("1001").state is State.WRAP_UP
    assert (call.stage, call.operator) == (Stage.RINGING, "1003")


def test_a_colleague_whom_a_phone_has_consulted_by_itself_is_known_to_the_next_engine() -> None:
    desk = LineDesk(operators=2)
    call = desk.citizen_talks()
    by = call.leg or ""
    desk.handle(StasisStart(["number", "101", "1002"], a_channel("own")), now=111.0)
    other = desk.router.operator_calls.by_channel["own"].leg
    desk.handle(StasisStart(["operator"], a_channel(other)), now=112.0)
    wanted = ReferTo(RequestedDestination("1002", "a-call-id"), a_channel("own"))
    desk.handle(ChannelTransfer(wanted, ReferredBy(a_channel(by))), now=113.0)
    after = desk.next_engine(now=NOW)
    legs = [a_leg(one, citizen=False) for one in (by, other)]
    after.restore_calls(a_leg(), *legs, bridges={call.bridge or "": ["c1", by, other]}, now=NOW)
    sides = [(leg.operator, leg.phone) for leg in after.router.calls["c1"].legs.values()]
    assert sorted(sides) == [("1001", "101"), ("1002", "102")]


def test_a_bridge_that_was_to_be_taken_down_is() -> None:
    consulting = Consulting()
    desk, by = consulting.desk, consulting.by
    for key in "*0":
        desk.press(key, by, now=114.0)
    desk.handle(ChannelHangupRequest(a_channel(by), 16), now=120.0)
    after = desk.next_engine(now=NOW)
    after.restore_calls(a_leg(), bridges={consulting.bridge: ["c1"]}, now=NOW)
    assert after.switch.told("hang_up") == ["c1"]
    assert after.switch.told("disconnect") == [consulting.bridge]


def a_refer(desk: LineDesk, leg: str, number: str) -> None:
    wanted = ReferTo(RequestedDestination(number))
    desk.handle(ChannelTransfer(wanted, ReferredBy(a_channel(leg))), now=113.0)


def test_a_phone_that_waits_for_the_end_of_its_refer_is_told_and_goes_on_talking() -> None:
    desk = LineDesk(operators=2)
    call = desk.citizen_talks()
    by, bridge = call.leg or "", call.bridge or ""
    a_refer(desk, by, "1002")
    rings = next(one for one in call.legs if one != by)
    after = desk.next_engine(now=NOW)
    legs = [a_leg(by, citizen=False), a_leg(rings, citizen=False, up=False)]
    after.restore_calls(a_leg(), *legs, bridges={bridge: ["c1", by]}, now=NOW)
    told = [(did.to, did.more) for did in after.switch.all("progress")]
    assert told == [(by, ("declined",))]
    assert after.switch.told("hang_up") == [rings]
    assert after.operator("1001").state is State.TALKING


def test_a_refer_that_came_before_its_leg_is_answered_by_the_next_engine() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    leg = call.leg or ""
    a_refer(desk, leg, "1002")
    after = desk.next_engine(now=115.0)
    after.restore_calls(a_leg(), a_leg(leg, citizen=False, up=True), now=115.0)
    assert after.switch.told("progress") == [leg]


def test_who_has_left_one_citizen_and_talks_with_another_goes_on_doing_so() -> None:
    desk = LineDesk(wrap_up_s=30.0)
    call = desk.citizen_talks("c2")
    leg = call.leg or ""
    after = desk.next_engine(now=NOW)
    talked = LegRecord(leg="o1", operator="1001", phone="101", joined_at=90.0)
    stored = a_record("c1", arrived_at=190.0, queued_at=191.0, category="police", legs=[talked])
    after.router.live.remember(stored)
    found = [a_leg("c1"), a_leg("c2"), a_leg(leg, citizen=False)]
    after.restore_calls(*found, bridges={call.bridge or "": ["c2", leg]}, now=NOW)
    assert after.operator("1001").state is State.TALKING
    assert [one.left_at for one in after.router.calls["c1"].record.legs] == [NOW]


def test_the_next_engine_knows_legs_and_bridge_as_the_citizens_own() -> None:
    """What is asked for them takes the citizen's turn, so that it is done in its order."""
    consulting = Consulting(then="*3")
    both = [consulting.by, consulting.other]
    after, _ = consulting.next_engine({consulting.bridge: ["c1", *both]})
    assert after.switch.whose == dict.fromkeys([consulting.bridge, *both], "c1")
    consulting = Consulting()
    after, _ = consulting.next_engine({"apart": [consulting.by, consulting.other]})
    assert after.switch.whose == {consulting.by: "c1", "apart": "c1"}
    # in this order, else Asterisk may send the operator out of the new bridge again
    asked = [did.what for did in after.switch.did]
    assert asked.index("connect") < asked.index("disconnect")


def test_the_next_engine_knows_a_phone_that_rings_as_the_citizens_own() -> None:
    desk = LineDesk()
    call = desk.citizen()
    desk.press("2")
    rings = call.leg or ""
    after = desk.next_engine(now=NOW)
    after.restore_calls(a_leg(), a_leg(rings, citizen=False, up=False), now=NOW)
    assert after.switch.whose == {rings: "c1"}
