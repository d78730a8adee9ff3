"""The words of texts: what is a word, how many are kept and asked for, and how alike texts are."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from incidents.incident import Incident
from incidents.words import MOST_KEPT, asked_words, kept_words, likeness, words_of


def test_words_are_letters_and_digits_without_capitals_each_once() -> None:
    assert words_of("Jl. Kawi-5, KAWI_5!", None, "straße") == ["jl", "kawi", "5", "strasse"]
    assert words_of("", "*** '\"") == []


@given(st.text(), st.text())
@example("ﷺ" * 1000, "")
@example("\ud800a\0b", "x" * 5000)
def test_kept_words_fit_the_column_and_are_whole(one: str, other: str) -> None:
    kept = kept_words(one, other)
    assert len(kept) <= MOST_KEPT
    assert kept == "" or kept.startswith(" ")
    found = kept.split(" ")[1:]
    assert found == words_of(one, other)[: len(found)]
    assert all(word and len(word) <= 32 for word in found)


@given(st.text(min_size=1))
def test_what_is_asked_with_the_text_itself_is_kept(text: str) -> None:
    assert set(asked_words(text)) <= set(kept_words(text).split(" "))


def test_a_long_text_asks_for_a_few_words() -> None:
    assert len(asked_words(" ".join(f"word{at}" for at in range(10_000)))) == 8


def test_the_row_of_an_incident_has_the_words_of_description_and_place() -> None:
    one = Incident(id="a", description="Asap!", place="Pasar", kelurahan="Sukun", kecamatan="Sukun")
    assert one.row()["words"] == " asap pasar sukun"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("pohon tumbang menutup jalan kawi", "Pohon tumbang di Jl Kawi depan MOG"),
        ("kebakaran rumah di gang 5 klojen", "rumah terbakar gang 5 klojen"),
        ("kecelakaan motor dan truk depan stasiun", "tabrakan truk sama motor di depan stasiun"),
    ],
)
def test_two_who_tell_of_one_thing_are_more_alike_than_two_of_two(one: str, other: str) -> None:
    assert likeness(words_of(one), words_of(other)) >= 60
    for strange in ("kebakaran ruko pasar besar", "kecelakaan mobil di jalan soekarno hatta"):
        assert likeness(words_of(one), words_of(strange)) < 60
