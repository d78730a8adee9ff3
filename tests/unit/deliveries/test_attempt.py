"""When a failed delivery is tried again."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.attempt import (
    LONGEST_DETAIL,
    Attempt,
    Delivered,
    Failed,
    Reason,
    Refused,
    RetryRules,
    next_try,
    shown,
)

NOW = 1_790_000_000.0
RULES = RetryRules(gaps_s=(5, 60, 600), longest_after_s=900)
AWAY = Failed(Reason.UNREACHABLE, retry=True)


def test_the_gaps_grow_and_then_the_job_is_a_dead_letter() -> None:
    tries = [next_try(attempts, AWAY, NOW, RULES) for attempts in (1, 2, 3, 4, 100)]
    assert tries == [NOW + 5, NOW + 60, NOW + 600, None, None]


def test_what_no_later_attempt_mends_is_a_dead_letter_at_once() -> None:
    assert next_try(1, Failed(Reason.GONE, retry=False), NOW, RULES) is None


@pytest.mark.parametrize(
    ("asked", "waits"), [(None, 60), (0.0, 60), (59.0, 60), (120.0, 120), (1e12, 900)]
)
def test_a_receiver_is_left_alone_as_long_as_it_asks_within_a_bound(
    asked: float | None, waits: float
) -> None:
    failed = Failed(Reason.TRY_LATER, retry=True, not_before_s=asked)
    assert next_try(2, failed, NOW, RULES) == NOW + waits


def test_without_gaps_nothing_is_tried_again() -> None:
    assert next_try(1, AWAY, NOW, RetryRules(gaps_s=())) is None


def test_a_server_that_is_down_for_an_hour_is_still_tried() -> None:
    rules, now, attempts = RetryRules(), NOW, 0
    while now < NOW + 3600:
        attempts += 1
        later = next_try(attempts, AWAY, now, rules)
        assert later is not None
        now = later
    assert attempts < 10


@given(st.integers(-5, 50), st.one_of(st.none(), st.floats(0, 1e12)), st.floats(0, 4e9))
def test_the_next_attempt_is_always_later_and_within_the_largest_bound(
    attempts: int, asked: float | None, now: float
) -> None:
    rules = RetryRules()
    later = next_try(attempts, Failed(Reason.TRY_LATER, True, asked), now, rules)
    if later is not None:
        assert now + rules.gaps_s[0] <= later <= now + rules.gaps_s[-1]


@pytest.mark.parametrize(
    ("gaps", "longest"),
    [((5, 4), 60), ((0,), 60), ((-1,), 60), ((math.inf,), 60), ((math.nan,), 60), ((5,), math.nan)],
)
def test_gaps_that_shrink_or_are_no_times_are_refused(
    gaps: tuple[float, ...], longest: float
) -> None:
    with pytest.raises(ValueError, match="retries"):
        RetryRules(gaps_s=gaps, longest_after_s=longest)
    written = msgspec.json.encode({"gaps_s": gaps, "longest_after_s": longest})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(written, type=RetryRules)


@pytest.mark.parametrize(
    "attempt",
    [
        Delivered("HTTP 200"),
        Delivered("250 ok", (Refused("a@b.example", Failed(Reason.REFUSED, False)),)),
        Failed(Reason.TRY_LATER, True, 60.0, "pmi.example answers 503."),
    ],
)
def test_a_result_can_be_kept_and_read_again(attempt: Attempt) -> None:
    assert msgspec.json.decode(msgspec.json.encode(attempt), type=Attempt) == attempt


@given(st.text(max_size=2000))
def test_what_is_shown_is_one_bounded_line_without_control_characters(text: str) -> None:
    found = shown(text)
    assert len(found) <= LONGEST_DETAIL and found.isprintable() and found == found.strip()
