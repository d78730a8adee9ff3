"""Where a purge begins, and that every outcome of a call is of one class."""

from __future__ import annotations

from acd.calls.record import Outcome
from acd.rules.retention import CALL_CLASSES
from privacy.purge import (
    DAY_S,
    MARKED,
    OUTCOMES,
    WHOLE_AGAIN_S,
    Progress,
    Run,
    begin_of,
)

NOW = 1e9


def test_every_outcome_is_of_exactly_one_class() -> None:
    found = [outcome for some in OUTCOMES.values() for outcome in some]
    assert sorted(found) == sorted(Outcome)
    assert {*OUTCOMES, *MARKED} == set(CALL_CLASSES)


def test_the_first_purge_walks_everything() -> None:
    assert begin_of(None, NOW) == (NOW, {})


def test_the_next_one_goes_on_where_the_last_one_came_to_even_if_that_was_cut_off() -> None:
    last = Run(
        id=1,
        began_at=NOW,
        by="x",
        whole_at=NOW - DAY_S,
        classes={"calls.prank/personal": Progress(through=5.0)},
    )
    assert begin_of(last, NOW) == (NOW - DAY_S, {"calls.prank/personal": 5.0})


def test_after_a_month_everything_is_walked_again() -> None:
    last = Run(id=1, began_at=NOW, by="x", whole_at=NOW - WHOLE_AGAIN_S)
    assert begin_of(last, NOW) == (NOW, {})
