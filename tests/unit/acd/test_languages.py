"""Which language a header asks for: the best that the line speaks, whatever else it holds."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from acd.languages import MOST_RANGES, accepted, in_language, primary

SPOKEN = {"id", "jv", "en"}


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ("en", "en"),
        ("EN-gb", "en"),
        ("en_US", "en"),
        ("en, jv", "en"),
        ("en;q=0.5, jv", "jv"),
        ("en;q=0.5/jv;q=0.7/id;q=0.6", "jv"),
        ("en ; q=0.5 , jv ; q=0.4", "en"),
        ("en;q=0", None),
        ("en;q=1.000", "en"),
        ("en;q=1.001", None),
        ("en;q=-1", None),
        ("en;level=1", None),
        ("*", None),
        ("*;q=1, jv;q=0.1", "jv"),
        ("english", None),
        ("", None),
        (",,;,=/", None),
        ("x," * MOST_RANGES + "en", None),
        ("x," * (MOST_RANGES - 1) + "en", "en"),
    ],
)
def test_the_best_range_that_the_line_speaks_counts(said: str, language: str | None) -> None:
    assert accepted(said, SPOKEN) == language


@OFTEN
@given(st.text(alphabet="enjvid-_;q=.019,/* \x00é", max_size=300) | st.text(max_size=300))
def test_whatever_is_said_a_language_of_the_line_or_none_comes_of_it(said: str) -> None:
    assert accepted(said, SPOKEN) in (*SPOKEN, None)


def test_a_prompt_of_another_language_is_named_with_it() -> None:
    assert in_language("menu", "id") == "menu"
    assert in_language("menu", "en") == "en/menu"
    assert in_language("notices/n1_en", "en") == "notices/n1_en"
    assert (primary("EN_us"), primary("id")) == ("en", "id")
