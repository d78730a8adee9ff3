"""The dialogue asks for number and PIN, waits so long and no longer, and shows no PIN."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.feature_codes.login_dialogue import (
    AGAIN,
    ENTERED_S,
    LONGEST_PROMPT_S,
    LONGEST_S,
    MOST_TRIES,
    OPERATOR,
    PIN,
    SILENCE,
    SILENCE_S,
    UNKNOWN,
    Action,
    Asking,
    Dialogue,
    Digit,
    End,
    Event,
    Hush,
    PromptEnded,
    Prove,
    Refused,
    Say,
    Started,
    Tick,
    begin,
    step,
)


def walk(*events: Event, now: float = 100.0) -> tuple[Dialogue, list[Action]]:
    """A dialogue after these events, all at `now`; and all that it did."""
    dialogue, did = begin(now), []
    for event in (Started(), *events):
        dialogue, actions = step(dialogue, event, now)
        did += actions
    return dialogue, did


def keys(text: str) -> list[Event]:
    return [Digit(one) for one in text]


def test_number_and_pin_are_asked_for_and_proven() -> None:
    _, did = walk(PromptEnded(), *keys("1001#"), PromptEnded(), *keys("4321#"))
    assert did == [Say(OPERATOR), Say(PIN), Prove("1001", "4321")]


def test_a_key_cuts_the_prompt_off_once() -> None:
    _, did = walk(*keys("10"))
    assert did == [Say(OPERATOR), Hush()]


def test_three_seconds_without_a_key_end_a_number_as_the_hash_does() -> None:
    dialogue, _ = walk(PromptEnded(), *keys("1001"))
    assert dialogue.due == 100.0 + ENTERED_S
    assert step(dialogue, Tick(), dialogue.due - 0.01) == (dialogue, [])
    dialogue, did = step(dialogue, Tick(), dialogue.due)
    assert (dialogue.asking, did) == (Asking.PIN, [Say(PIN)])


def test_each_key_begins_the_three_seconds_anew() -> None:
    dialogue, _ = walk(PromptEnded(), *keys("10"))
    dialogue, _ = step(dialogue, Digit("0"), 102.5)
    assert dialogue.due == 102.5 + ENTERED_S


@pytest.mark.parametrize("entered", ["", "1001#"])
def test_ten_seconds_of_silence_end_it_in_words(entered: str) -> None:
    dialogue, _ = walk(*keys(entered), PromptEnded())
    assert dialogue.due == 100.0 + SILENCE_S
    dialogue, did = step(dialogue, Tick(), dialogue.due)
    assert (dialogue.asking, did) == (Asking.NOTHING, [End(SILENCE)])


def test_a_prompt_whose_end_is_never_told_holds_nothing_up() -> None:
    dialogue, _ = walk()
    assert dialogue.due == 100.0 + LONGEST_PROMPT_S
    dialogue, did = step(dialogue, Tick(), dialogue.due)
    assert did == [] and dialogue.due == 100.0 + LONGEST_PROMPT_S + SILENCE_S


def test_the_star_clears_what_was_entered() -> None:
    _, did = walk(*keys("99*1001#"), PromptEnded(), *keys("11*4321#"))
    assert did[-1] == Prove("1001", "4321")
    assert walk(*keys("1001*"))[0].due == 100.0 + SILENCE_S


def test_the_hash_alone_enters_nothing() -> None:
    dialogue, did = walk(PromptEnded(), *keys("###"))
    assert (dialogue.asking, did) == (Asking.OPERATOR, [Say(OPERATOR)])


def test_a_number_that_is_too_long_is_never_cut_to_one_that_is_right() -> None:
    _, did = walk(*keys("1001#"), *keys("123456789012" + "3" * 500 + "#"))
    assert isinstance(did[-1], Prove)
    assert 12 < len(did[-1].pin) < 20


def test_a_refusal_asks_again_and_the_third_one_ends_it() -> None:
    dialogue, _ = walk(*keys("1001#0000#"))
    for turn in range(1, MOST_TRIES + 1):
        dialogue, did = step(dialogue, Refused(), 100.0)
        if turn < MOST_TRIES:
            assert (dialogue.asking, did) == (Asking.OPERATOR, [Say(AGAIN)])
    assert (dialogue.asking, did) == (Asking.NOTHING, [End(UNKNOWN)])


def test_whatever_is_pressed_it_ends_in_time() -> None:
    dialogue, now = begin(100.0), 100.0
    dialogue, _ = step(dialogue, Started(), now)
    while now < 100.0 + LONGEST_S:
        dialogue, _ = step(dialogue, Digit("*"), now)
        assert dialogue.due <= 100.0 + LONGEST_S
        now += 1.0
    dialogue, did = step(dialogue, Tick(), now)
    assert did == [End(SILENCE)]


def test_what_is_over_stays_over() -> None:
    dialogue, _ = walk(PromptEnded())
    over, _ = step(dialogue, Tick(), 1000.0)
    for event in (*keys("1#*"), PromptEnded(), Tick(), Refused(), Started()):
        assert step(over, event, 1001.0) == (over, [])


def test_no_text_that_shows_it_has_the_pin() -> None:
    dialogue, did = walk(*keys("7531#"), *keys("8642"))
    shown = repr((dialogue, did, Digit("8"), Prove("7531", "8642")))
    assert "8642" not in shown and "7531" not in shown and "'8'" not in shown


EVENTS = st.one_of(
    st.builds(Digit, st.sampled_from("0123456789*#ABCD") | st.text(max_size=2)),
    st.sampled_from([PromptEnded(), Tick(), Refused(), Started()]),
)


@OFTEN
@given(st.lists(st.tuples(EVENTS, st.floats(0.0, 40.0)), max_size=60))
def test_any_noise_is_taken_and_asks_at_most_as_often_as_it_may(
    noise: list[tuple[Event, float]],
) -> None:
    now = 100.0
    dialogue, _ = step(begin(now), Started(), now)
    proofs = refused = 0
    for event, later in noise:
        now += later
        dialogue, did = step(dialogue, event, now)
        refused += isinstance(event, Refused)
        for one in did:
            if isinstance(one, Prove):
                proofs += 1
                assert one.operator and one.pin and (one.operator + one.pin).isdigit()
            if isinstance(one, End):
                assert dialogue.asking is Asking.NOTHING
        assert dialogue.due <= 100.0 + LONGEST_S
        assert len(dialogue.entered) <= 16
    assert refused < MOST_TRIES or dialogue.asking is Asking.NOTHING
