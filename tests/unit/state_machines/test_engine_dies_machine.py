"""The engine may die at any moment, in the middle of what it asks of Asterisk: the next one takes
up whatever was under way, and all the promises of handing over are kept by it as well."""

from __future__ import annotations

from fakes import Did
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from test_handing_over_machine import DIRECTORY, HandingOver

from acd.calls.states import Stage
from acd.operators.operator import Device
from acd.recovery.reconcile import LiveLeg
from ngalam112.recovery import recheck
from ngalam112.recovery.snapshot import Snapshot
from pbx.ami import DeviceState
from pbx.ari_types import Channel, ChannelDtmfReceived, ChannelTransfer


class EngineDies(HandingOver):
    """`orders`: how many more orders reach Asterisk before the engine dies; None: it lives on.

    `late`: those that it has not read by then, and reads after the taking up. `loses`: it never
    gets them, for they have not left the engine.
    """

    def __init__(self) -> None:
        super().__init__()
        self.orders: int | None = None
        self.late: list[Did] = []
        self.loses = True
        self.meanwhile: list[str] = []  # what happens between the look at Asterisk and the restore
        self.desk.switch.hears = self.asked

    def asked(self, did: Did) -> None:
        if self.orders is None:
            self.exchange.obey(did)
        elif self.orders > 0:
            self.orders -= 1
            self.exchange.obey(did)
        elif did.what == "progress":
            self.exchange.obey(did)  # an answer to REFER is given once: nobody knows it was lost
        elif not self.loses:
            self.late.append(did)

    def handle(self, *events: object) -> None:
        super().handle(*events)
        self.dies_if_it_is_to()

    @rule(seconds=st.sampled_from([0.0, 0.3, 1.0, 6.0, 13.0]))
    def time_goes_by(self, seconds: float) -> None:
        super().time_goes_by(seconds)
        self.dies_if_it_is_to()

    @rule(who=st.sampled_from(["1001", "1002", "1003"]), wish=st.sampled_from(["pause", "ready"]))
    def an_operator_wishes(self, who: str, wish: str) -> None:
        super().an_operator_wishes(who, wish)
        self.dies_if_it_is_to()

    def gone(self, channel: str, cause: int) -> None:
        if channel not in self.exchange.channels:
            return  # what was dying went with the engine
        phone = self.exchange.channels[channel].phone
        super().gone(channel, cause)
        if phone in self.desk.roster.phones:
            self.handle(DeviceState(phone, "INUSE" if phone in self.in_use() else "NOT_INUSE"))

    def in_use(self) -> set[str]:
        return {one.phone for one in self.exchange.channels.values()}

    def dies_if_it_is_to(self) -> None:
        if self.orders is not None:
            self.the_engine_dies()

    @rule(orders=st.integers(0, 4), loses=st.booleans())
    def the_engine_will_die_while_it_asks(self, orders: int, loses: bool) -> None:
        self.orders, self.loses = orders, loses

    @rule(what=st.lists(st.sampled_from(["arrives", "hangs up", "answers"]), max_size=4))
    def something_will_happen_while_it_looks(self, what: list[str]) -> None:
        self.meanwhile = what

    def happens_meanwhile(self) -> None:
        what, self.meanwhile = self.meanwhile, []
        for one in what:
            citizens, ringing = self.of_kind("citizen"), self.of_kind("leg", up=False)
            if one == "arrives" and len(citizens) < 3:
                self.a_citizen_is_through_the_menu("2")
            elif one == "hangs up" and citizens:
                self.gone(citizens[0], 16)
            elif one == "answers" and ringing:
                self.answers(ringing[0])

    @rule()
    def the_engine_dies(self) -> None:
        died, exchange, self.orders = self.desk, self.exchange, None
        died.switch.hears = lambda _: None
        exchange.answers.clear()  # nobody waits for them any more
        exchange.fails = 0
        for channel in exchange.dying():
            exchange.drop(channel)  # it takes longer to take up than to hang up
        self.desk = after = died.next_engine(self.now)
        after.dispatcher.transfers.directory = DIRECTORY
        for number, phone in after.roster.phones.items():
            phone.device = Device.IN_USE if number in self.in_use() else Device.FREE
        after.journal.events, after.journal.records = died.journal.events, died.journal.records
        after.switch.hears = self.asked
        ended = [call for call in self.calls if call.stage is Stage.ENDED]
        taken_up = list(after.router.calls.values())
        offers, live = recheck.offers_of(after.router), self.lives()
        knew = frozenset(after.router.calls)
        phones = frozenset(after.router.channels_of_phones())
        occupying = frozenset(after.dispatcher.operator_legs.occupying())
        after.dispatcher.away = True
        self.happens_meanwhile()
        ended += [call for call in taken_up if call.stage is Stage.ENDED]
        taken_up = [call for call in taken_up if call.stage is not Stage.ENDED]
        after.restore_calls(
            *live.legs.values(),
            bridges=live.bridges,
            calls=knew,
            phones=phones,
            occupying=occupying,
            now=self.now,
        )
        arrived = [call for call in after.router.calls.values() if call not in taken_up]
        self.calls = ended + taken_up + arrived
        if self.late:
            self.late_orders_are_obeyed()
            self.time_goes_by(recheck.AFTER_S)
            known = recheck.known(after.router, offers)
            recheck.look(after.router, known, self.lives(), self.now)
            self.settles()

    def late_orders_are_obeyed(self) -> None:
        """What the dead engine has asked for is done; it is told of that, and nobody else."""
        mine, self.exchange.answers = self.exchange.answers, []
        while self.late:
            self.exchange.obey(self.late.pop(0))
        echoes = [one for one in self.exchange.answers if isinstance(one, ChannelTransfer)]
        self.exchange.answers = mine + echoes
        self.settles()

    def settles(self) -> None:
        for channel in self.exchange.dying():
            self.gone(channel, 16)
        while self.exchange.answers:
            self.asterisk_answers()

    def lives(self) -> Snapshot:
        """What Asterisk holds at this moment."""
        living = self.exchange.channels.values()
        legs = {
            one.id: LiveLeg(
                id=one.id,
                citizen=one.kind == "citizen",
                up=one.up,
                called_number="112",
                age_s=recheck.AFTER_S,
            )
            for one in living
        }
        return Snapshot(
            legs,
            {
                bridge: [one.id for one in living if one.bridge == bridge]
                for bridge in self.exchange.bridges
            },
        )

    def teardown(self) -> None:
        self.orders = None  # who is told to hang up now has no answer to a REFER to wait for
        super().teardown()


EngineDies.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestTheNextEngineKeepsThePromises = EngineDies.TestCase


def test_late_music_of_a_consultation_does_not_drown_the_talk() -> None:
    line = EngineDies()
    line.talks_go_on(talks=1)
    (first,) = line.of_kind("leg", up=True)
    for key in "*2102#":
        line.handle(ChannelDtmfReceived(key, Channel(id=first, state="Up")))
    line.the_engine_will_die_while_it_asks(orders=1, loses=False)
    line.answers(line.of_kind("leg", up=False)[0])
    line.no_citizen_is_alone_in_silence()
    assert line.exchange.hears("citizen1") == {first}
