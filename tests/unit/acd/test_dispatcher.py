"""The dispatcher keeps its promises whatever happens in whatever order, and case by case."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from factories import OFTEN, Desk, a_call
from fakes import Did
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from acd.calls.call import Call
from acd.calls.record import EventKind, fold
from acd.calls.states import Stage
from acd.legs import BROKEN_DIALOG, LOST, NO_AUDIO, dialable
from acd.numbers.withheld import Withheld
from acd.operators.operator import Device, available
from acd.operators.roster import RosterError
from acd.operators.states import State
from acd.queueing.announcements import INTERRUPTED
from acd.queueing.queue import service_key
from acd.rules.load_shedding import ANSWER_UNSEEN_S

CAUSES = st.sampled_from([0, 16, 17, 18, 19, 20, 21, 27, 44, 127])
PHONES = ["101", "102", "103"]


class Centre(RuleBasedStateMachine):
    """Asterisk, citizens and operators at their worst, against one dispatcher."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.now = Desk(3), 1000.0
        self.calls: list[Call] = []
        self.citizens: dict[str, Call] = {}  # legs that live in Asterisk
        self.legs: dict[str, str] = {}  # operators' legs that live: ringing, answered
        self.asked: list[str] = []  # bridges whose connecting has not been answered yet
        self.hears: dict[str, bool] = {}  # music
        self.desk.switch.hears = self.obey

    def obey(self, did: Did) -> None:
        if did.what == "ring":
            self.legs[did.to] = "ringing"
        elif did.what == "connect":
            self.asked.append(did.to)
            self.hears[did.more[0]] = False
        elif did.what == "music":
            self.hears[did.to] = True

    def pick(self, data: st.DataObject, of: Any) -> Any:
        return data.draw(st.sampled_from(list(of)))  # ids are random: keep their order of birth

    def pick_ringing(self, data: st.DataObject) -> Any:
        return self.pick(data, [leg for leg, state in self.legs.items() if state == "ringing"])

    @rule()
    def a_citizen_is_through_the_menu(self) -> None:
        self.calls.append(self.desk.queued(f"c{len(self.calls)}", self.now))
        self.citizens[self.calls[-1].channel] = self.calls[-1]

    @precondition(lambda self: self.citizens)
    @rule(data=st.data(), cause=CAUSES)
    def a_citizen_is_gone(self, data: st.DataObject, cause: int) -> None:
        call = self.citizens.pop(self.pick(data, self.citizens))
        self.desk.dispatcher.citizen_gone(call, cause, self.now)
        self.desk.dispatcher.settle(self.now)

    @precondition(lambda self: "ringing" in self.legs.values())
    @rule(data=st.data())
    def an_operator_answers(self, data: st.DataObject) -> None:
        leg = self.pick_ringing(data)
        self.legs[leg] = "answered"
        self.desk.dispatcher.operator_legs.leg_ringing(leg, self.now)
        self.desk.dispatcher.leg_answered(leg, self.now)
        self.desk.dispatcher.settle(self.now)

    @precondition(lambda self: "ringing" in self.legs.values())
    @rule(data=st.data())
    def a_phone_cannot_be_rung(self, data: st.DataObject) -> None:
        leg = self.pick_ringing(data)
        del self.legs[leg]
        self.desk.dispatcher.ring_failed(leg, self.now)
        self.desk.dispatcher.settle(self.now)

    @precondition(lambda self: self.asked)
    @rule(works=st.booleans())
    def asterisk_answers_about_connecting(self, works: bool) -> None:
        bridge = self.asked.pop(0)
        if works:
            self.desk.dispatcher.connected(bridge, self.now)
            self.desk.dispatcher.settle(self.now)
        else:
            self.desk.dispatcher.connect_failed(bridge, "no answer", self.now)
            self.desk.dispatcher.settle(self.now)

    @precondition(lambda self: self.legs)
    @rule(data=st.data(), cause=CAUSES)
    def an_operators_leg_is_gone(self, data: st.DataObject, cause: int) -> None:
        leg = self.pick(data, self.legs)
        del self.legs[leg]
        self.desk.dispatcher.leg_gone(leg, cause, self.now)
        self.desk.dispatcher.settle(self.now)

    @rule(seconds=st.sampled_from([0.0, 0.4, 1.0, 6.0, 13.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.desk.timers.fire(self.now)

    @rule(
        who=st.sampled_from(["1001", "1002", "1003"]),
        wish=st.sampled_from(["login", "login", "logout", "pause", "ready"]),
        phone=st.sampled_from(PHONES),
    )
    def an_operator_wishes(self, who: str, wish: str, phone: str) -> None:
        roster = self.desk.roster
        with contextlib.suppress(RosterError):
            if wish == "login":
                roster.login(who, phone, self.now)
            elif wish == "pause":
                roster.pause(who, None, self.now)
            else:
                getattr(roster, wish)(who, self.now)
        self.desk.dispatcher.settle(self.now)

    @rule(phone=st.sampled_from(PHONES), device=st.sampled_from(Device))
    def asterisk_tells_of_a_phone(self, phone: str, device: Device) -> None:
        if self.desk.roster.device(phone, device):
            self.desk.dispatcher.settle(self.now)

    @rule(phone=st.sampled_from(PHONES))
    def a_phone_registers(self, phone: str) -> None:
        self.desk.roster.phone_seen(phone)
        self.desk.dispatcher.settle(self.now)

    @rule(name=st.sampled_from(["leg_answered", "connected"]))
    def something_strange_happens(self, name: str) -> None:
        getattr(self.desk.dispatcher, name)("nobody", self.now)
        self.desk.dispatcher.operator_legs.leg_ringing("nobody", self.now)
        self.desk.dispatcher.leg_gone("nobody", 16, self.now)
        self.desk.dispatcher.settle(self.now)

    @invariant()
    def no_operator_holds_two_calls_and_each_state_fits(self) -> None:
        held = [call for call in self.calls if call.stage in (Stage.RINGING, Stage.TALKING)]
        for one in self.desk.roster.operators.values():
            mine = [call for call in held if call.operator == one.id]
            stages = {State.OFFERED: [Stage.RINGING], State.TALKING: [Stage.TALKING]}
            assert [call.stage for call in mine] == stages.get(one.state, [])
            assert [call.id for call in mine] == ([one.call] if one.call else [])

    @invariant()
    def nobody_free_is_beside_a_waiting_call(self) -> None:
        roster = self.desk.roster
        free = [one for one in roster.operators.values() if available(one, roster.phones, self.now)]
        assert not free or not len(self.desk.dispatcher.queue)

    @invariant()
    def every_call_is_where_its_stage_says(self) -> None:
        dispatcher = self.desk.dispatcher
        queued = [call for call in self.calls if call.stage is Stage.QUEUED]
        assert list(dispatcher.queue) == sorted(queued, key=service_key)
        held = {leg: of for call in self.calls for leg, of in call.legs.items()}
        assert dispatcher.operator_legs.legs == held
        assert dispatcher.bridges == {one.bridge: one for one in self.calls if one.bridge}

    @invariant()
    def whoever_waits_hears_music(self) -> None:
        for call in self.calls:
            if call.stage is Stage.QUEUED or (call.stage is Stage.RINGING and not call.bridge):
                assert self.hears[call.channel]

    @invariant()
    def every_record_is_the_fold_of_its_events_and_ends_once(self) -> None:
        journal = self.desk.journal
        for call in self.calls:
            events = journal.events[call.id]
            assert journal.records[call.id] == call.record == fold(call.id, events)
            ended = journal.kinds(call.id).count("ended")
            assert ended == (call.stage is Stage.ENDED) == (call.record.outcome is not None)

    def teardown(self) -> None:
        desk = self.desk
        for call in self.citizens.values():
            desk.dispatcher.citizen_gone(call, 16, self.now)
        assert self.legs.keys() <= set(desk.switch.told("hang_up"))
        assert all(call.stage is Stage.ENDED for call in self.calls)
        for leg in self.legs:
            desk.dispatcher.leg_gone(leg, 16, self.now)
        for bridge in self.asked:
            desk.dispatcher.connected(bridge, self.now)
        self.now += 1000
        desk.timers.fire(self.now)
        assert (desk.dispatcher.operator_legs.legs, desk.dispatcher.bridges) == ({}, {})
        assert list(desk.dispatcher.queue) == []
        assert set(desk.switch.told("connect")) <= set(desk.switch.told("disconnect"))
        assert {one.state for one in desk.roster.operators.values()} == {State.IDLE}
        for who, phone in zip(desk.roster.operators, PHONES, strict=True):
            desk.roster.device(phone, Device.FREE)
            desk.roster.phone_seen(phone)
            desk.roster.login(who, phone, self.now)
            desk.roster.ready(who, self.now)
            assert desk.queued(f"last{who}", self.now).stage is Stage.RINGING


Centre.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestTheDispatcherKeepsItsPromisesWhateverHappens = Centre.TestCase


@pytest.mark.parametrize(
    ("cause", "reason", "rest_s"),
    [(17, "busy", 3), (18, "no_answer", 0.5), (21, "rejected", 5), (20, "unreachable", 5)],
)
def test_a_phone_that_does_not_take_a_call_rests_and_the_next_one_rings(
    cause: int, reason: str, rest_s: float
) -> None:
    desk = Desk(2)
    call = desk.queued()
    desk.dispatcher.leg_gone(call.leg or "", cause, 101.0)
    desk.dispatcher.settle(101.0)
    assert desk.journal.events[call.id][-2].data["reason"] == reason
    assert desk.operator("1001").not_before == 101.0 + rest_s
    assert (call.operator, desk.switch.last("ring").more[0]) == ("1002", "102")


@pytest.mark.parametrize("cause", [16, 17, 0])
def test_a_phone_that_answers_and_drops_before_it_is_connected_has_hung_up(cause: int) -> None:
    desk = Desk(2)
    call = desk.queued()
    leg = call.leg or ""
    desk.dispatcher.leg_answered(leg, 101.0)
    desk.dispatcher.leg_gone(leg, cause, 101.1)
    desk.dispatcher.settle(101.1)
    failed = [one for one in desk.journal.events[call.id] if one.kind is EventKind.OFFER_FAILED]
    assert [one.data["reason"] for one in failed] == ["hung_up"]
    assert desk.operator("1001").not_before == 106.1, "as one that refuses"
    assert call.operator == "1002"


def test_a_phone_that_rings_in_vain_is_given_up_after_the_ring_timeout() -> None:
    desk = Desk(2, ring_timeout_s=12.0)
    call = desk.queued()
    leg = call.leg
    assert desk.timers.next() == 112.0
    desk.timers.fire(112.0)
    assert desk.switch.last("hang_up") == Did("hang_up", leg or "", (19,))
    assert call.operator == "1002"


def test_wrap_up_keeps_the_next_call_away_and_its_end_brings_it() -> None:
    desk = Desk(1, wrap_up_s=10.0)
    first = desk.talking()
    desk.dispatcher.leg_gone(first.leg or "", 16, 150.0)
    call = desk.queued("c2", 151.0)
    desk.timers.fire(159.9)
    assert (call.stage, desk.operator().state) == (Stage.QUEUED, State.WRAP_UP)
    desk.timers.fire(160.0)
    assert call.stage is Stage.RINGING


def test_when_a_wrap_up_began_and_ended_is_kept_with_its_setting() -> None:
    desk = Desk(1, wrap_up_s=10.0)
    call = desk.talking()
    desk.dispatcher.leg_gone(call.leg or "", 16, 150.0)
    desk.timers.fire(160.25)
    kept = [event for event in desk.journal.operator_events if event[2].startswith("wrap_up")]
    assert kept == [
        ("1001", 150.0, "wrap_up", "101", "10"),
        ("1001", 160.25, "wrap_up_end", "101", "done"),
    ]


def test_a_ring_that_ends_while_the_line_is_late_is_no_miss_until_it_has_caught_up() -> None:
    desk, waits_to_be_done = Desk(), 500
    call = desk.queued()
    leg, (rings_s, unseen_s) = (
        call.leg or "",
        (desk.dispatcher.rules.ring_timeout_s, ANSWER_UNSEEN_S),
    )
    desk.dispatcher.load.backlog = lambda: waits_to_be_done
    desk.timers.fire(100.0 + rings_s)
    assert (call.stage, desk.operator().misses) == (Stage.RINGING, 0)
    waits_to_be_done = 0
    desk.dispatcher.leg_answered(leg, 101.0 + rings_s)
    desk.timers.fire(102.0 + rings_s + unseen_s)
    assert desk.operator().misses == 0


def test_a_line_that_stays_late_does_not_let_a_phone_ring_for_ever() -> None:
    desk = Desk()
    call = desk.queued()
    leg, rings_s = call.leg, desk.dispatcher.rules.ring_timeout_s
    desk.dispatcher.load.backlog = lambda: 500
    for at in (rings_s, rings_s + 4.0, rings_s + ANSWER_UNSEEN_S + 0.6):
        desk.timers.fire(100.0 + at)
    assert leg not in call.legs


def test_a_phone_that_went_away_while_it_rang_is_not_taken_for_free() -> None:
    desk = Desk(1)
    call = desk.queued()
    desk.roster.device("101", Device.UNREACHABLE)
    desk.dispatcher.leg_gone(call.leg or "", 20, 101.0)
    desk.timers.fire(200.0)
    assert desk.phone().device is Device.UNREACHABLE
    assert call.stage is Stage.QUEUED


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("0812-345 (67).8", "0812345678"),
        ("+62812;cpc=ordinary", "+62812"),
        ("warga110", ""),
        ("0800-TAXI-MLG", ""),
        ("*21*0812#", ""),
        ("anonymous", ""),
        ("1" * 33, ""),
    ],
)
def test_only_what_is_a_telephone_number_as_a_whole_can_be_dialled(number: str, shown: str) -> None:
    assert dialable(number) == shown


@OFTEN
@given(st.text(max_size=60) | st.text('+0123456789\r\n"<>', max_size=60))
def test_whatever_a_caller_calls_itself_only_what_can_be_dialled_is_shown(number: str) -> None:
    assert set(dialable(number)) <= set("+0123456789")
    desk = Desk(1)
    desk.queued(number=number, category="fire")
    shown = dialable(number) or "anonim"
    assert desk.switch.last("ring").more[1] == (f"FIRE {shown}", shown)


@pytest.mark.parametrize(
    ("how", "display"),
    [
        (Withheld.SHOWN, ("FIRE 081234567890", "081234567890")),
        (Withheld.MASKED, ("FIRE 0812****890", "anonim")),
        (Withheld.HIDDEN, ("FIRE anonim", "anonim")),
    ],
)
def test_a_phone_shows_as_much_of_a_withheld_number_as_people_may_see(
    how: Withheld, display: tuple[str, str]
) -> None:
    desk = Desk(1, withheld=how)
    call = a_call(journal=desk.journal, number="081234567890", category="fire")
    call.record.withheld = True
    desk.dispatcher.enqueue(call, 100.0)
    desk.dispatcher.settle(100.0)
    assert desk.switch.last("ring").more[1] == display


def test_a_phone_shows_all_that_is_known_of_a_call_in_one_order() -> None:
    desk = Desk(1, withheld=Withheld.MASKED)
    call = a_call(journal=desk.journal, number="081234567890", category="fire")
    record = call.record
    call.silent, record.withheld, record.nuisance, record.language = True, True, "marks", "en"
    record.place_source, record.kelurahan, record.kecamatan = "value", "Kauman", "Klojen"
    desk.dispatcher.enqueue(call, 100.0)
    desk.timers.fire(400.0)  # behind the others, and nobody speaks the language
    desk.dispatcher.settle(400.0)
    shown = "FIRE DIAM PRANK? EN 0812****890, Kauman, Klojen"
    assert desk.switch.last("ring").more[1] == (shown, "anonim")


@pytest.mark.parametrize("cause", sorted(LOST))
def test_who_was_lost_in_a_talk_has_not_hung_up_and_the_citizen_is_served_before_all(
    cause: int,
) -> None:
    desk = Desk(2)
    call = desk.talking()
    other = desk.talking("c2", 101.0)
    waits = desk.queued("c3", 102.0)
    died = desk.phone(next(iter(call.legs.values())).phone)
    desk.dispatcher.leg_gone(call.leg or "", cause, 110.0)
    desk.dispatcher.settle(110.0)
    assert (call.stage, call.record.ended_at) == (Stage.QUEUED, None)
    assert desk.switch.last("say").more[1] == INTERRUPTED
    assert [one.data["reason"] for one in desk.journal.events[call.id] if one.kind == "left"] == [
        "lost"
    ]
    assert (died.died_at > 0) == (cause != BROKEN_DIALOG)
    desk.dispatcher.leg_gone(other.leg or "", 16, 111.0)
    desk.timers.fire(125.0)
    assert call.stage is Stage.RINGING
    assert waits.stage is Stage.QUEUED or not died.died_at


def test_a_phone_that_died_is_not_rung_before_it_is_seen() -> None:
    desk = Desk(1)
    call = desk.talking()
    desk.dispatcher.leg_gone(call.leg or "", NO_AUDIO, 110.0)
    assert not desk.roster.device("101", Device.FREE), "its registration outlives it"
    desk.timers.fire(130.0)
    assert call.stage is Stage.QUEUED
    desk.roster.phone_seen("101")
    desk.dispatcher.settle(131.0)
    assert call.stage is Stage.RINGING


def test_a_phone_that_asterisk_knows_to_be_away_is_believed_to_come_back() -> None:
    desk = Desk(1)
    call = desk.talking()
    desk.dispatcher.leg_gone(call.leg or "", NO_AUDIO, 110.0)
    desk.roster.device("101", Device.UNREACHABLE)
    assert desk.roster.device("101", Device.FREE)
