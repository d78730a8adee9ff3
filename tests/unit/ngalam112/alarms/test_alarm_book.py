"""Which alarms are kept: one row each, from begin to end, over changes of engines."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from fakes import FakeJournal

from ngalam112.alarms.alarm import ALARMS, Alarm, AlreadyAcknowledged
from ngalam112.alarms.book import HOLD_S, MOST_OVER, AlarmBook

WAIT = {"wait": "a citizen has waited for more than 20 s; 3 are in the queue"}


class Desk:
    """A book, its journal, and looks every two seconds."""

    def __init__(self, journal: FakeJournal | None = None, at: float = 1000.0) -> None:
        self.journal = journal or FakeJournal()
        self.book, self.now = AlarmBook(self.journal), at

    def looks(self, found: dict[str, str], times: int = 1) -> None:
        for _ in range(times):
            self.book.look(found, self.now)
            self.now += 2.0

    def is_over(self) -> None:
        """Nothing is found until all has ended."""
        self.looks({}, int(HOLD_S / 2) + 1)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.journal.tables.get(ALARMS, {}).values())

    def next_engine(self) -> Desk:
        """Another engine, which knows what the journal has of alarms that are on."""
        desk = Desk(self.journal, self.now)
        desk.book.remember([one for one in self.rows if one["ended_at"] is None], desk.now)
        return desk


def test_an_alarm_is_one_row_from_the_first_look_that_finds_it_to_the_first_that_does_not() -> None:
    desk = Desk()
    desk.looks(WAIT, 10)
    (row,) = desk.rows
    assert (row["kind"], row["about"], row["text"]) == ("wait", "", WAIT["wait"])
    assert (row["began_at"], row["ended_at"]) == (1000.0, None)
    desk.is_over()
    (row,) = desk.rows
    assert (row["began_at"], row["ended_at"]) == (1000.0, 1020.0)
    assert desk.book.on == {}


def test_what_only_one_look_finds_is_no_alarm() -> None:
    desk = Desk()
    for _ in range(20):
        desk.looks(WAIT)
        desk.looks({})
    assert desk.rows == [] and desk.book.on == {}


def test_a_phone_that_comes_and_goes_makes_one_row_and_not_one_each_time() -> None:
    desk, away = Desk(), {"phone 101": "phone 101 cannot be reached"}
    for _ in range(200):
        desk.looks(away, 2)
        desk.looks({}, 3)
    (row,) = desk.rows
    assert (row["kind"], row["about"], row["changes"]) == ("phone", "101", 1)
    desk.is_over()
    assert [one["ended_at"] is not None for one in desk.rows] == [True]


def test_a_board_is_shown_what_is_found_now_and_not_what_may_come_back() -> None:
    desk = Desk()
    desk.looks(WAIT, 2)
    assert [one.kind for one in desk.book.found_now()] == ["wait"]
    desk.looks({})
    assert desk.book.found_now() == [] and "wait" in desk.book.on
    desk.looks(WAIT)
    assert [one.kind for one in desk.book.found_now()] == ["wait"]


def test_many_who_wait_for_hours_are_one_row_that_is_written_twice() -> None:
    desk = Desk()
    for n in range(2000):
        desk.looks({"wait": f"a citizen has waited for more than 20 s; {n} are in the queue"})
    desk.is_over()
    (row,) = desk.rows
    assert row["changes"] == 2 and row["text"].endswith("; 1 are in the queue")


def test_after_a_change_of_engines_an_alarm_that_is_still_on_does_not_begin_again() -> None:
    desk = Desk()
    desk.looks(WAIT, 3)
    after = desk.next_engine()
    after.looks(WAIT, 3)
    (row,) = after.rows
    assert (row["began_at"], row["ended_at"]) == (1000.0, None)


def test_what_ended_while_no_engine_looked_gets_its_end_from_the_next_one() -> None:
    desk = Desk()
    desk.looks(WAIT, 3)
    desk.now += 600.0
    after = desk.next_engine()
    after.is_over()
    (row,) = after.rows
    assert row["ended_at"] == 1606.0, "when it was first not found"


def test_of_two_rows_of_one_alarm_the_one_that_came_late_ends() -> None:
    """An engine that began without the database and the journal hears of the other row later."""
    desk = Desk()
    desk.looks(WAIT, 3)
    (old,) = desk.rows
    other = Desk(at=desk.now)
    other.looks(WAIT, 3)
    other.book.remember([old], other.now)
    assert other.journal.tables[ALARMS][old["id"]]["ended_at"] == other.now
    assert other.book.on["wait"].id != old["id"]


def test_a_row_that_makes_no_sense_keeps_no_engine_from_its_start() -> None:
    desk = Desk()
    desk.book.remember([{"id": "x", "kind": 7}, {}], desk.now)
    assert desk.book.on == {}


def test_who_acknowledges_an_alarm_is_kept_with_it_also_over_a_change_and_its_end() -> None:
    desk = Desk()
    desk.looks(WAIT, 2)
    (alarm,) = desk.book.on.values()
    desk.book.acknowledge(alarm, "2001", 1003.0)
    after = desk.next_engine()
    after.looks(WAIT)
    after.is_over()
    (row,) = after.rows
    assert (row["acknowledged_by"], row["acknowledged_at"]) == ("2001", 1003.0)
    assert row["ended_at"] is not None


def test_an_alarm_is_acknowledged_once() -> None:
    desk = Desk()
    desk.looks(WAIT, 2)
    (alarm,) = desk.book.on.values()
    desk.book.acknowledge(alarm, "2001", 1003.0)
    with pytest.raises(AlreadyAcknowledged, match="2001 has acknowledged the alarm wait before"):
        desk.book.acknowledge(alarm, "2002", 1004.0)
    assert desk.rows[0]["acknowledged_by"] == "2001"


def test_an_alarm_is_known_by_its_id_and_while_it_is_on_by_its_name() -> None:
    desk = Desk()
    desk.looks(WAIT, 2)
    (alarm,) = desk.book.on.values()
    assert desk.book.known("wait") is desk.book.known(alarm.id) is alarm
    desk.is_over()
    assert desk.book.known("wait") is None and desk.book.known(alarm.id) is alarm


def test_of_the_alarms_that_are_over_so_many_are_known_and_no_more() -> None:
    desk = Desk()
    for n in range(MOST_OVER + 5):
        desk.book.was_on("engine", "no engine served for 9 s", 100.0 + n, 109.0 + n)
    rows = sorted(desk.rows, key=lambda one: one["began_at"])
    assert len(rows) == MOST_OVER + 5 and desk.book.on == {}
    assert desk.book.known(rows[0]["id"]) is None
    assert desk.book.known(rows[-1]["id"]) is not None


def test_an_alarm_that_was_read_from_the_database_is_acknowledged_once_as_well() -> None:
    desk = Desk()
    desk.looks(WAIT, 2)
    desk.is_over()
    (row,) = desk.rows
    after = desk.next_engine()
    after.book.acknowledge(msgspec.convert(row, Alarm), "2001", 2000.0)
    with pytest.raises(AlreadyAcknowledged):
        after.book.acknowledge(msgspec.convert(row, Alarm), "2002", 2001.0)
    (row,) = after.rows
    assert (row["acknowledged_by"], row["changes"]) == ("2001", 3)
