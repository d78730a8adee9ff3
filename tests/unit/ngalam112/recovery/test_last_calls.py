"""Which call each operator was in last, for an engine that has not seen it."""

from __future__ import annotations

from typing import Any

from factories import LineDesk, a_record

from acd.calls.record import CallRecord, LegRecord
from ngalam112.recovery.last_calls import know_last_calls, last_of_each


def ended(name: str, at: float, *legs: tuple[str | None, float | None]) -> CallRecord:
    spoke = [
        LegRecord(leg=f"{name}-{index}", operator=who, joined_at=at - 50.0, left_at=left)
        for index, (who, left) in enumerate(legs)
    ]
    return a_record(name, ended_at=at, legs=spoke)


def found(*records: CallRecord) -> dict[str, str]:
    return {who: one.asterisk_id for who, one in last_of_each(records).items()}


def test_the_call_that_was_left_last_counts_whoever_answered_it() -> None:
    first = ended("c1", 200.0, ("1001", 190.0), ("1002", 200.0))
    second = ended("c2", 250.0, ("1001", 230.0), ("1003", None), (None, 250.0))
    third = ended("c3", 240.0, ("1001", 220.0), ("1003", 240.0))
    for records in ([first, second, third], [third, second, first]):
        assert found(*records) == {"1001": "c2", "1002": "c1", "1003": "c2"}


def test_a_call_that_lives_is_not_the_last_one() -> None:
    assert found(a_record("c1", legs=[LegRecord(leg="l", operator="1001", left_at=150.0)])) == {}


class _Engine:
    def __init__(self, desk: LineDesk) -> None:
        self.router, self.journal = desk.router, desk.journal


def test_who_has_had_a_call_since_and_what_is_being_erased_stay_as_they_are() -> None:
    desk: Any = LineDesk(operators=3)
    last = desk.dispatcher.operator_legs.last_calls
    last["1001"] = newer = desk.citizen()
    desk.router.forget_calls(["call-c3"], 500.0)
    records = [ended(f"c{n}", 200.0, (f"100{n}", 200.0)) for n in (1, 2, 3)]
    know_last_calls(_Engine(desk), records)  # type: ignore[arg-type]
    assert last["1001"] is newer
    assert {who: call.id for who, call in last.items() if who != "1001"} == {"1002": "call-c2"}
    assert desk.dispatcher.operator_legs.call_of("1002") is last["1002"]
