"""What of a hostile text is kept, and how many of one sender."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.texts.delivery import PAUSES_S, is_delivered, pause_before_next
from acd.texts.limits import LONGEST_TEXT, Allowance, TextLimits, readable_text


@given(st.text(max_size=5000))
def test_what_is_kept_can_be_shown_and_is_short(text: str) -> None:
    kept = readable_text(text)
    assert len(kept) <= LONGEST_TEXT
    assert kept.count("\n") < 40
    kinds = {unicodedata.category(sign) for sign in kept if sign not in "\n\t\u200c\u200d"}
    assert kinds.isdisjoint({"Cc", "Cf", "Cs", "Co", "Cn"})
    assert readable_text(kept) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Tolong!\r\nJl. Ijen 12\r\n", "Tolong!\nJl. Ijen 12"),
        ("\u202egnolot", "gnolot"),
        ("\x1b[31mapi\x07", "[31mapi"),
        ("\0\1\2", ""),
        ("\U0001f468\u200d\U0001f692", "\U0001f468\u200d\U0001f692"),
        ("x" * 2000, "x" * LONGEST_TEXT),
    ],
)
def test_a_text_is_kept_without_what_hides_it(text: str, kept: str) -> None:
    assert readable_text(text) == kept


def test_a_burst_is_taken_and_then_so_many_a_minute() -> None:
    limits, allowance = TextLimits(burst=3, per_minute=6), Allowance(left=3, at=100.0)
    assert [allowance.takes(100.0, limits) for _ in range(5)] == [True, True, True, False, False]
    assert [allowance.takes(110.0, limits) for _ in range(2)] == [True, False]
    assert [allowance.takes(1000.0, limits) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 100), max_size=200))
def test_no_sender_has_more_than_the_burst_and_the_rate(pauses: list[float]) -> None:
    limits, allowance = TextLimits(burst=5, per_minute=60), Allowance(left=5, at=0.0)
    now, taken = 0.0, 0
    for pause in pauses:
        now += pause
        taken += allowance.takes(now, limits)
    assert taken <= 5 + now + 1e-6


def test_what_may_pass_is_tried_again_with_growing_pauses_and_then_given_up() -> None:
    pauses = [pause_before_next(attempts, 480) for attempts in range(1, len(PAUSES_S) + 2)]
    assert pauses == [*PAUSES_S, None]


@pytest.mark.parametrize("status", [404, 405, 415, 484, 603])
def test_what_is_final_is_not_tried_again(status: int) -> None:
    assert pause_before_next(1, status) is None
    assert not is_delivered(status)
