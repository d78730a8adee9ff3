"""What each hour of the week needs: averages by hour, the busiest quarter, who was ready."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reports.erlang import answered_within, operators_needed
from reports.errors import BadQuestion, TooLittleData
from reports.staffing import (
    OWN_HANDLING,
    HourNeeds,
    Patience,
    Quarter,
    Ready,
    Staffing,
    Target,
    staffing,
    target_of,
)

ZONE = ZoneInfo("Asia/Jakarta")
MONDAY = datetime(2026, 11, 2, tzinfo=ZONE)
END = MONDAY + timedelta(weeks=4)
FIRST = Quarter(int(MONDAY.timestamp()), 1, 0, 0.0)
TARGET = Target(0.95, 5.0)


def at(day: int, hour: int, minute: int = 0, week: int = 0) -> int:
    moment = MONDAY + timedelta(weeks=week, days=day, hours=hour, minutes=minute)
    return int(moment.timestamp())


def every_week(day: int, hour: int, calls: int, talk_s: float, minute: int = 0) -> list[Quarter]:
    """So many calls in a quarter of each of the four weeks."""
    return [
        Quarter(at(day, hour, minute, week), calls, calls, calls * talk_s, calls * 10.0)
        for week in range(4)
    ]


def plan(quarters: list[Quarter], **changes: Any) -> Staffing:
    given: dict[str, Any] = {"since": MONDAY, "until": END, "zone": ZONE}
    patience = changes.pop("patience", Patience(0.0, 0))
    return staffing([FIRST, *quarters], patience, TARGET, **(given | changes))


def hour(found: Staffing, weekday: str, hour: int) -> HourNeeds:
    return next(one for one in found.hours if (one.weekday, one.hour) == (weekday, hour))


def test_an_hour_has_its_calls_its_handling_time_and_what_they_need() -> None:
    found = plan(every_week(1, 9, 20, 110.0) + every_week(1, 9, 10, 110.0, minute=30))
    nine = hour(found, "tuesday", 9)
    assert (nine.calls_per_hour, nine.peak_per_hour, nine.handling_s) == (30.0, 80.0, 120.0)
    assert nine.load == round(80 / 3600 * 120, 3)
    assert nine.needed == operators_needed(0.95, 5.0, 80 / 3600 * 120, 120.0)
    assert (nine.ready, nine.reached_percent) == (None, None)
    assert len(found.hours) == 7 * 24
    assert hour(found, "tuesday", 10).needed == 0
    assert (found.handling_s, found.wrap_up_s, found.answered) == (120.0, 10.0, 120)


def test_the_wrap_up_is_the_mean_of_the_time_in_which_it_was_kept() -> None:
    """As after an upgrade: of three weeks nobody knows how long operators wrapped up."""
    calls = [every_week(1, 9, 20, 120.0), every_week(0, 8, OWN_HANDLING, 300.0)]
    last_week = at(0, 0, week=3)
    quarters = [
        one._replace(wrap_up_s=one.answered * 60.0 if one.at >= last_week else 0.0)
        for some in calls
        for one in some
    ]
    found = plan(quarters, ready=[], ready_since=float(last_week))
    talk = (20 * 120.0 + OWN_HANDLING * 300.0) / (20 + OWN_HANDLING)
    assert (found.wrap_up_s, found.handling_s) == (60.0, round(talk + 60.0, 1))
    assert hour(found, "tuesday", 9).handling_s == 180.0, "its own talk, and the wrap-up of all"
    assert hour(found, "monday", 8).handling_s == 360.0


def test_hours_are_those_of_the_clock_on_the_wall() -> None:
    found = plan(every_week(6, 23, 30, 50.0))
    assert hour(found, "sunday", 23).calls_per_hour == 30.0


def test_a_busy_hour_has_its_own_handling_time_and_a_quiet_one_that_of_all() -> None:
    busy = every_week(0, 8, OWN_HANDLING, 290.0)
    quiet = every_week(0, 9, 1, 90.0)
    found = plan([*busy, *quiet])
    assert hour(found, "monday", 8).handling_s == 300.0
    assert hour(found, "monday", 9).handling_s == found.handling_s > 100.0


def test_who_gives_up_needs_fewer_operators_and_nobody_counts_as_waiting_for_ever() -> None:
    quarters = every_week(2, 12, 40, 110.0)
    patient = hour(plan(quarters), "wednesday", 12)
    found = plan(quarters, patience=Patience(600.0, 20))
    assert found.patience_s == 30.0 and plan(quarters).patience_s is None
    short = hour(found, "wednesday", 12)
    assert short.needed == operators_needed(0.95, 5.0, 160 / 3600 * 120, 120.0, 30.0)
    assert short.needed is not None and patient.needed is not None
    assert short.needed <= patient.needed
    assert Patience(600.0, 0).seconds == math.inf


def test_who_was_ready_is_the_mean_and_is_reached_in_its_parts() -> None:
    quarters = every_week(1, 9, 30, 110.0)
    ready = [Ready(at(1, 9, 0, week), at(1, 10, 0, week)) for week in range(4)] * 2
    ready += [Ready(at(1, 9, 0, week), at(1, 9, 30, week)) for week in range(4)]
    nine = hour(plan(quarters, ready=ready), "tuesday", 9)
    model = (120 / 3600 * 120, 120.0)
    half = (answered_within(5, 2, *model) + answered_within(5, 3, *model)) / 2
    assert (nine.ready, nine.reached_percent) == (2.5, round(100 * half, 1))
    assert hour(plan(quarters, ready=ready), "tuesday", 10).ready == 0.0


def test_who_was_ready_is_the_mean_since_it_is_known() -> None:
    ready = [Ready(at(1, 9, 0, 3), at(1, 10, 0, 3))]
    found = plan(every_week(1, 9, 30, 50.0), ready=ready, ready_since=float(at(0, 0, 0, 3)))
    assert hour(found, "tuesday", 9).ready == 1.0


def test_a_number_that_is_given_is_there_in_each_hour() -> None:
    found = plan(every_week(1, 9, 30, 50.0), ready=[], operators=4)
    assert {one.ready for one in found.hours} == {4.0}
    assert hour(found, "friday", 3).reached_percent == 100.0


@pytest.mark.parametrize(
    ("quarters", "until", "said"),
    [
        ([], END, "There are 0 answered calls of 28.0 days"),
        (every_week(1, 9, 24, 50.0), END, "There are 96 answered calls of 28.0 days"),
        (every_week(1, 9, 50, 50.0)[:1], MONDAY + timedelta(days=3), "of 3.0 days"),
    ],
)
def test_too_little_data_is_said(quarters: list[Quarter], until: datetime, said: str) -> None:
    with pytest.raises(TooLittleData, match=said):
        plan(quarters, until=until)


def test_without_any_call_there_is_too_little_data() -> None:
    with pytest.raises(TooLittleData, match="There are 0 answered calls"):
        staffing([], Patience(0.0, 0), TARGET, since=MONDAY, until=END, zone=UTC)


def test_a_target_is_per_cent_and_seconds() -> None:
    assert target_of("95/5") == Target(0.95, 5.0)
    assert target_of("99.5/10") == Target(0.995, 10.0)
    for text in ("95", "0/5", "100/5", "95/5/5", "95 / 5", "-5/5", "95/", "nan/5", "９５/5"):
        with pytest.raises(BadQuestion, match="is no target"):
            target_of(text)
