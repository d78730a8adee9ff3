"""A play is repeated only if the machine stood still in it, and not for ever."""

from __future__ import annotations

from lab.machine.spoiled import MOST_REPEATS, SLACK_S, Repeats


def test_a_play_is_repeated_for_a_stall_and_this_is_said() -> None:
    said: list[str] = []
    repeats = Repeats(said.append)
    assert repeats.again(3.04)
    assert repeats.spoiled == 1
    assert said == ["the machine stood still for 3.0 s; the play is repeated"]


def test_without_a_stall_that_is_long_enough_it_counts() -> None:
    said: list[str] = []
    repeats = Repeats(said.append)
    assert not repeats.again(0.0) and not repeats.again(SLACK_S)
    assert (repeats.spoiled, said) == (0, [])


def test_it_is_not_repeated_for_ever() -> None:
    repeats = Repeats(lambda _: None, "the window", slack_s=0.1)
    assert [repeats.again(0.2) for _ in range(MOST_REPEATS + 2)] == [True, True, False, False]
    assert repeats.spoiled == MOST_REPEATS
