"""Calls beyond the limit of their number or address are behind; all others are served in turn."""

from __future__ import annotations

from typing import Any

from factories import a_call
from hypothesis import given
from hypothesis import strategies as st

from acd.calls.call import Call
from acd.numbers.caller import same_caller
from acd.numbers.caller_limits import CallerLimits, caller_limit_problems
from acd.queueing.calls_at_once import ADDRESS, NUMBER, CallsAtOnce

TWO = CallerLimits(at_once_per_number=2, at_once_per_address=3)


class Living:
    """Calls by channel, and their count."""

    def __init__(self, limits: CallerLimits = TWO, **more: Any) -> None:
        self.calls: dict[str, Call] = {}
        self.at_once = CallsAtOnce(limits, self.calls, **more)

    def comes(self, channel: str, number: str = "08123", address: str = "") -> str | None:
        beyond = self.at_once.arrives(channel, number, address)
        self.calls[channel] = a_call(channel, number=number)
        return beyond


def test_a_number_has_so_many_calls_and_the_next_one_is_behind_until_one_ends() -> None:
    living = Living()
    assert [living.comes(one) for one in ("c1", "c2", "c3")] == [None, None, NUMBER]
    assert living.comes("c4", "08124") is None, "another number"
    del living.calls["c1"]
    assert living.comes("c5") is None


def test_who_is_asked_for_again_is_no_further_call() -> None:
    living = Living()
    assert [living.comes("c1") for _ in range(5)] == [None] * 5
    assert [living.comes(one) for one in ("c2", "c2", "c3")] == [None, None, NUMBER]


def test_all_spellings_of_a_number_are_one_and_other_numbers_with_the_same_end_are_not() -> None:
    living = Living()
    spellings = ["+6281234567890", "0812-3456-7890", "081234567890;cpc=ordinary"]
    found = [living.comes(f"c{n}", one) for n, one in enumerate(spellings)]
    assert found == [None, None, NUMBER]
    assert living.comes("c9", "0341234567890"[:4] + "34567890") is None


def test_who_withholds_the_number_is_nobody_and_has_no_limit() -> None:
    living = Living()
    for number in ("anonymous", "", "unknown", "0000000"):
        assert {living.comes(f"{number}{n}", number) for n in range(20)} == {None}


def test_a_number_that_many_people_call_from_has_no_limit() -> None:
    living = Living(never=["(0341) 366444"])
    assert {living.comes(f"c{n}", "+62341366444") for n in range(20)} == {None}


def test_an_address_has_a_limit_of_its_own_where_it_is_known() -> None:
    living = Living()
    found = [living.comes(f"c{n}", f"0812300{n}", "192.0.2.1") for n in range(4)]
    assert found == [None, None, None, ADDRESS]
    assert living.comes("c5", "08129", "192.0.2.2") is None
    assert {living.comes(f"d{n}", f"0813400{n}") for n in range(9)} == {None}, "not known"


def test_zero_is_no_limit() -> None:
    living = Living(CallerLimits(at_once_per_number=0))
    assert {living.comes(f"c{n}", address="192.0.2.1") for n in range(50)} == {None}


def test_the_next_engine_counts_those_who_are_there_but_not_those_behind() -> None:
    living = Living()
    for one in ("c1", "c2", "c3"):
        living.calls[one] = a_call(one)
    living.calls["c1"].behind = True
    after = CallsAtOnce(TWO, living.calls)
    after.restored(living.calls.values())
    assert after.arrives("c4", "08123", "") == NUMBER
    del living.calls["c2"]
    assert after.arrives("c4", "08123", "") is None


def test_what_is_remembered_of_numbers_stays_small() -> None:
    living = Living()
    for n in range(5000):
        assert living.comes(f"c{n}", f"0812{n:07}") is None
        del living.calls[f"c{n}"]
    assert len(living.at_once._by_tail) <= 1000


def test_what_is_remembered_of_addresses_stays_small_too() -> None:
    living = Living(CallerLimits(at_once_per_number=0, at_once_per_address=3))
    for n in range(5000):
        assert living.comes(f"c{n}", "anonymous", f"10.0.{n // 256}.{n % 256}") is None
        del living.calls[f"c{n}"]
    assert len(living.at_once._by_address) <= 1000


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60),
    st.integers(1, 4),
)
def test_nobody_is_behind_whose_number_has_not_so_many_calls_in_turn(
    steps: list[tuple[str, bool]], most: int
) -> None:
    numbers = {"a": "+6281234567890", "b": "081234567890", "c": "+6281334567890"}
    living, in_turn = Living(CallerLimits(at_once_per_number=most)), dict[str, str]()
    for n, (who, ends) in enumerate(steps):
        caller = same_caller(numbers[who])
        same = [one for one, of in in_turn.items() if of == caller]
        if ends and same:
            del living.calls[same[0]], in_turn[same[0]]
            continue
        beyond = living.comes(f"c{n}", numbers[who])
        assert beyond == (None if len(same) < most else NUMBER), "also where numbers end alike"
        if beyond is None:
            in_turn[f"c{n}"] = caller or ""


def test_limits_that_make_no_sense_are_told() -> None:
    assert not list(caller_limit_problems(CallerLimits()))
    wrong = CallerLimits(at_once_per_number=-1, behind_s=1e9)
    assert len(list(caller_limit_problems(wrong))) == 2
