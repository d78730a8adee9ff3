"""What choosing the caller and the operator promises, whatever happens, in any order.

The machine below does what the dispatcher does around the pure core, and nothing more: it adds and
removes calls, ages them when they are due, asks `allocate` and carries out what it says.
"""

from __future__ import annotations

from typing import Any

import examples
from factories import a_call, a_phone, an_operator
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acd.calls.call import Call
from acd.operators.operator import Device, Operator, Phone, Status, available
from acd.operators.states import State
from acd.queueing.allocation import Offer, allocate
from acd.queueing.eligibility import eligible, next_widening
from acd.queueing.queue import WaitingQueue, cap_at, head_start, service_key
from acd.queueing.strategies import STRATEGIES
from acd.rules.rules import Category, Ring, Rules

LANGUAGES = ["id", "id", "en"]
NAMES = ["police", "fire", "covid", None]
HEAD_STARTS = {"police": 0.0, "fire": 40.0, "covid": 0.0}
CAPS = {"police": 60.0, "fire": 60.0, "covid": 25.0}
RESOURCE_PRIORITY = {"wps.0": 20.0, "esnet.2": 5.0}
# mostly nothing, so that calls often share a lane
BRINGS: list[dict[str, Any]] = [
    {},
    {},
    {},
    {"resource_priority": "esnet.2, wps.9"},
    {"resource_priority": "wps.0", "silent": True},
]
BESIDE_THE_CATEGORY = 20.0 + 7.0  # Resource-Priority, silent

SKILLS = st.dictionaries(
    st.sampled_from(["police", "fire", "covid", "lang:id", "lang:en"]),
    st.integers(1, 9),
    max_size=3,
)
CIRCLES = st.sampled_from(
    [
        (Ring(0.0, 0),),
        (Ring(0.0, 1), Ring(30.0, 0)),
        (Ring(0.0, 7), Ring(10.0, 1), Ring(30.0, 0)),
        (Ring(0.0, 9), Ring(5.0, 5), Ring(12.5, 2), Ring(80.0, 0)),
    ]
)
SECONDS = st.sampled_from([0.0, 0.1, 1.0, 5.0, 9.9, 10.0, 30.0, 61.0]) | st.floats(0.0, 40.0)


class Choosing(RuleBasedStateMachine):
    """Calls come and go, operators do what they like, time passes; offers are carried out."""

    @initialize(
        strategies=st.lists(st.sampled_from(sorted(STRATEGIES)), min_size=3, max_size=3),
        circles=st.lists(st.none() | CIRCLES, min_size=3, max_size=3),
        line=CIRCLES,
        most=st.integers(1, 4),
        crew=st.lists(st.tuples(SKILLS, st.integers(0, 3)), min_size=1, max_size=6),
    )
    def a_line_is_set_up(
        self,
        strategies: list[str],
        circles: list[tuple[Ring, ...] | None],
        line: tuple[Ring, ...],
        most: int,
        crew: list[tuple[dict[str, int], int]],
    ) -> None:
        self.now, self.arrived = 1_000.0, 0
        self.rules = Rules(
            rings=line,
            ring_all_most=most,
            resource_priority=RESOURCE_PRIORITY,
            silent_head_start_s=7.0,
            categories={
                name: Category(
                    name, HEAD_STARTS[name], strategy=strategy, cap_s=CAPS[name], rings=rings
                )
                for name, strategy, rings in zip(HEAD_STARTS, strategies, circles, strict=True)
            },
        )
        self.queue = WaitingQueue()
        self.offers: list[Offer] = []
        self.phones = {f"{101 + one}": a_phone(f"{101 + one}") for one in range(len(crew))}
        self.operators = [
            an_operator(f"{1001 + one}", phone=f"{101 + one}", skills=skills, weight=weight)
            for one, (skills, weight) in enumerate(crew)
        ]

    # --- what can happen ----------------------------------------------------------------------

    @rule(
        category=st.sampled_from(NAMES),
        language=st.sampled_from(LANGUAGES),
        brings=st.sampled_from(BRINGS),
        late_s=SECONDS,
        preferred=st.integers(0, 6),
    )
    def a_call_joins(
        self,
        category: str | None,
        language: str,
        brings: dict[str, Any],
        late_s: float,
        preferred: int,
    ) -> None:
        self.arrived += 1
        call = a_call(f"c{self.arrived}", at=self.now - late_s, category=category)
        call.record.language = language
        for name, value in brings.items():
            setattr(call, name, value)
        call.head_start_s = head_start(call, self.rules)
        call.preferred = f"{1000 + preferred}"
        self.queue.add(call)
        self.settle()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.settle()

    @rule(
        changes=st.lists(
            st.tuples(st.integers(0, 5), st.sampled_from(Status), st.sampled_from(Device)),
            min_size=1,
            max_size=6,
        )
    )
    def operators_and_phones_change(self, changes: list[tuple[int, Status, Device]]) -> None:
        for one, status, device in changes:
            operator = self.operators[one % len(self.operators)]
            operator.status = status
            if operator.state is State.IDLE:
                self.phones[operator.phone or ""].device = device
        self.settle()

    @rule()
    def a_shift_begins(self) -> None:
        for operator in self.operators:
            operator.status = Status.READY
            if operator.state is State.IDLE:
                self.phones[operator.phone or ""].device = Device.FREE
        self.settle()

    @rule()
    def a_shift_ends(self) -> None:
        for operator in self.operators:
            operator.status = Status.LOGGED_OUT

    @precondition(lambda self: self.offers)
    @rule(missed=st.lists(st.booleans(), min_size=1, max_size=6), rest_s=SECONDS)
    def offers_end(self, missed: list[bool], rest_s: float) -> None:
        for was_missed in missed[: len(self.offers)]:
            call, desks = self.offers.pop(0)
            for operator, phone in desks:
                operator.state, phone.device = State.IDLE, Device.FREE
                operator.not_before = self.now + rest_s
                operator.idle_since = self.now
            if was_missed:
                call.record.offers += 1
                self.queue.add(call)
        self.settle()

    @precondition(lambda self: len(self.queue))
    @rule(data=st.data())
    def a_caller_hangs_up(self, data: st.DataObject) -> None:
        assert self.queue.remove(data.draw(st.sampled_from(list(self.queue))))
        self.settle()

    # --- what the dispatcher does -------------------------------------------------------------

    def settle(self) -> None:
        for call in [one for one in self.queue if not one.aged]:
            if self.now >= cap_at(call, self.rules):
                self.queue.age(call)
        before = list(self.queue)
        due = [one for one in before if self.now >= cap_at(one, self.rules)]
        assert before[: len(due)] == sorted(due, key=lambda one: (one.record.arrived_at, one.id))
        free = [one for one in self.operators if available(one, self.phones, self.now)]
        able = {call.id: self.able(call, free) for call in before}
        offers = allocate(self.queue, self.operators, self.phones, self.now, self.rules)
        self.is_decided_by_the_arguments(offers, before)
        self.is_possible(offers, free)
        for offer in offers:
            assert self.queue.remove(offer.one)
            for operator, phone in offer.desks:
                operator.state, phone.device = State.OFFERED, Device.IN_USE
                operator.offered_at = self.now
        self.offers += offers
        for offer in offers:
            for call in self.queue:
                if able[call.id] == able[offer.one.id]:
                    self.is_in_order(offer.one, call)

    def able(self, call: Call, operators: list[Operator]) -> set[str]:
        return {one.id for one in operators if eligible(one, call, self.now, self.rules)}

    # --- what is promised of a decision -------------------------------------------------------

    def is_decided_by_the_arguments(self, offers: list[Offer], waiting: list[Call]) -> None:
        """The same again; and however the calls joined and the operators are listed."""
        other = WaitingQueue()
        for call in sorted(waiting, key=lambda one: one.id):
            other.add(call)
        assert list(other) == list(self.queue) == waiting
        crew: list[Operator] = self.operators[::-1]
        phones: dict[str, Phone] = dict(reversed(self.phones.items()))
        for queue in (self.queue, other):
            again = allocate(queue, crew, phones, self.now, self.rules)
            assert [(one.one.id, one.desks) for one in again] == [
                (one.one.id, one.desks) for one in offers
            ]

    def is_possible(self, offers: list[Offer], free: list[Operator]) -> None:
        calls = [offer.one.id for offer in offers]
        rung = [desk.operator.id for offer in offers for desk in offer.desks]
        assert len(set(calls)) == len(calls)
        assert len(set(rung)) == len(rung)
        assert set(rung) <= {one.id for one in free}
        for call, desks in offers:
            strategy = STRATEGIES[self.rules.category(call.record.category).strategy]
            assert 1 <= len(desks) <= (self.rules.ring_all_most if strategy.rings_all else 1)
            for operator, phone in desks:
                assert eligible(operator, call, self.now, self.rules)
                assert phone is self.phones[operator.phone or ""]

    def is_in_order(self, served: Call, waiting: Call) -> None:
        """Of two that the same operators may serve, the one is served and the other waits on."""
        assert service_key(served) < service_key(waiting)
        assert served.aged >= waiting.aged
        passed_for = served.record.arrived_at - waiting.record.arrived_at
        if served.aged and waiting.aged:
            assert passed_for <= 0
        caps = [self.rules.category(one.record.category).cap_s for one in (served, waiting)]
        head_starts = 40.0 + BESIDE_THE_CATEGORY
        assert passed_for <= max(head_starts, caps[1] - caps[0]) + 1e-6
        if not served.aged:
            assert passed_for <= served.head_start_s - waiting.head_start_s + 1e-6

    # --- what is promised after every step ----------------------------------------------------

    @invariant()
    def nobody_free_is_beside_a_waiting_call_that_they_may_have(self) -> None:
        free = [one for one in self.operators if available(one, self.phones, self.now)]
        for call in self.queue:
            assert not self.able(call, free)
            assert not free or self.now < cap_at(call, self.rules)

    @invariant()
    def who_may_not_have_a_call_yet_may_have_it_in_time(self) -> None:
        for call in self.queue:
            at = next_widening(call, self.now, self.rules)
            everybody = {one.id for one in self.operators}
            if at is None:
                assert self.able(call, self.operators) == everybody
            else:
                assert self.now < at <= cap_at(call, self.rules)

    @invariant()
    def positions_count_the_calls_in_the_order_of_service(self) -> None:
        waiting = list(self.queue)
        assert [self.queue.position(one) for one in waiting] == [*range(1, len(waiting) + 1)]
        assert len(self.queue) == len(waiting)
        for offer in self.offers:
            assert offer.one not in self.queue
            assert self.queue.position(offer.one) is None


Choosing.TestCase.settings = settings(
    max_examples=examples.of(200), stateful_step_count=40, deadline=None
)
TestChoosingKeepsItsPromisesWhateverHappens = Choosing.TestCase
