"""Which numbers the line dials, and how often."""

from __future__ import annotations

import msgspec
import pytest
from factories import OFTEN, THE_DISTRIBUTION
from hypothesis import given
from hypothesis import strategies as st

from acd.numbers.called_back import DAY_S, CalledBack
from acd.numbers.outbound import Barred, Outbound, outbound_problems

THE_CITYS = THE_DISTRIBUTION.outbound


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("081234567890", "081234567890"),
        ("0812-3456-7890", "081234567890"),
        ("+6281234567890", "+6281234567890"),
        ("6281234567890", "+6281234567890"),
        ("006281234567890", "+6281234567890"),
        ("0341366444", "0341366444"),
        ("08001234567", "08001234567"),
        ("110", "110"),
        ("123", "123"),  # by data
    ],
)
def test_numbers_of_the_country_are_dialled(number: str, dialled: str) -> None:
    assert THE_CITYS.dial_string(number, own="112") == dialled


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("", Barred.NO_NUMBER),
        ("anonymous", Barred.NO_NUMBER),
        ("warga110", Barred.NO_NUMBER),
        ("0800-TAXI-MLG", Barred.NO_NUMBER),
        ("0812,,1", Barred.NO_NUMBER),
        ("*21*081234567890#", Barred.CODE),
        ("+62812#", Barred.CODE),
        ("112", Barred.OWN),
        ("0851", Barred.UNKNOWN),
        ("+8821", Barred.UNKNOWN),
        ("+62110", Barred.UNKNOWN),
        ("08091234567", Barred.PREMIUM),
        ("+882112345678", Barred.SATELLITE),
        ("00882112345678", Barred.SATELLITE),
        ("+881612345678", Barred.SATELLITE),
        ("0868123456", Barred.EXCLUDED),
        ("+442071838750", Barred.COUNTRY),
        ("1500123", Barred.KIND),
    ],
)
def test_what_costs_or_means_something_else_is_not_dialled(number: str, why: Barred) -> None:
    assert THE_CITYS.dial_string(number, own="112") is why


def test_more_is_dialled_by_data_but_never_what_is_premium_or_an_order() -> None:
    everything = Outbound(
        kinds=("company", "emergency"),
        countries=("GB",),
        numbers=("1234567", "08091234567", "+882112345678"),
        never=(),
    )
    assert not list(outbound_problems(everything))
    assert everything.dial_string("1500123") == "+621500123"
    assert everything.dial_string("+442071838750") is Barred.KIND
    assert everything.dial_string("1234567") == "1234567"
    assert everything.dial_string("08091234567") is Barred.PREMIUM
    assert everything.dial_string("+882112345678") is Barred.SATELLITE


@OFTEN
@given(st.text(max_size=40) | st.text("+0123456789*#;=-.() ", max_size=40))
def test_whatever_is_forged_digits_of_the_country_are_dialled_or_nothing(number: str) -> None:
    dialled = THE_CITYS.dial_string(number, own="112")
    if not isinstance(dialled, Barred):
        assert dialled.lstrip("+").isascii() and dialled.lstrip("+").isdigit()
        assert dialled in ("115", "117", "123", "129") or dialled.startswith(("0", "+62", "11"))


@pytest.mark.parametrize(
    ("outbound", "problem"),
    [
        (Outbound(kinds=("premium",)), "'premium' is none of fixed, mobile"),
        (Outbound(countries=("Malaysia",)), "'Malaysia' is no country"),
        (Outbound(numbers=("*21#",)), r"'\*21#' must be 3 to 15 digits"),
        (Outbound(never=("0868",)), "'0868' must be the begin of a number such as"),
        (Outbound(a_day=0), "a_day must be between 1 and"),
    ],
)
def test_data_that_make_no_sense_are_refused(outbound: Outbound, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        raise ValueError(*outbound_problems(outbound))


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        (Outbound(a_day_number=2), Barred.NUMBER_OFTEN),
        (Outbound(a_day_operator=2), Barred.OPERATOR_OFTEN),
        (Outbound(a_day=2), Barred.LINE_OFTEN),
    ],
)
def test_a_limit_holds_for_any_24_hours(limits: Outbound, why: Barred) -> None:
    made = CalledBack(limits)
    for at, number in ((0.0, "081234567890"), (1000.0, "+6281234567890")):
        assert made.over("1001", number, at) is None
        made.dialled("1001", number, at)
    assert made.over("1001", "081234567890", DAY_S - 1.0) is why
    assert made.over("1001", "081234567890", DAY_S) is None


def test_what_another_engine_has_kept_and_nobody_understands_changes_nothing() -> None:
    made = CalledBack(Outbound(a_day=1))
    made.dialled("1001", "081234567890", 0.0)
    for kept in (None, "x", [["x"]], {"at": 1}):
        made.remember(
            {"called_back:1": kept, "called_back:x": [1.0, "1001", "0812"], "called": kept}
        )
        assert made.over("1002", "0341366444", 1.0) is Barred.LINE_OFTEN


def test_the_next_engine_counts_on_and_is_told_once_what_nobody_needs_any_more() -> None:
    made, facts = CalledBack(Outbound(a_day=2)), {}
    for at in (0.0, 1000.0):
        key, one = made.dialled("1001", "081234567890", at)
        facts[key] = msgspec.to_builtins(one)
    after = CalledBack(Outbound(a_day=2))
    after.remember(facts)
    assert after.over("", "0341366444", 1500.0) is Barred.LINE_OFTEN
    assert after.over("", "0341366444", DAY_S) is None
    assert (after.expired(), after.expired()) == (["called_back:1"], [])
    assert after.dialled("1001", "0341366444", DAY_S)[0] == "called_back:3"
