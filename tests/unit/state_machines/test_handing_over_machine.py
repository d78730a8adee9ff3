"""Whatever citizens, phones, keys, REFERs and a failing Asterisk do in whatever order, handing over
keeps its promises: nobody is alone in silence, nobody holds two calls, nothing is left behind."""

from __future__ import annotations

from typing import Any

from exchange import Exchange
from factories import LineDesk, an_agency
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from acd.agencies.register import Register
from acd.calls.call import Call, Form
from acd.calls.record import fold
from acd.calls.states import LegStage, Stage
from acd.dispatcher import Dispatcher
from acd.operators.operator import Device, available
from acd.operators.states import State
from acd.transfers.directory import Directory
from pbx import ari_types as ari

PHONES = ["101", "102", "103", "104"]
TARGETS = ["102", "1003", "104", "110", "111", "92", "93", "999", "081234", "101"]
CAUSES = st.sampled_from([0, 16, 17, 19, 21, 127, None])  # None: it could not be rung at all
DIRECTORY = Directory(
    agencies=Register(
        [
            an_agency("110", voice="sip:110@192.0.2.1", fallback="0341112"),
            an_agency("111", voice="0341113"),
        ]
    ),
    categories={"92": "police", "93": "fire"},
    carrier=True,
)
STATES = {
    LegStage.RINGING: {State.OFFERED},
    LegStage.CONNECTING: {State.OFFERED, State.TALKING, State.CALLING},
    LegStage.TALKING: {State.TALKING, State.HOLDING},
    LegStage.CONSULTING: {State.TALKING},
}


class HandingOver(RuleBasedStateMachine):
    """Everybody at their worst, against one line on a pretended Asterisk."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.now, self.born = LineDesk(4), 1000.0, 0
        self.desk.dispatcher.transfers.directory = DIRECTORY
        self.exchange = Exchange()
        self.desk.switch.hears = self.exchange.obey
        self.calls: list[Call] = []

    @property
    def dispatcher(self) -> Dispatcher:
        return self.desk.dispatcher

    def handle(self, *events: object) -> None:
        self.desk.handle(*events, now=self.now)

    def new(self, kind: str, phone: str = "") -> ari.Channel:
        self.born += 1
        return self.exchange.arrives(f"{kind}{self.born}", kind, phone)

    def pick(self, data: st.DataObject, of: list[Any]) -> Any:
        return data.draw(st.sampled_from(of))

    def of_kind(self, *kinds: str, up: bool | None = None) -> list[str]:
        return [
            one.id
            for one in self.exchange.channels.values()
            if one.kind in kinds and (up is None or one.up == up) and not one.dying
        ]

    def gone(self, channel: str, cause: int) -> None:
        one = self.exchange.drop(channel)
        asked_for = one.dying
        there = ari.Channel(id=channel, state="Up")
        if not asked_for:
            self.handle(ari.ChannelHangupRequest(there, cause))
        self.handle(
            ari.StasisEnd(there) if one.kind != "leg" else ari.ChannelDestroyed(there, cause)
        )

    # --- citizens -----------------------------------------------------------------------------

    @initialize(talks=st.integers(0, 2))
    def talks_go_on(self, talks: int) -> None:
        for _ in range(talks):
            self.a_citizen_is_through_the_menu("2")
            self.answers(self.of_kind("leg", up=False)[0])
            self.asterisk_answers_all()
        self.now += 30

    @precondition(lambda self: len(self.of_kind("citizen")) < 3)
    @rule(key=st.sampled_from("23"))
    def a_citizen_is_through_the_menu(self, key: str) -> None:
        channel = self.new("citizen")
        self.now += 0.001  # two of the same moment would be served in the order of random ids
        self.handle(ari.StasisStart(["citizen"], channel), ari.ChannelDtmfReceived(key, channel))
        call = self.desk.router.calls.get(channel.id)  # an engine may have died of it, and the call
        if call is not None and call not in self.calls:
            self.calls.append(call)

    @precondition(lambda self: self.of_kind("citizen"))
    @rule(data=st.data())
    def a_citizen_hangs_up(self, data: st.DataObject) -> None:
        self.gone(self.pick(data, self.of_kind("citizen")), 16)

    # --- legs ---------------------------------------------------------------------------------

    @precondition(lambda self: self.of_kind("leg", up=False))
    @rule(data=st.data(), connects=st.sampled_from([True, True, False]))
    def somebody_answers(self, data: st.DataObject, connects: bool) -> None:
        self.answers(self.pick(data, self.of_kind("leg", up=False)))
        if connects:
            self.asterisk_answers_all()

    def answers(self, channel: str) -> None:
        self.exchange.channels[channel].up = True
        self.handle(ari.StasisStart(["operator"], ari.Channel(id=channel, state="Up")))

    @precondition(lambda self: self.of_kind("leg", "dial"))
    @rule(data=st.data(), cause=CAUSES)
    def a_leg_is_hung_up(self, data: st.DataObject, cause: int | None) -> None:
        channel = self.pick(data, self.of_kind("leg", "dial"))
        if cause is not None:
            self.gone(channel, cause)
        elif not self.exchange.channels[channel].up and channel in self.of_kind("leg"):
            self.exchange.drop(channel)
            self.handle(self.exchange.ring_failed(channel))

    @precondition(lambda self: self.exchange.dying())
    @rule(data=st.data())
    def a_leg_that_was_hung_up_is_gone(self, data: st.DataObject) -> None:
        self.gone(self.pick(data, self.exchange.dying()), 16)

    # --- what Asterisk says -------------------------------------------------------------------

    @precondition(lambda self: self.exchange.answers)
    @rule()
    def asterisk_answers(self) -> None:
        self.handle(self.exchange.answers.pop(0))

    @precondition(lambda self: self.exchange.answers)
    @rule()
    def asterisk_answers_all(self) -> None:
        while self.exchange.answers:
            self.asterisk_answers()

    @rule()
    def the_next_join_fails(self) -> None:
        self.exchange.fails = 1

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 6.0, 13.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds
        self.desk.timers.fire(self.now)

    # --- what operators ask for ---------------------------------------------------------------

    @precondition(lambda self: self.of_kind("leg", up=True))
    @rule(
        data=st.data(),
        keys=st.sampled_from([*(f"*2{to}#" for to in TARGETS), "*2", "*2", "*3", "*0", "7", "#"]),
    )
    def somebody_presses_keys(self, data: st.DataObject, keys: str) -> None:
        there = ari.Channel(id=self.pick(data, self.of_kind("leg", up=True)), state="Up")
        for key in keys:
            self.handle(ari.ChannelDtmfReceived(key, there))

    def talking(self) -> list[str]:
        legs = self.dispatcher.operator_legs.legs.values()
        return [leg.id for leg in legs if leg.stage is LegStage.TALKING and not leg.call.transfer]

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), to=st.sampled_from(TARGETS), then=st.sampled_from(["", "*2", "*3", "*0"]))
    def somebody_consults(self, data: st.DataObject, to: str, then: str) -> None:
        leg = self.pick(data, self.talking())
        there = ari.Channel(id=leg, state="Up")
        call = self.dispatcher.operator_legs.legs[leg].call
        for key in f"*2{to}#":
            self.handle(ari.ChannelDtmfReceived(key, there))
        for other in [one for one in self.of_kind("leg", up=False) if one in call.legs][:1]:
            self.answers(other)
        self.asterisk_answers_all()
        for key in then:
            self.handle(ari.ChannelDtmfReceived(key, there))

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), to=st.sampled_from(TARGETS), answers=st.booleans())
    def a_phone_consults_by_itself(self, data: st.DataObject, to: str, answers: bool) -> None:
        leg = self.pick(data, self.talking())
        self.a_phone_dials_a_number(self.exchange.channels[leg].phone, to)
        dialled = f"dial{self.born}"
        if not {leg, dialled} <= self.exchange.channels.keys():
            return  # an engine that died took them along
        internal = self.desk.router.operator_calls.by_channel.get(dialled)
        if internal is not None and answers:
            self.answers(internal.leg)
        self.refer(leg, to, dialled)

    @precondition(lambda self: self.handing_over())
    @rule(data=st.data(), keys=st.sampled_from(["*2", "*3", "*0"]))
    def who_hands_over_presses_keys(self, data: st.DataObject, keys: str) -> None:
        there = ari.Channel(id=self.pick(data, self.handing_over()))
        for key in keys:
            self.handle(ari.ChannelDtmfReceived(key, there))

    def handing_over(self) -> list[str]:
        return [call.transfer.by.id for call in self.calls if call.transfer is not None]

    @precondition(lambda self: self.handing_over())
    @rule(data=st.data(), works=st.booleans())
    def the_other_side_answers(self, data: st.DataObject, works: bool) -> None:
        transfers = [call.transfer for call in self.calls if call.transfer is not None]
        legs = [leg.id for one in transfers for leg in one.call.legs.values()]
        ringing = [leg for leg in legs if leg in self.of_kind("leg", up=False)]
        if ringing:
            self.exchange.fails = 0 if works else 1
            self.answers(self.pick(data, ringing))
            self.asterisk_answers_all()

    @precondition(lambda self: self.of_kind("leg", "dial", up=True))
    @rule(data=st.data(), to=st.sampled_from(TARGETS))
    def a_phone_sends_refer(self, data: st.DataObject, to: str) -> None:
        self.refer(self.pick(data, self.of_kind("leg", "dial", up=True)), to, None)

    @precondition(lambda self: self.of_kind("dial") and self.of_kind("leg", up=True))
    @rule(data=st.data())
    def a_phone_sends_refer_with_replaces(self, data: st.DataObject) -> None:
        second = self.pick(data, self.of_kind("dial"))
        phone = self.exchange.channels[second].phone
        legs = self.of_kind("leg", up=True)
        own = [leg for leg in legs if self.exchange.channels[leg].phone == phone]
        self.refer(self.pick(data, own or legs), "x", second)

    def refer(self, channel: str, to: str, second: str | None) -> None:
        self.exchange.referred.append(channel)
        other = ari.Channel(id=second) if second else None
        wanted = ari.RequestedDestination(to, "a-call-id" if second else "")
        by = ari.ReferredBy(ari.Channel(id=channel))
        self.handle(ari.ChannelTransfer(ari.ReferTo(wanted, other), by))

    @precondition(lambda self: len(self.of_kind("dial")) < 3)
    @rule(phone=st.sampled_from(PHONES), to=st.sampled_from(TARGETS))
    def a_phone_dials_a_number(self, phone: str, to: str) -> None:
        channel = self.new("dial", phone)
        self.exchange.channels[channel.id].up = False
        self.handle(ari.StasisStart(["number", phone, to], channel))

    @precondition(lambda self: self.of_kind("leg", up=True))
    @rule(data=st.data(), on=st.booleans())
    def a_phone_holds(self, data: st.DataObject, on: bool) -> None:
        there = ari.Channel(id=self.pick(data, self.of_kind("leg", up=True)))
        self.handle(ari.ChannelHold(there) if on else ari.ChannelUnhold(there))

    @rule(who=st.sampled_from(["1001", "1002", "1003"]), wish=st.sampled_from(["pause", "ready"]))
    def an_operator_wishes(self, who: str, wish: str) -> None:
        getattr(self.desk.roster, wish)(who, *([None] if wish == "pause" else []), self.now)
        self.dispatcher.settle(self.now)

    # --- promises -----------------------------------------------------------------------------

    @invariant()
    def no_citizen_is_alone_in_silence(self) -> None:
        for call in self.calls:
            if call.stage is Stage.ENDED or self.exchange.expects_failure(call.bridge):
                continue
            hears = self.exchange.hears(call.channel)
            assert hears, f"{call.stage} {call.transfer} {call.legs}"
            if call.talkers():
                assert hears != {"music"}, "a talk goes on, and the citizen hears only music"

    @invariant()
    def all_that_is_asked_for_a_call_goes_one_way_in_order(self) -> None:
        lane = self.desk.switch.lanes.of
        for call in self.desk.router.calls.values():
            transfer, parts = call.transfer, [call.bridge, call.words, call.playback, *call.legs]
            if transfer is not None and transfer.form is not Form.REPLACES:
                parts.append(transfer.bridge)  # else it is still the phone's own, with who is in it
            elif transfer is not None and transfer.other is not None:
                parts.remove(transfer.other.id)
            assert {lane(one) for one in parts if one is not None} <= {lane(call.channel)}

    @invariant()
    def no_operator_holds_two_calls_and_each_state_fits(self) -> None:
        internal = {
            one
            for call in self.desk.router.operator_calls.by_channel.values()
            for one in (call.operator, call.target.operator)
        }
        for one in self.desk.roster.operators.values():
            mine = [
                leg for leg in self.dispatcher.operator_legs.legs.values() if leg.operator == one.id
            ]
            assert len(mine) <= 1
            if mine:
                assert one.call == mine[0].call.id
                assert one.state in STATES[mine[0].stage]
            elif one.state in (State.CALLING, State.OFFERED):
                assert one.id in internal
            else:
                assert one.state in (State.IDLE, State.WRAP_UP)
                assert one.call is None

    @invariant()
    def nobody_free_is_beside_a_waiting_call(self) -> None:
        roster = self.desk.roster
        free = [one for one in roster.operators.values() if available(one, roster.phones, self.now)]
        assert not free or not len(self.dispatcher.queue)

    @invariant()
    def the_line_and_asterisk_know_the_same_legs_and_bridges(self) -> None:
        internal = self.desk.router.operator_calls
        known = {leg: of for call in self.calls for leg, of in call.legs.items()}
        assert self.dispatcher.operator_legs.legs == known
        # of a talk that goes on without its citizen both are legs that were rung, and who is told
        # that the other one does not answer is one
        alone = internal.by_channel.keys() | self.desk.codes.channels()
        went_on = {one for one in alone if self.exchange.channels[one].kind == "leg"}
        assert set(self.of_kind("leg")) == known.keys() | internal.by_leg.keys() | went_on
        transfers = [call.transfer for call in self.calls if call.transfer]
        spoken_to = set(self.desk.codes._calls) | {one.second for one in transfers}
        spoken_to.update(self.dispatcher.transfers.seconds.values())
        assert set(self.of_kind("dial")) <= internal.by_channel.keys() | spoken_to
        bridges = {call.bridge for call in self.calls} | {one.bridge for one in transfers}
        bridges |= {one.bridge for one in internal.by_channel.values()}
        assert self.exchange.bridges == bridges - {None}

    @invariant()
    def a_phone_is_in_use_while_a_leg_of_it_lives(self) -> None:
        living = self.exchange.channels.values()
        rung = {one.phone for one in living if one.kind == "leg"}
        dialled = {one.phone for one in living if one.kind == "dial"}
        for phone in self.desk.roster.phones.values():
            # that a phone dials Asterisk tells, and the line knows when that ends
            in_use = phone.device is Device.IN_USE
            assert (phone.number in rung) <= in_use <= (phone.number in rung | dialled)
        assert self.dispatcher.operator_legs.occupying() <= self.exchange.channels.keys()

    @invariant()
    def every_record_is_the_fold_of_its_events_and_ends_once(self) -> None:
        journal = self.desk.journal
        for call in self.calls:
            events = journal.events[call.id]
            assert journal.records[call.id] == call.record == fold(call.id, events)
            ended = journal.kinds(call.id).count("ended")
            assert ended == (call.stage is Stage.ENDED) == (call.record.outcome is not None)
            open_legs = {one.leg for one in call.record.legs if one.left_at is None}
            spoke = {leg.id for leg in call.legs.values() if leg.talks_since}
            assert open_legs == spoke

    def teardown(self) -> None:
        for channel in self.of_kind("citizen"):
            self.gone(channel, 16)
        while self.exchange.answers:
            self.asterisk_answers()
        went_on = self.desk.router.operator_calls.by_channel.keys() | self.desk.codes.channels()
        for channel in {*self.of_kind("dial"), *went_on}:
            if channel in self.exchange.channels:  # who talks on may be an operator who had dialled
                self.gone(channel, 16)
        assert self.of_kind("leg", "citizen") == []
        assert self.exchange.unanswered() == []
        for channel in self.exchange.dying():
            self.gone(channel, 16)
        self.now += 1000
        self.desk.timers.fire(self.now)
        self.dispatcher.settle(self.now)
        assert (self.dispatcher.operator_legs.legs, self.dispatcher.bridges) == ({}, {})
        assert (self.exchange.channels, self.exchange.bridges) == ({}, set())
        assert {one.state for one in self.desk.roster.operators.values()} == {State.IDLE}
        assert {one.device for one in self.desk.roster.phones.values()} == {Device.FREE}


HandingOver.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestHandingOverKeepsItsPromisesWhateverHappens = HandingOver.TestCase
