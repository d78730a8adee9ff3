"""What each figure of the supervisor's reports means; shifts; times as people say them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from acd.calls.record import Outcome
from ngalam112.cli.report_times import last_shift
from reports.figures_count import CallFacts, Tally
from reports.figures_groups import SHIFTS, TimeGroups, shifts_of
from reports.summary import counted, figures

WIB = timezone(timedelta(hours=7))
JAKARTA = ZoneInfo("Asia/Jakarta")
NOON = datetime(2026, 4, 13, 12, tzinfo=WIB)


def a_call(outcome: Outcome, after: float | None = None, **changes: Any) -> CallFacts:
    """A call of noon; `after`: seconds to its answer, or to its end if nobody answered."""
    end = NOON + timedelta(seconds=after or 0)
    answered = outcome in (Outcome.ANSWERED, Outcome.FALLBACK) and after is not None
    given: dict[str, Any] = {
        "arrived_at": NOON,
        "operator_answered_at": end if answered else None,
        "ended_at": NOON + timedelta(seconds=300) if answered else end,
        "outcome": outcome.value,
        "category": None,
        "operator": None,
        "wait_ms": None,
        "talk_ms": None,
    }
    return CallFacts(**(given | changes))


def test_a_service_level_is_told_in_three_variants() -> None:
    calls = [a_call(Outcome.ANSWERED, 8.0 + n, wait_ms=3000 + 1000 * n) for n in range(4)]
    calls += [
        a_call(Outcome.LOST_MENU, 5.0),  # short, to the very second
        a_call(Outcome.LOST_MENU, 5.001),
        a_call(Outcome.LOST_QUEUE, 12.0, wait_ms=9000),
        a_call(Outcome.LOST_RINGING, 16.0, wait_ms=12_000),
        a_call(Outcome.FALLBACK, 2.0),
        a_call(Outcome.INFORMATION, 2.0),
    ]
    five, ten, fifteen, _ = figures(calls).service_levels
    assert (ten.answered, ten.of_offered_percent) == (3, 30.0)  # 8, 9 and 10 s of ten calls
    assert ten.without_short_percent == 33.33  # ... of nine
    # in the queue: 3 to 6 s answered, 9 and 12 s given up
    assert (five.app_queue_percent, ten.app_queue_percent) == (50.0, 83.33)
    assert fifteen.app_queue_percent == 100.0
    other = figures(calls, short_s=5.5)
    assert (other.short, other.service_levels[1].without_short_percent) == (2, 37.5)


def test_times_from_the_arrival_and_from_the_queue_are_told_apart() -> None:
    calls = [a_call(Outcome.ANSWERED, float(n), wait_ms=n * 500) for n in range(1, 21)]
    found = figures(calls)
    assert (found.answer_mean_ms, found.answer_p90_ms) == (10_500, 18_000)
    assert found.answer_longest_tenth_mean_ms == 19_500
    assert (found.queue_mean_ms, found.queue_p50_ms) == (5250, 5000)
    assert (found.queue_p90_ms, found.queue_p95_ms) == (9000, 9500)
    assert found.queue_longest_tenth_mean_ms == 9750


def test_losses_are_told_by_stage_with_their_times() -> None:
    calls = [a_call(Outcome.LOST_MENU, float(n)) for n in (1, 2, 9)]
    calls += [a_call(Outcome.LOST_FALLBACK, 40.0), a_call(Outcome.ANSWERED, 3.0)]
    menu, queue, _, fallback = figures(calls).losses
    assert (menu.stage, menu.calls, menu.percent) == ("lost_menu", 3, 60.0)
    assert (menu.mean_ms, menu.p50_ms, menu.p95_ms) == (4000, 2000, 9000)
    assert (queue.calls, queue.mean_ms, fallback.mean_ms) == (0, None, 40_000)
    assert (figures(calls).lost, figures(calls).short) == (4, 2)


def test_a_hold_counts_once_a_call() -> None:
    held = [a_call(Outcome.ANSWERED, 3.0, held_ms=ms) for ms in (0, 4000, 8000)]
    assert (figures(held).held, figures(held).held_mean_ms) == (2, 6000)


def test_what_was_counted_in_parts_is_what_was_counted_at_once() -> None:
    calls = [a_call(Outcome.ANSWERED, float(n), wait_ms=n, category="fire") for n in range(30)]
    calls += [a_call(Outcome.LOST_QUEUE, float(n), wait_ms=n) for n in range(9)]
    parts = Tally()
    for n in range(3):
        parts.merge(counted(calls[n::3]))
    assert parts.figures() == figures(calls)


@pytest.mark.parametrize(
    ("utc", "name"),
    [
        ("2026-04-12T21:59", "2026-04-12 21-05"),  # 04:59 of the 13th
        ("2026-04-12T22:00", "2026-04-13 05-13"),
        ("2026-04-13T06:00", "2026-04-13 13-21"),
        ("2026-04-13T14:00", "2026-04-13 21-05"),
    ],
)
def test_the_night_belongs_to_the_day_on_which_it_begins(utc: str, name: str) -> None:
    groups = TimeGroups("shift", JAKARTA)
    moment = datetime.fromisoformat(utc)
    assert groups.name(moment.replace(tzinfo=UTC)) == name
    assert TimeGroups("shift", JAKARTA).name(moment) == name  # as SQLite has it, without a zone


def test_a_group_of_a_time_is_named_in_the_lines_zone() -> None:
    moment = datetime(2026, 11, 30, 17, 50, tzinfo=UTC)
    names = {by: TimeGroups(by, JAKARTA).name(moment) for by in ("15min", "hour", "day", "month")}
    assert names == {
        "15min": "2026-12-01T00:45+07:00",
        "hour": "2026-12-01T00:00+07:00",
        "day": "2026-12-01",
        "month": "2026-12",
    }


def test_shifts_are_what_the_city_says() -> None:
    some = shifts_of(["06:30-18", "18-06:30"])
    assert [one.name for one in some] == ["06:30-18", "18-06:30"]
    assert shifts_of(["05-13", "13-21", "21-05"]) == SHIFTS
    assert shifts_of(["00-00"])[0].has(0)


@pytest.mark.parametrize(
    "wrong", ["05-13", "05-13,12-05", "5", "24-05", "05:10-13,13-05:10", "a-b"]
)
def test_shifts_that_are_no_day_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="shift"):
        shifts_of(wrong.split(","))


@pytest.mark.parametrize(
    ("now", "begin", "end"),
    [
        ("13T05:00", "12T21:00", "13T05:00"),
        ("13T04:59", "12T13:00", "12T21:00"),
        ("13T23:00", "13T13:00", "13T21:00"),
    ],
)
def test_the_last_shift_is_the_one_that_is_over(now: str, begin: str, end: str) -> None:
    moments = [
        datetime.fromisoformat(f"2026-04-{one}").replace(tzinfo=JAKARTA) for one in (begin, end)
    ]
    at = datetime.fromisoformat(f"2026-04-{now}").replace(tzinfo=JAKARTA)
    assert last_shift(at, SHIFTS) == tuple(moments)
