"""Whether two calls come from the same number, however a carrier writes it."""

from __future__ import annotations

from itertools import combinations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.numbers.caller import digits_of, same_caller

ONE_NUMBER = (
    "081234567890",
    "+6281234567890",
    "6281234567890",
    "006281234567890",
    "0812-3456-7890",
    "+62 (812) 3456.7890",
    "+6281234567890;cpc=ordinary",
)
NOBODY = (
    "",
    "anonymous",
    "Anonymous",
    "unknown",
    "restricted",
    "unavailable",
    "invalid",
    "private",
    "withheld",
    "0",
    "000000",
    "+0000000000",
    "warga110",
    "0800-TAXI-MLG",
    "*21*0812#",
    "0812\r\n345",
    "٠٨١٢٣٤٥",  # digits, and none that can be dialled
    "1" * 300,
)


def test_all_spellings_of_a_number_are_one_caller() -> None:
    assert {same_caller(one) for one in ONE_NUMBER} == {"+6281234567890"}


def test_the_country_decides_what_a_number_without_a_code_is() -> None:
    assert same_caller("01234 567890", "GB") == same_caller("+441234567890", "ID")


@pytest.mark.parametrize("number", NOBODY)
def test_who_cannot_be_told_is_the_same_as_nobody(number: str) -> None:
    assert same_caller(number) is None


def test_other_numbers_are_other_callers() -> None:
    several = ("0811", "0812", "101", "0341", "+6285861", "+4485861", "081234567890", "110")
    for one, another in combinations(several, 2):
        assert same_caller(one) != same_caller(another)


@OFTEN
@given(st.text(max_size=40) | st.text("+0123456789;=-.() ", max_size=40))
def test_whatever_a_caller_calls_itself_has_a_key_of_digits_or_none(number: str) -> None:
    key = same_caller(number)
    assert (key is None) == (digits_of(number) == "")
    assert key is None or set(key) <= set("+0123456789")
