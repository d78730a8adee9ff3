"""What the lines of the local journal say."""

from __future__ import annotations

from typing import Any

import pytest
from factories import a_record

from acd.calls.record import Outcome
from journal.row_kinds import BY_TABLE, CALLS, IN_ORDER
from models.tables import Base


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"outcome": "fallback", "ended_at": 9.0}, "lost_fallback"),
        ({"outcome": "fallback", "ended_at": 9.0, "operator_answered_at": 5.0}, "fallback"),
        ({"outcome": "fallback"}, "fallback"),
        ({"outcome": "answered", "ended_at": 9.0}, "answered"),
        ({}, None),
    ],
)
def test_who_was_not_answered_in_the_fallback_was_lost_there(
    changes: dict[str, Any], outcome: str | None
) -> None:
    row = a_record(ended_at=None, operator_answered_at=None, outcome=None).row() | changes
    before = dict(row)
    now = CALLS.as_now(row)
    assert now == row | {"outcome": outcome, "disposition": None} and row == before
    assert outcome is None or outcome in list(Outcome)


def test_every_table_that_calls_and_operators_fill_goes_through_the_journal() -> None:
    # kept as a whole, as Asterisk or its fallback has them all; and lists that no call changes
    by_hand = {"phones", "agencies", "registered_places"}
    by_hand |= {name for name in Base.metadata.tables if name.startswith("privacy_")}
    by_hand.add("categories")
    assert BY_TABLE.keys() | by_hand == Base.metadata.tables.keys()
    # what is pointed to is written before what points
    seen = set[str]()
    for kind in IN_ORDER:
        seen.add(kind.table)
        assert {key.column.table.name for key in kind.model.__table__.foreign_keys} <= seen
        names = kind.model.__table__.columns.keys()
        assert {kind.key, kind.counter, kind.ended} - {None} <= set(names)
