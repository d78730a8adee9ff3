"""What an engine knows at its start: from the journal alone, or joined with the database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import a_phone, a_record, an_operator
from fakes import FakeJournal
from structlog.testing import capture_logs

from acd.operators.operator import Device, Operator, Status, operator_of
from acd.operators.roster import Roster
from acd.operators.states import State
from acd.work_items.item import WorkItem
from journal.entries import Kept
from journal.write_ahead_log import WriteAheadLog
from ngalam112.recovery.startup_state import Known, items_of, known_by, learn


def kept(*operators: Operator, newer: tuple[str, ...] = (), **more: Any) -> Kept:
    rows = {one.id: one.row() for one in operators}
    return Kept(operators=rows, newer=frozenset(newer), **more)


def stored(*operators: Operator, **more: Any) -> Known:
    return Known(**{"operators": list(operators), "phones": [], "calls": [], **more})


def test_an_operator_comes_back_from_a_row_as_they_were() -> None:
    one = an_operator(skills={"police": 9}, wrap_up_until=7.5, status=Status.PAUSED)
    assert operator_of(one.row()) == one


def test_without_the_database_all_is_as_the_last_engine_kept_it() -> None:
    record = a_record(call_id="lives")
    known = known_by(
        kept(
            an_operator("1002"),
            an_operator("1001"),
            phones=(a_phone("101"),),
            calls={"lives": record.row()},
        )
    )
    assert [one.id for one in known.operators] == ["1001", "1002"]
    assert (known.phones, known.calls) == ([a_phone("101")], [record])


def test_the_database_tells_who_exists_and_the_journal_what_it_has_not_taken_yet() -> None:
    kept_one = an_operator("1001", name="Old", status=Status.PAUSED, skills={"fire": 1})
    stored_one = an_operator("1001", name="New", pin_hash="new", status=Status.READY)
    known = known_by(
        kept(kept_one, an_operator("1002"), newer=("1001",), phones=(a_phone("101"),)),
        stored(stored_one, an_operator("1003"), phones=[a_phone("102")]),
    )
    one, other = known.operators
    assert (one.name, one.pin_hash, one.status, one.skills) == (
        *("New", "new", Status.PAUSED),
        {"fire": 1},
    )
    assert other.id == "1003"
    assert known.phones == [a_phone("102")]


def test_an_operator_whose_rows_are_drained_is_as_the_database_says() -> None:
    changed = an_operator("1001", skills={"police": 9})
    assert known_by(kept(an_operator("1001")), stored(changed)).operators == [changed]


def test_a_call_that_the_database_has_not_seen_end_is_over() -> None:
    over, lives, new = (a_record(one, call_id=one) for one in ("over", "lives", "new"))
    behind = a_record("lives", call_id="lives", events=1)
    lives.events = 5
    known = known_by(
        kept(
            newer=("over", "lives", "new"),
            calls={"lives": lives.row(), "new": new.row(), "gone": a_record("gone").row()},
        ),
        stored(calls=[over, behind, a_record("other", call_id="other")]),
    )
    assert {one.call_id: one.events for one in known.calls} == {"other": 1, "lives": 5, "new": 1}


def test_where_the_database_knows_more_of_a_call_than_the_journal_it_counts() -> None:
    behind = {one: a_record(one, call_id=one, events=3) for one in ("more", "as_much", "over")}
    known = known_by(
        kept(newer=tuple(behind), calls={one: row.row() for one, row in behind.items()}),
        stored(
            calls=[
                a_record("more", call_id="more", events=4, category="fire"),
                a_record("as_much", call_id="as_much", events=3, category="fire"),
            ],
            over=frozenset({"over"}),
        ),
    )
    found = {one.call_id: (one.events, one.category) for one in known.calls}
    assert found == {"more": (4, "fire"), "as_much": (3, behind["as_much"].category)}


def test_what_cannot_be_understood_does_not_stop_the_start() -> None:
    broken = Kept(operators={"1001": {"id": "1001"}}, calls={"x": {"call_id": 1}})
    with capture_logs() as logs:
        assert known_by(broken) == stored()
    assert [one["event"] for one in logs] == ["operator_not_understood", "call_not_understood"]


def test_a_roster_that_has_served_learns_who_is_there_and_keeps_what_they_do() -> None:
    roster = Roster(FakeJournal())
    roster.add_phone(a_phone("101"))
    for number in ("1001", "1002"):
        roster.add_operator(an_operator(number, name="Old", status=Status.PAUSED))
    learn(
        roster,
        stored(
            *(an_operator(one, name="New", skills={"fire": 2}) for one in ("1001", "1002", "1003")),
            phones=[a_phone("101", password="new"), a_phone("102")],
        ),
        newer={"1002"},
        now=100.0,
    )
    found = {one.id: (one.name, one.status, one.skills) for one in roster.operators.values()}
    assert found["1001"] == ("New", Status.PAUSED, {"fire": 2})
    assert found["1002"] == ("New", Status.PAUSED, {})
    assert found["1003"][0] == "New"
    assert [one.password for one in roster.phones.values()] == ["new", a_phone("102").password]


def test_whom_only_the_journal_had_is_gone_unless_busy_and_who_is_new_stays() -> None:
    roster = Roster(FakeJournal())
    for number in ("101", "102", "103"):
        roster.add_phone(a_phone(number))
    roster.phones["102"].device = Device.IN_USE
    for number in ("1001", "1002", "1003", "1004"):
        roster.add_operator(an_operator(number, status=Status.LOGGED_OUT, phone=None))
    roster.operators["1002"].state = State.TALKING
    had = kept(
        *(an_operator(one) for one in ("1001", "1002", "1003")),
        phones=(a_phone("101"), a_phone("102")),
    )
    with capture_logs() as logs:
        learn(roster, stored(an_operator("1003")), set(), 100.0, had)
    assert list(roster.operators) == ["1002", "1003", "1004"]
    assert list(roster.phones) == ["102", "103"]
    assert [one["event"] for one in logs] == ["removed_operator_is_busy", "removed_phone_is_busy"]


def test_who_is_known_no_more_is_not_kept_as_logged_in() -> None:
    journal = FakeJournal()
    roster = Roster(journal)
    roster.add_operator(an_operator("1001", status=Status.READY))
    learn(roster, stored(), set(), 100.0, kept(an_operator("1001")))
    (row,) = journal.tables["operator_states"].values()
    assert (row["operator"], row["status"], row["at"]) == ("1001", "logged_out", 100.0)


def a_callback(changes: int, **more: Any) -> dict[str, Any]:
    return WorkItem(id="item", kind="callback", call_id="call", changes=changes, **more).row()


@pytest.mark.parametrize(
    ("last_word", "in_database", "known"),
    [
        ({"changes": 3, "ended_at": 9.0}, 1, None),  # closed, and the database has not heard of it
        ({"changes": 3}, 1, 3),
        ({"changes": 1}, 3, 3),  # a disk that has hung
        ({"changes": 3}, None, 3),
    ],
)
def test_of_a_work_item_the_last_word_counts(
    tmp_path: Path, last_word: dict[str, Any], in_database: int | None, known: int | None
) -> None:
    journal = WriteAheadLog(tmp_path)
    journal.add(("work_items", a_callback(1)))
    journal.done(journal.waiting(1))
    journal.add(("work_items", a_callback(**last_word)))
    journal.close()
    again = WriteAheadLog(tmp_path)
    assert again.kept.newer == {"item"}
    rows = [] if in_database is None else [a_callback(in_database)]
    stored = Known(operators=[], phones=[], calls=[], others={"work_items": rows})
    found = items_of(known_by(again.kept, stored))
    assert [one.changes for one in found] == ([] if known is None else [known])
    # without the database the journal must do
    alone = items_of(known_by(again.kept), later_s=5.0)
    assert [one.created_at for one in alone] == ([] if "ended_at" in last_word else [5.0])
    again.close()
