"""What may be spoken as a notice: words, not too many, and nothing that is more than words."""

from __future__ import annotations

import pytest
from factories import OFTEN
from hypothesis import given
from hypothesis import strategies as st

from ngalam112.config.notice_audio import MOST_SIGNS, NoticeError, check_languages, speakable


def test_words_stay_and_what_a_speech_program_takes_otherwise_goes() -> None:
    said = "Kami tahu\tkebakaran di\nPasar Besar (blok A); petugas sudah di sana!"
    assert speakable(said) == "Kami tahu kebakaran di Pasar Besar (blok A); petugas sudah di sana!"
    assert speakable("a\x01b [[h@loU]] <break/> {x} \\n `id` $HOME") == (
        "a b h loU break/ x n id HOME"
    )
    assert speakable("Ngélmu 112 — ya") == "Ngélmu 112 ya"


@pytest.mark.parametrize("words", ["", "  ", "...", "\x00\x01", "[[]]", "<>"])
def test_no_words_are_refused(words: str) -> None:
    with pytest.raises(NoticeError, match="has no words"):
        speakable(words)


def test_too_many_words_are_refused() -> None:
    assert len(speakable("a" * MOST_SIGNS)) == MOST_SIGNS
    with pytest.raises(NoticeError, match=f"has 501 signs; {MOST_SIGNS} at most"):
        speakable("a" * (MOST_SIGNS + 1))


@OFTEN
@given(st.text(max_size=600))
def test_whatever_is_given_is_refused_in_a_sentence_or_harmless(words: str) -> None:
    try:
        text = speakable(words)
    except NoticeError as error:
        assert str(error).endswith(".")
        return
    assert text.isprintable() and not set(text) & set('[]<>{}\\`$|@"')


@pytest.mark.parametrize("languages", [[], ["Jv"], ["../x"], ["j"], ["en"] * 9, ["en\n"]])
def test_languages_that_are_none_are_refused(languages: list[str]) -> None:
    with pytest.raises(NoticeError):
        check_languages(languages)


def test_languages_are_small_letters() -> None:
    check_languages(["id", "jv", "mad"])
