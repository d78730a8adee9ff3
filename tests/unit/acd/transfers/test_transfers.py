"""Handing over, case by case, on a pretended Asterisk: what each failure leads back to."""

from __future__ import annotations

import pytest
from exchange import Exchange
from factories import LineDesk, an_agency

from acd.agencies.register import Register
from acd.calls.call import Call, Leg
from acd.calls.states import LegStage, Stage
from acd.operators.states import State
from acd.transfers.directory import Directory
from ngalam112.engine.ari_switch import Joined, JoinFailed, RingFailed
from pbx import ari_types as ari
from reports.queue_log import call_lines

POLICE = an_agency("110", voice="sip:110@192.0.2.1", fallback="0341112")


class Hand:
    """A citizen who talks with operator 1001; others can be handed to."""

    def __init__(self, operators: int = 3) -> None:
        self.desk, self.exchange, self.now = LineDesk(operators, wrap_up_s=10.0), Exchange(), 100.0
        self.desk.dispatcher.transfers.directory = Directory(
            agencies=Register([POLICE]), categories={"93": "fire"}, carrier=True
        )
        self.desk.switch.hears = self.exchange.obey
        channel = self.exchange.arrives("c1", "citizen", "")
        self.handle(ari.StasisStart(["citizen"], channel), ari.ChannelDtmfReceived("2", channel))
        self.call: Call = self.desk.router.calls["c1"]
        self.first = self.newest()
        self.answer(self.first)
        self.now = 200.0

    def handle(self, *events: object) -> None:
        self.desk.handle(*events, now=self.now)
        while self.exchange.answers:
            self.desk.handle(self.exchange.answers.pop(0), now=self.now)

    def newest(self) -> Leg:
        return list(self.call.legs.values())[-1]

    def answer(self, leg: Leg) -> None:
        self.exchange.channels[leg.id].up = True
        self.handle(ari.StasisStart(["operator"], ari.Channel(id=leg.id)))

    def press(self, keys: str) -> None:
        for key in keys:
            self.handle(ari.ChannelDtmfReceived(key, ari.Channel(id=self.first.id)))

    def gone(self, leg: Leg, cause: int = 16) -> None:
        self.exchange.drop(leg.id)
        self.handle(ari.ChannelDestroyed(ari.Channel(id=leg.id), cause))

    def state(self, number: str) -> State:
        return self.desk.operator(number).state

    def refer(self, to: str, by_leg: Leg | None = None) -> None:
        wanted = ari.ReferTo(ari.RequestedDestination(to))
        by = ari.ReferredBy(ari.Channel(id=(by_leg or self.first).id))
        self.handle(ari.ChannelTransfer(wanted, by))

    def progress(self) -> list[str]:
        return [did.more[0] for did in self.desk.switch.all("progress")]


def test_who_answers_and_hangs_up_at_once_sends_the_citizen_back_to_the_first() -> None:
    hand = Hand()
    hand.refer("102")
    second = hand.newest()
    hand.answer(second)
    assert hand.progress() == ["trying", "answered"]
    hand.gone(hand.first)
    assert hand.state("1001") is State.WRAP_UP
    hand.now += 0.1
    hand.gone(second)
    assert (hand.call.stage, hand.newest().operator) == (Stage.RINGING, "1001")
    assert hand.state("1002") is State.IDLE
    assert hand.desk.operator("1002").not_before == hand.now + 5


def test_a_refer_before_the_leg_is_ours_is_declined_once_it_is() -> None:
    hand = Hand()
    hand.press("*2102#")
    second = hand.newest()
    hand.refer("103", second)
    assert hand.progress() == [], "Asterisk would refuse it"
    hand.answer(second)
    assert hand.progress() == ["declined"]
    assert second.stage is LegStage.CONSULTING


def test_a_phone_that_leaves_once_it_is_told_of_an_early_refer_has_not_ended_the_call() -> None:
    hand = Hand()
    hand.now = 100.3
    hand.gone(hand.first)
    second = hand.newest()
    hand.refer("103", second)
    hand.now += 5  # it rings
    hand.answer(second)
    hand.now += 0.9
    hand.gone(second)
    assert (hand.call.stage, hand.call.record.ended_by) == (Stage.RINGING, None)


def test_who_hangs_up_after_half_a_second_has_ended_the_call() -> None:
    hand = Hand()
    hand.gone(hand.first)
    assert (hand.call.stage, hand.call.record.ended_by) == (Stage.ENDED, "operator")


def test_a_first_answer_that_is_hung_up_at_once_rings_the_next_one() -> None:
    hand = Hand()
    hand.now = 100.3
    hand.gone(hand.first)
    assert hand.call.stage is Stage.RINGING
    assert hand.newest().operator == "1002"
    assert hand.exchange.hears("c1") == {"music"}


def test_who_cannot_be_put_back_leaves_the_citizen_to_one_who_consults_meanwhile() -> None:
    hand = Hand()
    hand.press("*2102#")
    second = hand.newest()
    hand.answer(second)
    hand.desk.switch.hears = lambda did: None  # Asterisk's answers come later, by hand
    hand.press("*3")
    hand.handle(Joined(hand.call.bridge or "", second.id))
    there = ari.Channel(id=second.id)
    hand.handle(*(ari.ChannelDtmfReceived(key, there) for key in "*2103#"))
    hand.handle(ari.StasisStart(["operator"], ari.Channel(id=hand.newest().id)))
    hand.handle(JoinFailed(hand.call.bridge or "", hand.first.id, "gone"))
    assert hand.call.stage is Stage.TALKING
    assert hand.call.transfer is not None and hand.call.transfer.by is second


def test_a_refer_of_who_cannot_be_put_back_is_answered_before_the_leg_goes() -> None:
    hand = Hand()
    hand.press("*2102#")
    second = hand.newest()
    hand.answer(second)
    hand.desk.switch.hears = lambda did: None
    hand.press("*3")
    hand.handle(Joined(hand.call.bridge or "", second.id))
    hand.refer("103")
    hand.handle(JoinFailed(hand.call.bridge or "", hand.first.id, "gone"))
    assert hand.progress() == ["trying", "unavailable"]
    assert hand.call.talkers() == [second]


def test_who_cannot_be_put_back_to_the_citizen_goes_and_the_citizen_waits() -> None:
    hand = Hand(2)
    hand.press("*2102#")
    hand.answer(hand.newest())
    assert hand.first.stage is LegStage.CONSULTING
    hand.exchange.fails = 1
    hand.press("*0")
    assert hand.call.stage in (Stage.QUEUED, Stage.RINGING)
    assert hand.exchange.hears("c1") == {"music"}
    assert hand.first.id in hand.desk.switch.told("hang_up")


def test_a_late_answer_about_another_bridge_changes_nothing() -> None:
    hand = Hand()
    hand.handle(JoinFailed("an-old-bridge", hand.first.id, "gone"))
    assert hand.first.stage is LegStage.TALKING


def test_a_held_citizen_is_not_on_hold_any_more_in_the_consult() -> None:
    hand = Hand()
    hand.handle(ari.ChannelHold(ari.Channel(id=hand.first.id)))
    assert hand.state("1001") is State.HOLDING
    hand.press("*2102#")
    hand.answer(hand.newest())
    assert hand.state("1001") is State.TALKING
    assert (hand.call.record.holds, hand.first.held_since) == (1, None)


def test_an_agencys_fallback_is_rung_after_its_number() -> None:
    hand = Hand()
    hand.press("*2110#")
    assert hand.newest().phone == "sip:110@192.0.2.1"
    hand.gone(hand.newest(), 17)
    assert hand.newest().phone == "tel:0341112"
    hand.gone(hand.newest(), 17)
    assert list(hand.call.legs) == [hand.first.id]
    assert hand.desk.switch.told("tell")[-1] == hand.first.id


def test_an_agency_that_is_retired_while_it_rings_is_talked_with_and_dialled_no_more() -> None:
    hand = Hand()
    hand.press("*2110#")
    hand.desk.dispatcher.transfers.directory.agencies.know([])
    hand.gone(hand.newest(), 17)
    assert hand.newest().phone == "tel:0341112", "its second number as well"
    hand.answer(hand.newest())
    hand.press("*2")
    assert hand.exchange.hears("c1") == {hand.newest().id}
    assert (hand.call.stage, hand.call.record.transfers) == (Stage.TALKING, 1)
    other = Hand()
    other.desk.dispatcher.transfers.directory.agencies.know([])
    other.press("*2110#")
    assert list(other.call.legs) == [other.first.id]


def test_the_citizen_waits_like_everybody_when_the_first_leaves_before_a_category_answers() -> None:
    hand = Hand(2)
    hand.press("*293#")
    ringing = hand.newest()
    hand.gone(hand.first)
    assert list(hand.call.legs) == [ringing.id], "it rings on"
    hand.gone(ringing, 17)
    assert (hand.call.stage, hand.call.record.transfers) == (Stage.QUEUED, 1)
    assert hand.exchange.hears("c1") == {"music"}
    assert hand.call in hand.desk.dispatcher.queue


def test_a_categorys_circles_and_cap_count_from_the_handing_over() -> None:
    hand = Hand()
    for number in ("1002", "1003"):
        hand.desk.operator(number).skills = {"police": 9}
    waiting = hand.desk.queued("c2", 190.0, category="fire")  # whom nobody has served
    hand.now = 205.0
    hand.press("*293#")
    assert list(hand.call.legs) == [hand.first.id], "nobody of the category is free"
    assert list(hand.desk.dispatcher.queue) == [hand.call, waiting], "as if 30 s earlier"
    hand.desk.timers.fire(224.9)  # 30 s after the arrival anybody may have a call
    assert (len(waiting.legs), len(hand.call.legs)) == (1, 1)
    hand.desk.timers.fire(234.9)
    assert len(hand.call.legs) == 1
    hand.desk.timers.fire(235.0)
    assert len(hand.call.legs) == 2, "30 s after the handing over too"


@pytest.mark.parametrize(
    ("to", "why"),
    [("101", "oneself"), ("999", "nowhere"), ("08123456", "forbidden"), ("103", "paused")],
)
def test_what_is_refused_is_told_by_keys_and_by_refer(to: str, why: str) -> None:
    hand = Hand()
    hand.desk.roster.pause("1003", None, 150.0)
    hand.press(f"*2{to}#")
    assert hand.desk.switch.last("tell").more == (f"transfer_{why}",)
    hand.refer(to)
    assert hand.progress() == ["declined"]
    assert hand.first.stage is LegStage.TALKING


def test_a_second_handing_over_is_refused_while_one_is_under_way() -> None:
    hand = Hand()
    hand.refer("102")
    hand.refer("103")
    assert hand.progress() == ["trying", "declined"]


def test_who_called_a_colleague_in_vain_hears_it_in_words() -> None:
    hand = Hand()
    dialled = hand.exchange.arrives("d1", "dial", "102")
    hand.handle(ari.StasisStart(["number", "102", "103"], dialled))
    ringing = hand.desk.switch.last("ring").to
    assert (hand.state("1002"), hand.state("1003")) == (State.CALLING, State.OFFERED)
    hand.exchange.drop(ringing)
    hand.handle(RingFailed(ringing))
    assert hand.desk.switch.last("say").more[1] == "transfer_failed"
    assert (hand.state("1002"), hand.state("1003")) == (State.IDLE, State.IDLE)
    assert hand.desk.phone("103").device.value == "free"


def test_a_refer_in_a_call_among_colleagues_is_declined() -> None:
    hand = Hand()
    by = ari.ReferredBy(ari.Channel(id="d1"))
    hand.handle(ari.ChannelTransfer(ari.ReferTo(ari.RequestedDestination("103")), by))
    assert hand.desk.switch.last("progress") == ("progress", "d1", ("declined",))


def left_the_queue(hand: Hand) -> list[str]:
    """How the export says that the first one has given the citizen away."""
    told = call_lines(hand.call.id, hand.desk.journal.events[hand.call.id])
    return [line.event for line in told if line.event.endswith("TRANSFER")]


def test_keys_after_a_consult_are_an_attended_transfer_in_the_export() -> None:
    hand = Hand()
    hand.press("*2102#")
    hand.answer(hand.newest())
    hand.press("*2")
    assert left_the_queue(hand) == ["ATTENDEDTRANSFER"]


def test_keys_before_the_answer_are_a_blind_transfer_in_the_export() -> None:
    hand = Hand()
    hand.press("*2102#*2")
    hand.answer(hand.newest())
    assert left_the_queue(hand) == ["BLINDTRANSFER"]


def test_a_refer_is_a_blind_transfer_in_the_export() -> None:
    hand = Hand()
    hand.refer("102")
    hand.answer(hand.newest())
    assert left_the_queue(hand) == ["BLINDTRANSFER"]


def test_who_leaves_a_citizen_to_a_category_has_not_consulted() -> None:
    hand = Hand(operators=1)
    hand.press("*293#")
    hand.gone(hand.first)
    assert left_the_queue(hand) == ["BLINDTRANSFER"]


class TestThePhonesOwnChannel:
    """1001's phone has consulted 1002 by itself and sends REFER with Replaces."""

    def handed_over(self) -> tuple[Hand, list[object]]:
        """The citizen is with 1002, and what Asterisk has yet to say."""
        hand = Hand()
        own = hand.exchange.arrives("own", "dial", "101")
        hand.handle(ari.StasisStart(["number", "101", "1002"], own))
        leg = hand.desk.router.operator_calls.by_channel["own"].leg
        hand.handle(ari.StasisStart(["operator"], ari.Channel(id=leg)))
        wanted = ari.ReferTo(ari.RequestedDestination("1002", "a-call-id"), own)
        by = ari.ReferredBy(ari.Channel(id=hand.first.id))
        hand.desk.handle(ari.ChannelTransfer(wanted, by), now=hand.now)
        hand.desk.handle(hand.exchange.answers.pop(0), now=hand.now)
        assert (hand.progress()[-1], hand.call.operator) == ("answered", "1002")
        return hand, hand.exchange.answers

    def test_it_goes_when_asterisk_has_told_the_phone_and_not_before(self) -> None:
        hand, to_come = self.handed_over()
        assert "own" not in hand.desk.switch.told("hang_up")
        hand.handle(ari.ChannelTransfer(ari.ReferTo(), ari.ReferredBy(), "channel_progress"))
        assert "own" in hand.desk.switch.told("hang_up") and not to_come

    def test_it_is_an_attended_transfer_in_the_export(self) -> None:
        hand, _ = self.handed_over()
        hand.handle()
        assert left_the_queue(hand) == ["ATTENDEDTRANSFER"]

    def test_it_goes_after_a_second_if_asterisk_never_says_so(self) -> None:
        hand, _ = self.handed_over()
        hand.desk.timers.fire(hand.now + 0.9)
        assert "own" not in hand.desk.switch.told("hang_up")
        hand.desk.timers.fire(hand.now + 1.0)
        assert "own" in hand.desk.switch.told("hang_up")
