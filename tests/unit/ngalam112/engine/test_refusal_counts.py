"""Refused calls are summed up by hours, in bounded memory, and go on over a change of engines."""

from __future__ import annotations

import asyncio

import pytest
from fakes import FakeJournal
from test_refused_calls import answer, invite

from lab.machine.waiting import eventually
from ngalam112.engine import refusal_counts
from ngalam112.engine.refusal_counts import DAY_S, HOUR_S, MOST_SOURCES, RefusalCounts
from ngalam112.engine.refused_calls import SURE_AFTER_S
from pbx.hep import Copy

NOON = 1_800_000_000.0 - 1_800_000_000.0 % HOUR_S
TRUNK = "10.0.0.7"


class Desk:
    """One engine's counts, on a clock that the test sets."""

    def __init__(self, journal: FakeJournal | None = None) -> None:
        self.journal, self.now, self.calls = journal or FakeJournal(), NOON, 0
        self.counts = RefusalCounts(
            ["112"], ["10.0.0.0/24", "2001:db8::/32"], self.journal, lambda: self.now
        )
        self.counts.remember(self.journal.facts)

    def refuse(self, source: str = TRUNK, status: int = 488, dialled: str = "112") -> None:
        self.calls += 1
        call_id = f"{id(self)}-{self.calls}"
        packet = invite(call_id, uri=f"sip:{dialled}@h").packet
        self.counts.heard(Copy(source, call_id, packet))
        self.counts.heard(answer(status, call_id))

    def count(self) -> None:
        self.now += SURE_AFTER_S
        self.counts.count()

    def rows(self) -> list[tuple[float, str, int, int]]:
        rows = self.journal.tables.get("refused_calls", {}).values()
        return sorted((one["hour"], one["source"], one["status"], one["calls"]) for one in rows)


def test_a_trunks_calls_are_summed_up_by_hour_address_and_status() -> None:
    desk = Desk()
    for status in (488, 488, 420):
        desk.refuse(status=status)
    desk.refuse("::ffff:10.0.0.8")
    desk.refuse("2001:db8::1")
    desk.count()
    desk.refuse()
    desk.count()
    desk.now += HOUR_S
    desk.refuse()
    desk.count()
    assert desk.rows() == [
        (NOON, "10.0.0.7", 420, 1),
        (NOON, "10.0.0.7", 488, 3),
        (NOON, "10.0.0.8", 488, 1),
        (NOON, "2001:db8::1", 488, 1),
        (NOON + HOUR_S, "10.0.0.7", 488, 1),
    ]
    assert desk.counts.totals == {("trunk", 488): 6, ("trunk", 420): 1}
    first = desk.counts.lately()[0]
    assert (first.source, first.calls, first.since, first.trunk) == (TRUNK, 4, NOON + 5, True)


def test_strangers_are_one_and_named_only_if_they_dial_our_number() -> None:
    desk = Desk()
    for number in range(200):
        desk.refuse(f"192.0.2.{number}", 401, "00441904911002")
    desk.refuse("203.0.113.9", 401, "1-1-2")
    desk.count()
    assert desk.rows() == [(NOON, "elsewhere", 401, 201)]
    assert [(one.source, one.trunk) for one in desk.counts.lately()] == [("203.0.113.9", False)]


def test_no_number_of_addresses_makes_it_grow_or_hides_a_trunk() -> None:
    desk = Desk()
    desk.refuse()
    desk.count()
    for number in range(300):
        desk.refuse(f"192.0.2.{number % 250}", 400 + number // 10)
        desk.refuse(f"10.0.0.{number % 250}", 404) if number > 200 else None
        desk.count()
    named = desk.counts.lately()
    assert len(named) <= MOST_SOURCES and (TRUNK, 488) in {
        (one.source, one.status) for one in named
    }
    assert sum(one[3] for one in desk.rows()) == 400
    assert len({one for one in desk.rows() if one[0] == NOON}) <= 2 * MOST_SOURCES


def test_the_next_engine_names_whom_this_one_saw_and_keeps_sums_of_its_own() -> None:
    one = Desk()
    one.refuse()
    one.count()
    other = Desk(one.journal)
    other.refuse()
    other.count()
    assert [one.calls for one in other.counts.lately()] == [2]
    assert other.rows() == [(NOON, TRUNK, 488, 1), (NOON, TRUNK, 488, 1)]
    other.now += DAY_S
    assert other.counts.lately() == []


def test_what_another_version_kept_is_passed_over() -> None:
    desk = Desk()
    desk.counts.remember({"refused_calls": [{"nonsense": 1}]})
    assert desk.counts.lately() == []


async def test_it_counts_by_itself_and_rests_when_nothing_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusal_counts, "PASS_S", 0.01)
    desk = Desk()
    task = asyncio.create_task(desk.counts.run())
    try:
        for calls in (1, 2):
            desk.refuse()
            desk.now += SURE_AFTER_S
            await eventually(
                lambda n=calls: desk.counts.totals == {("trunk", 488): n},  # type: ignore[misc]
                what="counted",
            )
    finally:
        task.cancel()
