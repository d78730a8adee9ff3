"""The account of a storm's callbacks: each thing that is wrong with them is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from acd.calls.record import CallRecord, LegRecord, Outcome
from acd.work_items.item import Step, WorkItem
from acd.work_items.states import ItemOutcome, ItemState
from lab.storm.lateness import Outage
from lab.storm.ledger import Heard, is_lost, ledger, read_heard, wrong

ANSWERS, AWAY = "0812000001", "0813000002"
LOST_AT = 110.0


def a_call(number: str = ANSWERS, call_id: str = "c1", **changes: Any) -> CallRecord:
    """A call that was lost in the queue."""
    values: dict[str, Any] = {
        "call_id": call_id,
        "caller_number": number,
        "arrived_at": 100.0,
        "ended_at": LOST_AT,
        "outcome": Outcome.LOST_QUEUE,
        "ended_by": "caller",
    }
    return CallRecord(**(values | changes))


def served(number: str = ANSWERS, call_id: str = "c2", at: float = 120.0) -> CallRecord:
    return a_call(
        number,
        call_id,
        arrived_at=at,
        operator_answered_at=at + 1,
        ended_at=at + 5,
        outcome=Outcome.ANSWERED,
    )


def steps(*names: str) -> list[Step]:
    """Each a state, perhaps with a reason behind a slash."""
    parts = [name.partition("/") for name in names]
    return [
        Step(at=LOST_AT + place, state=state, reason=reason)
        for place, (state, _, reason) in enumerate(parts)
    ]


TRY = ("queued", "offered", "ringing")


def an_item(number: str = ANSWERS, call_id: str = "c1", **changes: Any) -> WorkItem:
    """A callback that has reached its citizen."""
    values: dict[str, Any] = {
        "id": "i-" + call_id,
        "kind": "callback",
        "state": ItemState.CLOSED,
        "call_id": call_id,
        "number": number,
        "reason": "lost_queue",
        "created_at": LOST_AT,
        "attempts": 1,
        "history": steps("waiting", *TRY, "talking", "closed/reached"),
        "ended_at": 130.0,
        "outcome": ItemOutcome.REACHED,
    }
    return WorkItem(**(values | changes))


def given_up(number: str = AWAY, **changes: Any) -> WorkItem:
    again = "waiting/no_answer"
    history = steps("waiting", *TRY, again, *TRY, again, *TRY, "closed/given_up")
    values: dict[str, Any] = {"attempts": 3, "outcome": ItemOutcome.GIVEN_UP, "history": history}
    return an_item(number, **(values | changes))


def rung(*at: float, number: str = ANSWERS, answered: bool = False) -> list[Heard]:
    heard = [Heard(at=one, what="rung", number=number) for one in at]
    more = [Heard(at=at[-1] + 0.5, what="answered", number=number)] if answered else []
    return heard + more


def sentences(
    calls: list[CallRecord],
    items: list[WorkItem],
    heard: list[Heard],
    outages: tuple[Outage, ...] = (),
) -> list[str]:
    return wrong(calls, items, heard, ledger(calls, items, heard, outages))


def test_a_citizen_who_was_lost_and_reached_is_in_order() -> None:
    calls, items, heard = [a_call()], [an_item()], rung(113.0, answered=True)
    assert sentences(calls, items, heard) == []
    counts = ledger(calls, items, heard, ())
    assert (counts.lost, counts.jobs, counts.reached, counts.rings, counts.answers) == (1,) * 5
    assert counts.adds_up


def test_so_is_one_who_never_answers_and_one_who_dials_again() -> None:
    away = [a_call(AWAY)], [given_up()], rung(113.0, 117.0, 121.0, number=AWAY)
    assert sentences(*away) == []
    again = an_item(
        outcome=ItemOutcome.DISCHARGED, attempts=0, history=steps("waiting", "closed/discharged")
    )
    assert sentences([a_call(), served()], [again], []) == []


def test_an_operator_who_breaks_off_makes_the_telephone_ring_and_no_try() -> None:
    left = steps("waiting", *TRY, "waiting/operator_left", *TRY, "talking", "closed/reached")
    heard = rung(113.0, 117.0, answered=True)
    assert sentences([a_call()], [an_item(history=left)], heard) == []


def a_try_more() -> WorkItem:
    return given_up(attempts=4)


@pytest.mark.parametrize(
    ("calls", "items", "heard", "said"),
    [
        ([a_call()], [], [], "is lost and has 0 callbacks"),
        ([served()], [an_item(call_id="c2")], [], "is not lost and has 1 callbacks"),
        ([a_call()], [an_item(), an_item(id="i2")], [], "is lost and has 2 callbacks"),
        ([], [an_item()], [], "a callback of no call"),
        ([a_call(ended_by="cut_off")], [an_item()], [], "was cut off"),
        ([a_call()], [an_item(outcome=None, state=ItemState.QUEUED)], [], "still open"),
        ([a_call(AWAY)], [a_try_more()], [], "was tried 4 times"),
        ([a_call(AWAY)], [given_up(attempts=2)], [], "given up after 2 tries"),
        ([a_call()], [an_item()], [], "the telephone never rang"),
        ([a_call()], [an_item()], rung(113.0), "reached, and never answered"),
        ([a_call()], [given_up(ANSWERS)], rung(113.0), "though the citizen would have answered"),
        ([a_call()], [an_item()], rung(113.0, 115.0), "rung 2 times, for 1 tries and 1 that"),
        ([a_call(), served()], [an_item()], rung(140.0), "rung at 140.0, with no call owed"),
        ([a_call()], [an_item()], rung(105.0), "in the middle of a call of their own"),
        (
            [a_call()],
            [an_item(history=steps("waiting", *TRY, "waiting/lost", *TRY))],
            [],
            "was lost by an engine",
        ),
        ([a_call()], [an_item(history=steps("waiting", *TRY, *TRY))], [], "its history tells 2"),
        (
            [a_call()],
            [an_item(outcome=ItemOutcome.MISDIAL)],
            rung(113.0),
            "misdial, and rung",
        ),
        ([a_call()], [an_item(created_at=107.0)], [], "made 3000 ms after its call was lost"),
        ([a_call()], [an_item(outcome=None)], [], "is still open"),
    ],
)
def test_what_is_wrong_is_said(
    calls: list[CallRecord], items: list[WorkItem], heard: list[Heard], said: str
) -> None:
    assert [one for one in sentences(calls, items, heard) if said in one]


def test_callbacks_that_do_not_add_up_are_wrong() -> None:
    counts = ledger([a_call()], [an_item()], [], ())
    assert counts.adds_up
    for name in ("lost", "jobs", "reached", "open"):
        changed = msgspec.structs.replace(counts, **{name: getattr(counts, name) + 1})
        assert not changed.adds_up, name


def test_a_callback_that_no_engine_could_make_is_not_late() -> None:
    outage = Outage(since=106.0, until=109.5, why="random")
    items = [an_item(created_at=107.0)]
    assert ledger([a_call()], items, [], [outage]).job_late_worst_ms == 0
    assert ledger([a_call()], items, [], []).job_late_worst_ms == 3000


def test_whom_an_operator_wants_to_call_may_be_rung_and_is_no_lost_call() -> None:
    wish = an_item(call_id="c2", reason="operator", created_at=139.0, ended_at=150.0)
    calls, heard = [served()], rung(140.0, answered=True)
    assert sentences(calls, [wish], heard) == []
    assert ledger(calls, [wish], heard, ()).jobs == 0


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({}, True),
        ({"outcome": Outcome.INFORMATION}, False),
        ({"outcome": Outcome.LOST_FALLBACK}, True),
        ({"outcome": Outcome.ANSWERED, "operator_answered_at": 105.0}, False),
        ({"operator_answered_at": 105.0, "ended_by": "cut_off"}, True),
        ({"callback_of": "c0"}, False),
        ({"operator_answered_at": 105.0, "legs": [LegRecord(leg="l", left_at=108.0)]}, True),
        ({"operator_answered_at": 105.0, "legs": [LegRecord(leg="l", left_at=110.0)]}, False),
    ],
)
def test_who_was_lost(changes: dict[str, Any], lost: bool) -> None:
    assert is_lost(a_call(**changes)) is lost


def test_what_sipp_notes_as_the_carrier_is_read() -> None:
    text = (
        "2026-11-29\t16:34:43.1\t1795970083.1\trung 0812000048\n"
        "2026-11-29\t16:34:44.2\t1795970084.2 answered 0812000048\n"
        "2026-11-29\t16:34:4"
    )
    assert read_heard(text) == [
        Heard(at=1795970083.1, what="rung", number="0812000048"),
        Heard(at=1795970084.2, what="answered", number="0812000048"),
    ]
