"""The citizen hangs up while an operator has an agency on the line as well."""

from __future__ import annotations

import pytest
from factories import a_leg, an_agency
from test_transfers import POLICE, Hand

from acd.agencies.register import Register
from acd.calls.call import Leg
from acd.calls.states import Stage
from acd.operators.states import State
from acd.transfers.directory import Directory
from acd.transfers.talking_on import CITIZEN_LEFT, NOT_ANSWERED
from pbx import ari_types as ari


def with_agency(*, keys: str = "", answers: bool = True) -> tuple[Hand, Leg]:
    """Operator 1001 has the police on the line; `keys`: what is pressed after the answer."""
    hand = Hand()
    hand.press("*2110#")
    agency = hand.newest()
    if answers:
        hand.answer(agency)
        hand.press(keys)
    return hand, agency


def citizen_hangs_up(hand: Hand) -> None:
    hand.now += 30
    hand.exchange.drop("c1")
    hand.handle(ari.ChannelHangupRequest(ari.Channel(id="c1"), 16))
    hand.handle(ari.StasisEnd(ari.Channel(id="c1", state="Up")))
    assert (hand.call.stage, hand.call.record.ended_by) == (Stage.ENDED, "caller")
    assert hand.call.record.ended_at == hand.now
    assert None not in {one.left_at for one in hand.call.record.legs}


def talks_on(hand: Hand, other: Leg) -> bool:
    hears = hand.exchange.hears(hand.first.id)
    hung_up = set(hand.desk.switch.told("hang_up"))
    return hears == {other.id} and not {hand.first.id, other.id} & hung_up


@pytest.mark.parametrize("keys", ["", "*3"])
def test_an_operator_and_an_agency_talk_on(keys: str) -> None:
    hand, agency = with_agency(keys=keys)
    citizen_hangs_up(hand)
    assert talks_on(hand, agency)
    assert hand.state("1001") is State.CALLING
    assert hand.desk.switch.last("tell").more == (CITIZEN_LEFT,)
    hand.now += 40
    hand.gone(agency)
    assert hand.first.id in hand.desk.switch.told("hang_up")
    assert (hand.state("1001"), hand.desk.operator("1001").wrap_up_until) == (
        State.WRAP_UP,
        hand.now + 10,
    )
    assert not hand.exchange.bridges
    assert not [key for key in hand.desk.journal.facts if key.startswith("operator_call:")]


def test_the_operator_ends_it_as_well() -> None:
    hand, agency = with_agency(keys="*3")
    citizen_hangs_up(hand)
    hand.gone(hand.first)
    assert agency.id in hand.desk.switch.told("hang_up")
    assert hand.state("1001") is State.WRAP_UP


def test_an_agency_that_rings_yet_is_waited_for() -> None:
    hand, agency = with_agency(answers=False)
    citizen_hangs_up(hand)
    assert agency.id not in hand.desk.switch.told("hang_up")
    assert hand.first.id in hand.desk.switch.told("ringing")
    hand.answer(agency)
    assert talks_on(hand, agency)
    assert hand.first.id in hand.desk.switch.told("stop_ringing")


def test_an_agency_that_does_not_answer_is_rung_no_longer_than_it_would_have_been() -> None:
    hand, agency = with_agency(answers=False)
    until = agency.rings_until
    hand.now = until - 31
    citizen_hangs_up(hand)
    hand.desk.timers.fire(until - 0.1)
    assert agency.id not in hand.desk.switch.told("hang_up")
    hand.desk.timers.fire(until)
    assert agency.id in hand.desk.switch.told("hang_up")
    second = hand.desk.switch.last("ring").to
    hand.desk.timers.fire(until + 60)
    assert second in hand.desk.switch.told("hang_up")
    assert hand.desk.switch.playing()[1] == NOT_ANSWERED
    assert hand.state("1001") is State.WRAP_UP


def test_an_agency_is_rung_at_its_second_address_as_well() -> None:
    hand, agency = with_agency(answers=False)
    citizen_hangs_up(hand)
    hand.gone(agency, 17)
    second = hand.desk.switch.last("ring")
    assert second.to != agency.id
    assert second.more[0] == "tel:0341112"
    assert hand.first.id not in hand.desk.switch.told("hang_up")
    hand.exchange.channels[second.to].up = True
    hand.handle(ari.StasisStart(["operator"], ari.Channel(id=second.to)))
    assert hand.exchange.hears(hand.first.id) == {second.to}
    hand.gone(hand.first)
    assert second.to in hand.desk.switch.told("hang_up")


def test_who_talks_comes_before_who_rings() -> None:
    hand, agency = with_agency(keys="*3")
    both = Register([POLICE, an_agency("111", voice="0341113")])
    hand.desk.dispatcher.transfers.directory = Directory(agencies=both, carrier=True)
    hand.press("*2111#")
    ringing = hand.newest()
    assert ringing is not agency
    citizen_hangs_up(hand)
    assert talks_on(hand, agency)
    assert ringing.id in hand.desk.switch.told("hang_up")


def test_a_colleague_who_rings_yet_is_rung_no_more() -> None:
    hand = Hand()
    hand.press("*21002#")
    colleague = hand.newest()
    citizen_hangs_up(hand)
    assert {hand.first.id, colleague.id} <= set(hand.desk.switch.told("hang_up"))
    assert (hand.state("1001"), hand.state("1002")) == (State.WRAP_UP, State.IDLE)


def test_two_operators_who_consult_are_let_go_for_the_next_citizen() -> None:
    hand = Hand()
    hand.press("*21002#")
    colleague = hand.newest()
    hand.answer(colleague)
    citizen_hangs_up(hand)
    assert {hand.first.id, colleague.id} <= set(hand.desk.switch.told("hang_up"))
    assert (hand.state("1001"), hand.state("1002")) == (State.WRAP_UP, State.IDLE)


def test_of_three_in_a_talk_the_first_operator_and_the_agency_stay() -> None:
    hand, agency = with_agency(keys="*3")
    hand.press("*21002#")
    colleague = hand.newest()
    hand.answer(colleague)
    hand.press("*3")
    assert len(hand.call.talkers()) == 3
    citizen_hangs_up(hand)
    assert colleague.id in hand.desk.switch.told("hang_up")
    hand.exchange.drop(colleague.id)
    assert talks_on(hand, agency)
    assert hand.state("1002") is State.WRAP_UP


def test_who_wanted_to_leave_does_so() -> None:
    hand = Hand()
    hand.refer("110")
    agency = hand.newest()
    citizen_hangs_up(hand)
    assert {hand.first.id, agency.id} <= set(hand.desk.switch.told("hang_up"))


def test_an_operator_who_hangs_up_first_ends_all_as_before() -> None:
    hand, agency = with_agency(keys="*3")
    hand.gone(hand.first)
    citizen_hangs_up(hand)
    assert agency.id in hand.desk.switch.told("hang_up")
    assert not hand.desk.router.operator_calls.by_channel


def test_the_next_engine_leaves_the_two_alone_and_knows_of_the_wrap_up() -> None:
    hand, agency = with_agency()
    citizen_hangs_up(hand)
    after = hand.desk.next_engine(hand.now + 1)
    legs = [a_leg(one, citizen=False, up=True) for one in (hand.first.id, agency.id)]
    bridge = next(iter(hand.exchange.bridges))
    after.restore_calls(*legs, bridges={bridge: [hand.first.id, agency.id]}, now=hand.now + 2)
    assert not {hand.first.id, agency.id} & set(after.switch.told("hang_up"))
    assert after.operator("1001").state is State.CALLING
    gone = ari.ChannelDestroyed(ari.Channel(id=agency.id), 16)
    after.handle(gone, now=hand.now + 20)
    assert hand.first.id in after.switch.told("hang_up")
    assert after.operator("1001").state is State.WRAP_UP


def test_the_incident_tells_who_came_in_and_that_the_two_talk_on() -> None:
    hand, _ = with_agency(keys="*3")
    citizen_hangs_up(hand)
    rows = hand.desk.journal.tables["incident_entries"].values()
    told = [(row["kind"], row["by"], row["data"]) for row in rows if row["kind"] != "opened"]
    who = {"call_id": hand.call.id, "kind": "agency", "to": "110", "name": "Polisi"}
    assert told == [
        ("joined", "1001", {**who, "how": "conference"}),
        ("talks_on", "1001", who),
    ]
