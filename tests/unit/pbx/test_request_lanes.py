"""What waits for other operators is skipped, lane by lane, and without looking at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
from factories import a_call, a_phone, an_operator
from fakes import FakeJournal
from hypothesis import given, settings
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.operators.operator import Operator, Phone
from acd.queueing.allocation import allocate
from acd.queueing.eligibility import eligible
from acd.queueing.queue import WaitingQueue
from acd.rules.rules import Ring, Rules

NOW = 100.0
RULES = Rules(rings=(Ring(0.0, 7), Ring(10.0, 1), Ring(30.0, 0)))


def a_queue(waiting: Iterable[Call]) -> WaitingQueue:
    queue = WaitingQueue()
    for call in waiting:
        queue.add(call)
    return queue


def free(count: int, skills: dict[str, int]) -> tuple[list[Operator], dict[str, Phone]]:
    phones = {f"{101 + one}": a_phone(f"{101 + one}") for one in range(count)}
    return [an_operator(f"1{one}", phone=one, skills=dict(skills)) for one in phones], phones


@pytest.mark.parametrize(
    ("hopeless", "hopeful"),
    [
        ({"category": "fire"}, {"category": "police"}),
        ({"language": "en"}, {"language": "id"}),
        ({"head_start_s": 20.0, "late_s": 5.0}, {"late_s": 12.0}),  # in the second circle
        ({}, {"aged": True, "late_s": 0.0}),
    ],
    ids=str,
)
def test_a_call_that_nobody_may_have_holds_up_none_that_somebody_may(
    hopeless: dict[str, Any], hopeful: dict[str, Any]
) -> None:
    given_ = {"category": "police", "language": "id", "head_start_s": 0.0, "late_s": 9.0}
    calls = []
    for name, changes in (("c1", hopeless), ("c2", hopeful)):
        values = given_ | {"aged": False} | changes
        call = a_call(name, at=NOW - float(values["late_s"]), category=values["category"])
        call.record.language, call.aged = values["language"], values["aged"]
        call.head_start_s = values["head_start_s"]
        calls.append(call)
    level = 9 if {"category", "language"} & hopeless.keys() else 5
    operators, phones = free(1, {"police": level, "lang:id": 9})
    [offer] = allocate(a_queue(calls), operators, phones, NOW, RULES)
    assert offer.one is calls[1]


def test_a_call_that_nobody_may_have_yet_does_not_hold_up_the_others() -> None:
    operators, phones = free(1, {"covid": 3})
    fire, covid = a_call("c1", at=80.0, category="fire"), a_call("c2", at=95.0, category="covid")
    [offer] = allocate(a_queue([fire, covid]), operators, phones, NOW, Rules())
    assert offer.one is covid
    [offer] = allocate(a_queue([fire, covid]), operators, phones, 110.0, Rules())
    assert offer.one is fire


class WatchedCall(Call):
    """A call that notes that somebody has looked at it."""

    touched: ClassVar[set[int]] = set()

    def __getattribute__(self, name: str) -> Any:
        WatchedCall.touched.add(id(self))
        return super().__getattribute__(name)


def touched_by_allocate(waiting: int, *, at_the_end: list[Call]) -> int:
    """How many calls are looked at while so many wait that nobody may have."""
    operators, phones = free(3, {"covid": 1})
    unwanted = [
        WatchedCall(
            channel=f"c{one}", record=a_call(f"c{one}", at=at).record, journal=FakeJournal()
        )
        for one, at in enumerate(80.0 + 10.0 * one / waiting for one in range(waiting))
    ]
    queue = a_queue([*unwanted, *at_the_end])
    WatchedCall.touched.clear()
    offers = allocate(queue, operators, phones, NOW, Rules())
    assert [offer.one for offer in offers] == at_the_end[:3]
    return len(WatchedCall.touched)


def test_calls_that_nobody_may_have_are_skipped_without_looking_at_them() -> None:
    served = [a_call(f"s{one}", at=99.0 + one / 10, category="covid") for one in range(4)]
    assert touched_by_allocate(2000, at_the_end=[]) == 1
    assert touched_by_allocate(2000, at_the_end=served) == 1


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["police", "fire"]),
            st.sampled_from(["id", "id", "en"]),
            st.sampled_from([0.0, 0.0, 20.0]),
            st.sampled_from([0.0, 9.0, 12.0, 29.0, 31.0]),
            st.booleans(),
        ),
        max_size=8,
    ),
    st.lists(
        st.dictionaries(
            st.sampled_from(["police", "fire", "lang:id", "lang:en"]),
            st.sampled_from([1, 5, 9]),
            max_size=3,
        ),
        max_size=4,
    ),
)
def test_whoever_is_left_may_have_none_of_the_calls_that_are_left(
    waiting: list[tuple[str, str, float, float, bool]], skills: list[dict[str, int]]
) -> None:
    queue = WaitingQueue()
    for one, (category, language, seconds, late_s, aged) in enumerate(waiting):
        call = a_call(f"c{one}", at=NOW - late_s, category=category)
        call.record.language, call.head_start_s = language, seconds
        call.aged = aged and late_s > 30.0
        queue.add(call)
    operators, phones = free(len(skills), {})
    for operator, own in zip(operators, skills, strict=True):
        operator.skills = own
    served = {
        offer.one.id: offer.desks[0].operator.id
        for offer in allocate(queue, operators, phones, NOW, RULES)
    }
    for call in queue:
        for operator in operators:
            if call.id not in served and operator.id not in served.values():
                assert not eligible(operator, call, NOW, RULES)
