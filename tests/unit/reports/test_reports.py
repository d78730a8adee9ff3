"""Totals that add up, whatever the calls were; hours as the city's clocks show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.record import COUNTED, Outcome
from reports.errors import BadQuestion
from reports.figures import Figures
from reports.figures_count import CallFacts
from reports.figures_groups import By, grouping
from reports.summary import figures, grouped

JAKARTA = timezone(timedelta(hours=7))
NOON = datetime(2026, 4, 13, 12, tzinfo=JAKARTA)


def facts(outcome: Outcome | None = Outcome.ANSWERED, **changes: Any) -> CallFacts:
    """A call that arrived at noon; `answered_after`: seconds."""
    after = changes.pop("answered_after", None)
    arrived = changes.pop("arrived_at", NOON)
    default = CallFacts(
        arrived_at=arrived,
        operator_answered_at=None if after is None else arrived + timedelta(seconds=after),
        ended_at=None if outcome is None else arrived + timedelta(seconds=300),
        outcome=outcome,
        category="fire",
        operator=None,
        wait_ms=None,
        talk_ms=None,
    )
    return default._replace(**changes)


CALLS = st.lists(
    st.builds(
        facts,
        st.none() | st.sampled_from(COUNTED),
        arrived_at=st.integers(-(10**8), 10**8).map(
            lambda second: NOON + timedelta(seconds=second)
        ),
        answered_after=st.none() | st.floats(0, 500),
        category=st.none() | st.sampled_from(["covid", "police", "fire", "power"]),
        operator=st.none() | st.sampled_from(["1001", "1002"]),
        wait_ms=st.none() | st.integers(0, 10**6),
        talk_ms=st.none() | st.integers(0, 10**6),
        legs=st.lists(
            st.fixed_dictionaries(
                {
                    "operator": st.sampled_from([None, "1001", "1003"]),
                    "how": st.sampled_from(["answered", "transfer", "conference", "callback"]),
                }
            ),
            max_size=3,
        ),
    ),
    max_size=40,
)


def counted(some: Figures) -> int:
    return int(some.live + sum(getattr(some, outcome.value) for outcome in COUNTED))


@given(CALLS)
def test_every_call_is_counted_once_and_only_once(calls: list[CallFacts]) -> None:
    total = figures(calls)
    assert total.adds_up
    assert total.offered == len(calls) == counted(total) == sum(total.by_category.values())


@given(CALLS, st.sampled_from(get_args(By)))
def test_the_groups_add_up_to_the_whole(calls: list[CallFacts], by: By) -> None:
    key_of = grouping(by, "Asia/Jakarta")
    assert key_of is not None
    total, groups = figures(calls), grouped(calls, key_of).values()
    assert all(one.adds_up for one in groups)
    for name in ("offered", "live", *(outcome.value for outcome in COUNTED)):
        assert getattr(total, name) == sum(getattr(one, name) for one in groups)


@given(CALLS)
def test_percentiles_and_shares_are_in_their_order(calls: list[CallFacts]) -> None:
    total = figures(calls)
    if total.answer_p50_ms is not None:
        assert total.answer_p95_ms is not None
        assert total.answer_longest_tenth_mean_ms is not None
        assert total.answer_p50_ms <= total.answer_p95_ms
        assert total.answer_p50_ms <= total.answer_longest_tenth_mean_ms
    if total.offered:
        shares = [getattr(total, f"within_{limit}s_percent") for limit in (5, 10, 15, 20)]
        assert shares == sorted(shares)
        assert 0 <= shares[0] <= shares[-1] <= 100


def test_each_outcome_has_a_figure_of_its_name() -> None:
    assert {outcome.value for outcome in COUNTED} <= set(Figures.__struct_fields__)


@pytest.mark.parametrize("outcome", [None, "vanished"])
def test_an_ended_call_without_a_known_outcome_is_shown_as_a_sum_that_is_wrong(
    outcome: str | None,
) -> None:
    assert not figures([facts(), facts()._replace(outcome=outcome)]).adds_up


def test_a_call_that_the_fallback_serves_is_live_until_it_ends() -> None:
    total = figures([facts(Outcome.FALLBACK, ended_at=None)])
    assert (total.live, total.fallback, total.adds_up) == (1, 0, True)


def test_answer_times_run_from_arrival_and_leave_out_the_fallback() -> None:
    seconds = [1.0, 5.0, 5.0006, 10.0, 19.0, 21.0]
    calls = [facts(answered_after=after) for after in seconds]
    calls += [facts(Outcome.FALLBACK, answered_after=2.0), facts(Outcome.LOST_MENU)]
    total = figures(calls)
    assert (total.offered, total.fallback) == (8, 1)
    assert total.within_5s_percent == 25.0
    assert total.within_10s_percent == 50.0
    assert total.within_15s_percent == 50.0
    assert total.within_20s_percent == 62.5
    assert (total.answer_p50_ms, total.answer_p95_ms) == (5001, 21000)
    assert total.answer_longest_tenth_mean_ms == 21000
    assert total.lost_menu_percent == 12.5


def test_percentiles_are_times_that_happened_and_the_longest_tenth_is_averaged() -> None:
    total = figures([facts(answered_after=float(second)) for second in range(100, 0, -1)])
    assert (total.answer_p50_ms, total.answer_p95_ms) == (50_000, 95_000)
    assert total.answer_longest_tenth_mean_ms == 95_500


def test_wait_and_talk_count_every_call_that_has_them() -> None:
    calls = [facts(wait_ms=1000, talk_ms=60_000), facts(Outcome.LOST_QUEUE, wait_ms=9000)]
    total = figures([*calls, facts(Outcome.FALLBACK, talk_ms=30_000)])
    assert (total.wait_p50_ms, total.wait_p95_ms, total.talk_mean_ms) == (1000, 9000, 45_000)


def test_no_calls_give_no_figures_but_a_sum_that_is_right() -> None:
    total = figures([])
    assert (total.offered, total.adds_up, total.by_category) == (0, True, {})
    assert total.within_5s_percent is total.answer_p50_ms is total.talk_mean_ms is None


@pytest.mark.parametrize(
    ("utc", "hour"),
    [
        (datetime(2026, 4, 12, 16, 59, 59, 999_999, tzinfo=UTC), "2026-04-12T23:00+07:00"),
        (datetime(2026, 4, 12, 17, 0, tzinfo=UTC), "2026-04-13T00:00+07:00"),
        (datetime(2025, 12, 31, 17, 30, tzinfo=UTC), "2026-01-01T00:00+07:00"),
    ],
)
def test_hours_are_those_of_jakarta(utc: datetime, hour: str) -> None:
    key_of = grouping("hour", "Asia/Jakarta")
    assert key_of is not None
    assert key_of(facts(arrived_at=utc)) == hour


def test_the_hour_that_a_clock_change_repeats_is_two_hours() -> None:
    key_of = grouping("hour", "Europe/Amsterdam")
    assert key_of is not None
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    hours = [key_of(facts(arrived_at=first + timedelta(hours=n))) for n in range(2)]
    assert hours == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


@pytest.mark.parametrize(
    ("by", "tz", "told"),
    [
        ("week", "Asia/Jakarta", "choose one of hour, category, operator"),
        ("hour", "Asia/Malang", "no time zone 'Asia/Malang'"),
        (None, "../etc/passwd", "no time zone"),
        (None, "", "no time zone"),
    ],
)
def test_a_grouping_or_time_zone_that_does_not_exist_is_told(by: str, tz: str, told: str) -> None:
    with pytest.raises(BadQuestion, match=told):
        grouping(by, tz)
