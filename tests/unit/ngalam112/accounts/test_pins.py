"""A PIN is kept as a salted hash and matches nothing but itself."""

from __future__ import annotations

import pytest
from factories import OFTEN, an_operator
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.accounts.pins import PinError, hash_pin, pin_matches

PINS = st.text("0123456789", min_size=6, max_size=12)


@OFTEN
@given(PINS, PINS)
def test_a_pin_matches_itself_and_no_other(pin: str, other: str) -> None:
    one = an_operator(pin_hash=hash_pin(pin))
    assert pin_matches(one, pin)
    assert pin_matches(one, other) is (pin == other)


def test_the_hash_tells_neither_the_pin_nor_who_has_the_same_one() -> None:
    first, second = hash_pin("654321"), hash_pin("654321")
    assert first != second
    assert "654321" not in first.split("$")
    assert first.startswith("scrypt$")


@pytest.mark.parametrize(
    "pin", ["", "123", "12345", "1" * 13, "12a4", "1234\n", " 1234", "١٢٣٤", "12.4", "-123"]
)
def test_what_is_no_pin_is_refused(pin: str) -> None:
    with pytest.raises(PinError, match="6 to 12 digits"):
        hash_pin(pin)


@pytest.mark.parametrize(
    "kept", ["", "4321", "md5$aa$bb", "scrypt$", "scrypt$00", "scrypt$$", "scrypt$xy$00", "$$"]
)
def test_an_operator_without_a_usable_hash_gets_in_with_no_pin(kept: str) -> None:
    one = an_operator(pin_hash=kept)
    assert not pin_matches(one, "4321")
    assert not pin_matches(one, "")


@OFTEN
@given(st.text(max_size=30))
def test_whatever_is_tried_is_compared_without_an_error(tried: str) -> None:
    assert not pin_matches(an_operator(pin_hash=hash_pin("987654321098")), tried + "x")
