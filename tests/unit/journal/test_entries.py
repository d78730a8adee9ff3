"""What the lines of the local journal say."""

from __future__ import annotations

from typing import Any

import pytest
from factories import a_record

from acd.calls.record import Outcome
from journal.entries import Entry, decoded, encoded, glanced, summary_of, summed
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
    # kept as a whole, as Asterisk or its fallback has them all; lists that no call changes; and
    # recordings, whose rows are written once their files are
    by_hand = {"phones", "agencies", "registered_places"}
    by_hand |= {name for name in Base.metadata.tables if name.startswith("privacy_")}
    by_hand |= {"categories", "people", "tokens", "recordings"}
    assert BY_TABLE.keys() | by_hand == Base.metadata.tables.keys()
    # what is pointed to is written before what points
    seen = set[str]()
    for kind in IN_ORDER:
        seen.add(kind.table)
        assert {key.column.table.name for key in kind.model.__table__.foreign_keys} <= seen
        names = kind.model.__table__.columns.keys()
        assert {kind.key, kind.counter, kind.ended} - {None} <= set(names)


@pytest.mark.parametrize("named", [None, "", "x", 7, ["x"], {"id": "x"}])
@pytest.mark.parametrize("name", ["id", "call_id"])
def test_every_entry_that_is_read_is_counted_whatever_names_its_rows(name: str, named: Any) -> None:
    """An entry that is not counted stands in the file, and others are taken for it."""
    rows = (("operators", {"id": "1001"}), ("operator_states", {"at": 1.0, name: named}))
    body = encoded(Entry(7, rows))
    assert decoded(body) == Entry(7, rows)
    seen = glanced(body)
    assert seen is not None and seen.n == 7
    assert seen.ids == {"1001"} | ({"x"} if named == "x" else set())
    summary = summary_of(summed([body]))
    assert summary is not None
    assert (summary.first, summary.last, summary.count, summary.damaged) == (7, 7, 1, 0)
