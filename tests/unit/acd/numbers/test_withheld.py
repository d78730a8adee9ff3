"""Of a number that is withheld people see as much as the city has decided, and of no other less."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.numbers.withheld import Withheld, seen


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("081234567890", "0812****890"),
        ("+6281234567890", "+62812****890"),
        ("0341366444", "0341****444"),
        ("110", "****"),
        ("034136644", "****"),
        ("+000000000", "****"),
        ("+00000000000", "+00000****000"),
        ("anonymous", "****"),
        ("", ""),
    ],
)
def test_a_withheld_number_is_masked_in_the_middle(number: str, masked: str) -> None:
    assert seen(number, True, Withheld.MASKED) == masked
    assert seen(number, True, Withheld.HIDDEN) == ""
    assert seen(number, True, Withheld.SHOWN) == number


@OFTEN
@given(st.text("+0123456789", max_size=32), st.sampled_from(Withheld))
def test_what_is_not_withheld_is_seen_and_what_is_masked_cannot_be_dialled(
    number: str, how: Withheld
) -> None:
    assert seen(number, False, how) == number
    if how is not Withheld.SHOWN:
        shown = seen(number, True, how)
        assert shown in ("", "****") or len(number) - len(shown.replace("*", "")) >= 3
