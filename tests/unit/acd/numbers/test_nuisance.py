"""A number is a nuisance by what it does, for a while, and never for what it cannot help."""

from __future__ import annotations

from typing import Any

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.numbers import nuisance
from acd.numbers.nuisance import CALLER, Nuisance, NuisanceNumbers, nuisance_problems

NUMBER = "081234567890"
RULES = Nuisance(
    window_s=600, calls=10, short_s=5, short_calls=3, marks=2, wears_off_s=3600, real_s=60
)


class Facts(dict[str, Any]):
    """What is kept for the next engine; counts the words."""

    words = 0

    def keep(self, key: str, value: Any) -> None:
        self.words += 1
        self[key] = value
        if value is None:
            del self[key]


def numbers(rules: Nuisance = RULES) -> tuple[NuisanceNumbers, Facts]:
    facts = Facts()
    return NuisanceNumbers(rules, facts.keep), facts


def calls(
    known: NuisanceNumbers, count: int, every_s: float = 10.0, at: float = 1000.0
) -> list[Any]:
    return [known.arrived(NUMBER, at + index * every_s) for index in range(count)]


def test_the_eleventh_call_in_ten_minutes_is_the_first_that_is_a_nuisance() -> None:
    known, _ = numbers()
    assert calls(known, 12) == [None] * 10 + ["calls", "calls"]


def test_who_calls_slowly_is_none() -> None:
    known, _ = numbers()
    assert set(calls(known, 50, every_s=61)) == {None}


def test_it_wears_off_by_itself() -> None:
    known, facts = numbers()
    calls(known, 11)
    assert known.arrived(NUMBER, 1100 + 3599) == "calls"
    assert known.arrived(NUMBER, 1100 + 3601) is None
    known.arrived("081111111111", 20_000)
    known.arrived("081111111111", 20_001)
    assert list(facts) == [CALLER + "+6281111111111"], "forgotten when the next one is known"


def test_a_number_is_one_however_it_is_written() -> None:
    known, _ = numbers()
    spelled = ["081234567890", "+6281234567890", "6281234567890", "0812-3456-7890"]
    said = [known.arrived(spelled[index % 4], 1000.0 + index) for index in range(12)]
    assert said[-1] == "calls"


@pytest.mark.parametrize("number", ["anonymous", "", "unknown", "0000000", "warga110"])
def test_those_who_withhold_their_numbers_are_never_one_caller(number: str) -> None:
    known, facts = numbers()
    assert {known.arrived(number, 1000.0 + index) for index in range(30)} == {None}
    known.mark("c1", number, 1100.0)
    known.mark("c2", number, 1100.0)
    assert (known.arrived(number, 1101.0), dict(facts)) == (None, {})


def test_two_numbers_that_end_alike_are_not_one() -> None:
    known, _ = numbers()
    pair = ("081234567890", "081934567890")
    said = [known.arrived(pair[index % 2], 1000.0 + index) for index in range(18)]
    assert set(said) == {None}, "nine calls of each"


def test_who_calls_once_costs_no_fact() -> None:
    known, facts = numbers()
    for index in range(100):
        known.arrived(f"08123{index:06}", 1000.0 + index)
        known.ended("c", f"08123{index:06}", 2.0, False, 1002.0 + index)
    assert (facts.words, len(known)) == (0, 0)


def test_short_calls_make_one_but_who_waits_in_vain_is_not_told_of() -> None:
    known, _ = numbers()
    for index in range(3):
        assert known.arrived(NUMBER, 1000.0 + index * 20) is None
        known.ended(f"c{index}", NUMBER, 2.0, index % 2 == 0, 1002.0 + index * 20)
    assert known.arrived(NUMBER, 1070.0) == "short_calls"


def test_marks_make_one_and_can_be_taken_back() -> None:
    known, _ = numbers()
    known.arrived(NUMBER, 1000.0)
    known.mark("c1", NUMBER, 1010.0)
    known.mark("c1", NUMBER, 1011.0)  # the same call counts once
    assert known.arrived(NUMBER, 1020.0) is None
    known.mark("c2", NUMBER, 1030.0)
    assert known.arrived(NUMBER, 1040.0) == "marks"
    known.unmark("c2", NUMBER, 1050.0)
    assert known.arrived(NUMBER, 1060.0) is None


def test_a_long_talk_proves_it_real_unless_it_is_marked_after_all() -> None:
    known, _ = numbers()
    calls(known, 11)
    known.ended("long", NUMBER, 61.0, True, 1200.0)
    assert known.arrived(NUMBER, 1201.0) is None
    known.mark("long", NUMBER, 1202.0)
    assert known.arrived(NUMBER, 1203.0) == "calls"


def test_a_long_wait_or_a_marked_talk_proves_nothing() -> None:
    known, _ = numbers()
    calls(known, 11)
    known.ended("menu", NUMBER, 61.0, False, 1200.0)
    known.mark("prank", NUMBER, 1201.0)
    known.ended("prank", NUMBER, 90.0, True, 1202.0)
    assert known.arrived(NUMBER, 1203.0) == "calls"


def test_an_operator_can_say_that_it_is_real() -> None:
    known, _ = numbers()
    calls(known, 11)
    known.mark("c1", NUMBER, 1150.0)
    known.is_real("c1", NUMBER, 1160.0)
    assert known.arrived(NUMBER, 1170.0) is None


def test_a_number_of_many_people_is_none() -> None:
    known, facts = numbers(Nuisance(never=("+6281234567890",)))
    assert set(calls(known, 50, every_s=1)) == {None}
    assert not facts


def test_the_next_engine_knows_it_all_but_what_makes_no_sense() -> None:
    known, facts = numbers()
    calls(known, 11)
    facts[CALLER + "+62811"] = ["nonsense"]
    after, kept = numbers()
    after.remember(dict(facts), 1200.0)
    assert after.arrived(NUMBER, 1201.0) == "calls"
    assert len(after) == 1
    late, _ = numbers()
    late.remember(dict(facts), 90_000.0)
    assert len(late) == 0
    assert kept is not None


def test_no_more_numbers_are_known_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nuisance, "MOST_NUMBERS", 20)
    known, facts = numbers()
    for index in range(200):
        for again in range(2):
            known.arrived(f"0812345{index:05}", 1000.0 + index + again / 10)
    assert (len(known), len(facts)) == (20, 20)
    assert len(known._last) <= 20 + 1


@OFTEN
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["arrived", "ended", "mark", "unmark", "real", "restart"]),
            st.sampled_from(["081234567890", "+6281234567890", "081134567890", "anonymous"]),
            st.sampled_from(["c1", "c2", "c3"]),
            st.floats(min_value=0, max_value=900),
        ),
        max_size=60,
    )
)
def test_an_engine_that_dies_at_any_moment_changes_nothing_for_who_is_known(
    steps: list[tuple[str, str, str, float]],
) -> None:
    (one, _), (other, facts) = numbers(), numbers()
    now = 1000.0
    for what, number, call, pause in steps:
        now += pause
        match what:
            case "restart":
                last = other._last  # who has called once is forgotten, as documented
                other = NuisanceNumbers(RULES, facts.keep)
                other.remember(dict(facts), now)
                other._last = last
            case "arrived":
                assert one.arrived(number, now) == other.arrived(number, now)
            case "ended":
                for known in (one, other):
                    known.ended(call, number, pause / 10, True, now)
            case "mark":
                for known in (one, other):
                    known.mark(call, number, now)
            case "unmark":
                for known in (one, other):
                    known.unmark(call, number, now)
            case _:
                for known in (one, other):
                    known.is_real(call, number, now)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window_s": -1}, "window_s"),
        ({"behind_s": 1e9}, "behind_s"),
        ({"calls": 0}, "calls"),
        ({"marks": 101}, "marks"),
        ({"never": ("anonymous",)}, "'anonymous' is no telephone number"),
    ],
)
def test_what_is_wrong_with_the_data_is_told(changes: dict[str, Any], words: str) -> None:
    assert words in " ".join(nuisance_problems(Nuisance(**changes)))
    assert not list(nuisance_problems(Nuisance()))
