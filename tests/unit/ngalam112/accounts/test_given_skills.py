"""Skills that people give are read and checked; what is wrong is one sentence."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.accounts.skills import WrongSkill, check_skills, check_weight, parse_skills

CATEGORIES = ("fire", "police")


def test_skills_are_read_from_words() -> None:
    assert parse_skills(["police=9", "lang:jv=5"]) == {"police": 9, "lang:jv": 5}
    check_skills({"police": 9, "lang:jv": 1, "lang:jav": 5}, CATEGORIES)


@pytest.mark.parametrize("word", ["police", "police=", "=9", "police=nine", "police=-1", "p=9\n"])
def test_a_word_that_is_no_skill_is_refused(word: str) -> None:
    with pytest.raises(WrongSkill, match="must look like police=9"):
        parse_skills([word])


def test_a_skill_that_is_given_twice_is_refused() -> None:
    with pytest.raises(WrongSkill, match="twice"):
        parse_skills(["police=9", "police=8"])


@pytest.mark.parametrize(
    ("name", "level", "words"),
    [
        ("dance", 5, r"no skill 'dance'; give a category \(fire, police\)"),
        ("lang:", 5, "no skill 'lang:'"),
        ("lang:jv\n", 5, "no skill"),
        ("lang:x", 5, "no skill"),
        ("police", 0, "level of skill police must be from 1 to 9"),
        ("police", 10, "from 1 to 9"),
    ],
)
def test_a_skill_that_does_not_exist_is_refused(name: str, level: int, words: str) -> None:
    with pytest.raises(WrongSkill, match=words):
        check_skills({name: level}, CATEGORIES)


def test_a_weight_is_one_to_a_hundred() -> None:
    for weight in (1, 100):
        check_weight(weight)
    for weight in (-1, 0, 101):
        with pytest.raises(WrongSkill, match="from 1 to 100"):
            check_weight(weight)


@OFTEN
@given(st.lists(st.text(max_size=20), max_size=4))
def test_any_words_bring_skills_or_one_sentence(words: list[str]) -> None:
    try:
        check_skills(parse_skills(words), CATEGORIES)
    except WrongSkill as error:
        assert "\n" not in str(error)
