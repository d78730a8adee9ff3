"""A citizen types a number: whatever is pressed or fails, it ends with words or an operator."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from ivr.status_dialogue import (
    ASK,
    END,
    KEY_S,
    LONGEST_S,
    LOOK_S,
    MOST_TRIES,
    UNKNOWN,
    Action,
    Asking,
    Due,
    Event,
    Found,
    Hush,
    Leave,
    LookUp,
    Pressed,
    Said,
    Say,
    begin,
    step,
)


def play(*events: Event, now: float = 100.0) -> tuple[Asking, list[Action]]:
    """What follows from these, and all that was done."""
    asking, done = begin(now)
    for event in events:
        asking, actions = step(asking, event, now)
        done += actions
    return asking, done


def keys(typed: str) -> list[Event]:
    return [Pressed(key) for key in typed]


def test_the_number_is_asked_for_looked_up_and_told() -> None:
    asking, done = play(*keys("2026103#"), Found(("status_opened",)))
    assert done == [Say((ASK,)), Hush(), LookUp("2026103"), Say(("status_opened", END))]
    assert asking.digits == "" and not asking.looks


@pytest.mark.parametrize("before", ["", "12*", "1#"])
def test_zero_is_an_operator_at_any_time_but_in_a_number(before: str) -> None:
    _, done = play(*keys(before), Pressed("0"))
    assert done[-1] == Leave()
    assert play(*keys("10"))[0].digits == "10"


def test_an_unknown_number_is_asked_for_again_and_the_third_one_is_the_operator_s() -> None:
    events = [one for _ in range(MOST_TRIES) for one in (*keys("9#"), Found())]
    _, done = play(*events)
    assert done.count(Say((UNKNOWN, ASK))) == MOST_TRIES - 1
    assert done[-1] == Leave()


def test_three_are_told_and_a_fourth_is_not_looked_up() -> None:
    events = [one for _ in range(MOST_TRIES) for one in (*keys("9#"), Found(("x",)))]
    _, done = play(*events, *keys("9#"))
    assert sum(isinstance(one, LookUp) for one in done) == MOST_TRIES and done[-1] == Leave()


def test_silence_and_trouble_lead_to_an_operator() -> None:
    asking, _ = play(Said())
    assert asking.due == 100.0 + KEY_S
    assert step(asking, Due(), asking.due - 0.1)[1] == []
    assert step(asking, Due(), asking.due)[1] == [Leave()]
    assert play(Said(failed=True))[1][-1] == Leave()
    looks, _ = play(*keys("1#"))
    assert looks.due == 100.0 + LOOK_S
    assert step(looks, Found(failed=True), 101.0)[1] == [Leave()]


def test_who_presses_stars_for_ever_gets_an_operator_after_all() -> None:
    asking, _ = begin(0.0)
    now = 0.0
    while now < LONGEST_S - 5:
        asking, _ = step(asking, Pressed("*"), now)
        now += 5
    assert asking.due == LONGEST_S


def test_another_engine_looks_up_what_the_last_one_had_not_found() -> None:
    assert play(*keys("12#"), Said())[1][-1] == LookUp("12")


def test_what_was_found_too_late_says_nothing() -> None:
    assert play(Found(("x",)))[1] == [Say((ASK,))]


EVENTS = st.one_of(
    st.builds(Pressed, st.sampled_from("0123456789*#ABCD")),
    st.builds(Said, st.booleans()),
    st.builds(Found, st.sampled_from([(), ("x",)]), st.booleans()),
    st.just(Due()),
)


@OFTEN
@given(st.lists(st.tuples(EVENTS, st.floats(0.0, 10.0)), max_size=40))
def test_it_always_waits_for_a_time_that_comes(steps: list[tuple[Event, float]]) -> None:
    asking, _ = begin(0.0)
    now = 0.0
    for event, gap in steps:
        now += gap
        asking, actions = step(asking, event, now)
        if any(isinstance(one, Leave) for one in actions):
            return
        assert asking.due <= LONGEST_S and asking.tries <= MOST_TRIES
        assert len(asking.digits) <= 13
    assert step(asking, Due(), LONGEST_S)[1] == [Leave()]
