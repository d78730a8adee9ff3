"""What waits for other operators is skipped, lane by lane, and without looking at it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest
from factories import a_call, a_phone, an_operator
from fakes import FakeJournal

from acd.allocation import allocate
from acd.calls import Call
from acd.operators import Operator, Phone
from acd.queue import WaitingQueue
from acd.rules import Ring, Rules

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
    assert offer.call is calls[1]


def test_a_call_that_nobody_may_have_yet_does_not_hold_up_the_others() -> None:
    operators, phones = free(1, {"covid": 3})
    fire, covid = a_call("c1", at=80.0, category="fire"), a_call("c2", at=95.0, category="covid")
    [offer] = allocate(a_queue([fire, covid]), operators, phones, NOW, Rules())
    assert offer.call is covid
    [offer] = allocate(a_queue([fire, covid]), operators, phones, 110.0, Rules())
    assert offer.call is fire


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
    assert [offer.call for offer in offers] == at_the_end[:3]
    return len(WatchedCall.touched)


def test_calls_that_nobody_may_have_are_skipped_without_looking_at_them() -> None:
    served = [a_call(f"s{one}", at=99.0 + one / 10, category="covid") for one in range(4)]
    assert touched_by_allocate(2000, at_the_end=[]) == 1
    assert touched_by_allocate(2000, at_the_end=served) == 1
