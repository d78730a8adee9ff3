"""Whoever guesses PINs waits, longer each time, whatever else is dialled in between."""

from __future__ import annotations

from typing import Any

import pytest
from factories import OFTEN, an_operator
from fakes import FakeJournal
from hypothesis import given
from hypothesis import strategies as st

from acd.feature_codes.pin_throttle import GUESSES, Answer, PinThrottle, wait_s
from acd.operators.roster import Roster

OWN, OTHER = "1001", "1002"


def a_throttle(journal: FakeJournal | None = None) -> tuple[PinThrottle, FakeJournal]:
    """A throttle for the operators 1001 and 1002, whose PINs are their numbers and 00."""
    journal = journal or FakeJournal()
    roster = Roster(journal)
    for id in (OWN, OTHER):
        roster.add_operator(an_operator(id, pin_hash=f"{id}00"))
    throttle = PinThrottle(roster, lambda one, pin: one.pin_hash == pin, journal)
    throttle.remember(journal.facts)
    return throttle, journal


def guess(throttle: PinThrottle, now: float, phone: str = "101", of: str = OTHER) -> Answer:
    return throttle.prove(phone, of, "999999", now)


def right(throttle: PinThrottle, now: float, phone: str = "101", of: str = OWN) -> Answer:
    return throttle.prove(phone, of, f"{of}00", now)


def test_ones_own_right_pin_gives_no_more_guesses_at_that_of_another() -> None:
    throttle, _ = a_throttle()
    said = [guess(throttle, 100.0), guess(throttle, 101.0), right(throttle, 102.0)]
    assert said == [Answer.WRONG, Answer.WRONG, Answer.RIGHT]
    assert guess(throttle, 103.0) is Answer.WAITS
    assert right(throttle, 162.9) is Answer.WAITS and right(throttle, 163.0) is Answer.RIGHT


def test_in_a_day_one_phone_tries_fewer_than_a_hundred_pins() -> None:
    throttle, _ = a_throttle()
    for second in range(0, 86_400, 5):
        guess(throttle, 1e9 + second)
        right(throttle, 1e9 + second + 1)
    assert throttle.wrong < 100


def test_an_operator_whose_pin_is_guessed_at_many_phones_waits_at_all_of_them() -> None:
    throttle, _ = a_throttle()
    for index in range(6):
        assert guess(throttle, 100.0 + index, phone=f"{101 + index}") is Answer.WRONG
    assert right(throttle, 110.0, phone="199", of=OTHER) is Answer.WAITS
    assert right(throttle, 110.0, phone="199", of=OWN) is Answer.RIGHT, "others do not wait"
    assert throttle.waiting(110.0) == 1 and throttle.waiting(1e9) == 0


def test_the_next_engine_knows_the_guesses_and_who_waits() -> None:
    throttle, journal = a_throttle()
    guess(throttle, 100.0), guess(throttle, 101.0)
    throttle, journal = a_throttle(journal)
    assert guess(throttle, 102.0) is Answer.WAITS
    throttle, journal = a_throttle(journal)
    assert right(throttle, 103.0) is Answer.WAITS and throttle.waits("101", 103.0)


def test_a_right_pin_takes_back_ones_own_wrong_ones_and_leaves_nothing_behind() -> None:
    throttle, journal = a_throttle()
    guess(throttle, 100.0, of=OWN), guess(throttle, 101.0, of=OWN)
    assert right(throttle, 102.0) is Answer.RIGHT and GUESSES not in journal.facts
    assert guess(throttle, 103.0, of=OWN) is Answer.WRONG


def test_a_number_that_nobody_has_counts_for_the_phone() -> None:
    throttle, _ = a_throttle()
    said = [guess(throttle, 100.0 + turn, of=f"77{turn}") for turn in range(3)]
    assert said[-1] is Answer.WAITS


def test_after_a_day_nothing_is_known_of_it() -> None:
    throttle, _ = a_throttle()
    guess(throttle, 100.0), guess(throttle, 101.0)
    later = 102.0 + 86_400.0
    assert [guess(throttle, later + turn) for turn in range(2)] == [Answer.WRONG] * 2


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(0, 0), (1, 0), (2, 0), (3, 60), (4, 0), (6, 120), (9, 240), (18, 1920), (21, 3600)],
)
def test_each_third_wrong_pin_waits_twice_as_long_up_to_an_hour(count: int, seconds: int) -> None:
    assert wait_s(count, 3) == seconds
    assert wait_s(3 * 10**6, 3) == 3600


@OFTEN
@given(st.recursive(st.none() | st.integers() | st.text(max_size=3), st.lists))
def test_whatever_an_earlier_engine_left_is_no_reason_to_fail(fact: Any) -> None:
    throttle, _ = a_throttle()
    throttle.remember({GUESSES: fact})
    throttle.remember({GUESSES: {"guesses": fact, "phones": fact}})
    assert guess(throttle, 100.0) is Answer.WRONG
