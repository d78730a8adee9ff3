"""Who may have a call: skills by category and language, and circles that widen by waiting."""

from __future__ import annotations

import pytest
from factories import a_call, an_operator

from acd.calls.call import Call
from acd.queueing.eligibility import eligible, level, next_widening
from acd.rules.rules import Category, Ring, Rules

# the example of the documentation: the best, then any level, then anybody
RINGS = (Ring(0.0, 7), Ring(10.0, 1), Ring(30.0, 0))
RULES = Rules(rings=RINGS)


def calling(category: str | None = "police", language: str = "id", at: float = 100.0) -> Call:
    call = a_call(category=category, at=at)
    call.record.language = language
    return call


@pytest.mark.parametrize(
    ("skills", "category", "language", "expected"),
    [
        ({}, "police", "id", 1),
        ({}, "police", "en", 0),  # of another language only who states it
        ({}, None, "id", 1),
        ({"police": 8}, "police", "id", 8),
        ({"police": 8}, "police", "en", 0),
        ({"police": 8}, "fire", "id", 0),
        ({"police": 8}, None, "id", 1),  # a call that is about nothing needs nothing
        ({"lang:en": 6}, "police", "en", 6),
        ({"lang:en": 6}, "police", "en-GB", 6),
        ({"lang:en": 6}, "police", "EN_us", 6),
        ({"lang:en": 6}, "police", "id", 1),
        ({"lang:jv": 6}, "police", "en", 0),
        ({"police": 8, "lang:en": 6}, "police", "en", 6),
        ({"police": 5, "lang:en": 6}, "police", "en", 5),
        ({"police": 5, "lang:en": 6}, "fire", "en", 0),
        ({"police": 9, "lang:jv": 5}, "police", "id", 9),  # the example of the documentation
        ({"police": 9, "lang:jv": 5}, "police", "jv", 5),
        ({"lang:id": 3, "lang:en": 6}, "police", "id", 3),
        ({"police": 5, "lang:en": 6}, None, "en", 6),
    ],
)
def test_the_level_is_the_lowest_of_what_an_operator_is_judged_by(
    skills: dict[str, int], category: str | None, language: str, expected: int
) -> None:
    assert level(an_operator(skills=skills), calling(category, language)) == expected


def test_after_a_time_a_call_is_for_whoever_has_the_category_whatever_they_speak() -> None:
    call, rules = calling(language="jv"), Rules(language_s=8.0)
    speaker, police = an_operator(skills={"lang:jv": 1}), an_operator(skills={"police": 1})
    nobody, other = an_operator(), an_operator(skills={"fire": 9, "lang:en": 9})
    may = {
        at: [eligible(one, call, 100.0 + at, rules) for one in (speaker, police, nobody, other)]
        for at in (0.0, 7.9, 8.0, 30.0)
    }
    assert may == {
        0.0: [True, False, False, False],
        7.9: [True, False, False, False],
        8.0: [True, True, True, False],
        30.0: [True] * 4,
    }
    assert [next_widening(call, 100.0 + at, rules) for at in (0.0, 8.0, 30.0)] == [
        108.0,
        130.0,
        None,
    ]


def test_a_call_whose_language_nobody_on_duty_speaks_waits_for_nobody() -> None:
    call = calling(language="jv")
    call.any_language = True
    assert eligible(an_operator(), call, 100.0, Rules())
    assert eligible(an_operator(skills={"police": 1}), call, 100.0, Rules())
    assert not eligible(an_operator(skills={"fire": 1}), call, 100.0, Rules())
    assert next_widening(call, 100.0, Rules()) == 130.0


@pytest.mark.parametrize(
    ("skills", "from_s"),
    [
        ({"police": 9}, 0.0),
        ({"police": 7}, 0.0),
        ({"police": 6}, 10.0),
        ({}, 10.0),
        ({"fire": 9}, 30.0),
    ],
)
def test_the_circle_widens_from_the_best_to_anybody(skills: dict[str, int], from_s: float) -> None:
    operator, call = an_operator(skills=skills), calling()
    assert eligible(operator, call, 100.0 + from_s, RULES)
    assert not from_s or not eligible(operator, call, 100.0 + from_s - 0.001, RULES)


def test_the_next_widening_is_told_until_anybody_may_have_the_call() -> None:
    call = calling()
    times = {100.0: 110.0, 109.9: 110.0, 110.0: 130.0, 129.9: 130.0, 130.0: None, 500.0: None}
    assert {now: next_widening(call, now, RULES) for now in times} == times


def test_by_default_whoever_has_the_skill_comes_first_and_anybody_after_half_a_minute() -> None:
    novice, stranger, call = (
        an_operator(skills={"police": 1}),
        an_operator(skills={"fire": 9}),
        calling(),
    )
    assert eligible(novice, call, 100.0, Rules())
    assert not eligible(stranger, call, 129.9, Rules())
    assert eligible(stranger, call, 130.0, Rules())
    assert next_widening(call, 100.0, Rules()) == 130.0


def test_a_category_may_have_rings_of_its_own() -> None:
    rules = Rules(rings=RINGS, categories={"fire": Category("API", rings=(Ring(0.0, 0),))})
    assert next_widening(calling("fire"), 100.0, rules) is None
    assert next_widening(calling("police"), 100.0, rules) == 110.0


def test_beyond_the_cap_anybody_may_have_a_call_whatever_the_rings_say() -> None:
    rules = Rules(rings=RINGS, categories={"police": Category("POLISI", cap_s=20.0)})
    stranger, call = an_operator(skills={"fire": 9}), calling()
    assert not eligible(stranger, call, 119.9, rules)
    assert eligible(stranger, call, 120.0, rules)
    assert next_widening(call, 110.0, rules) == 120.0
    call.aged = True
    assert eligible(stranger, call, 100.0, rules)
    assert next_widening(call, 100.0, rules) is None


def test_a_timer_for_the_widening_is_never_a_moment_too_early() -> None:
    stranger, rules = an_operator(skills={"fire": 9}), Rules(rings=(Ring(0.0, 1), Ring(0.1, 0)))
    for tenth in range(1000):
        call = calling(at=1_700_000_000 + tenth / 10)
        widened = next_widening(call, call.record.arrived_at, rules)
        assert widened is not None
        assert eligible(stranger, call, widened, rules)


def test_a_clock_that_is_behind_the_arrival_is_at_the_first_ring() -> None:
    assert not eligible(an_operator(skills={"police": 6}), calling(), 90.0, RULES)
    assert eligible(an_operator(skills={"police": 7}), calling(), 90.0, RULES)
    assert next_widening(calling(), 90.0, RULES) == 110.0
