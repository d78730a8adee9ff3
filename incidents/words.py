"""The words by which an incident is found, and how much alike two texts are by their words. Pure.

A word is a run of letters and digits, without regard to capitals (casefold) and to forms of
compatibility (NFKC). Signs are no words, so a text of any kind is no syntax of a search.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

MOST_ASKED = 200
"""Characters of a search text that are looked at."""

MOST_KEPT = 1300
"""Characters of the words of one incident: the length of the column `incidents.words`."""

_MOST_WORDS = 8  # of a search text
_MOST_COMPARED = 40  # words of each of two texts
_LONGEST = 32  # characters of a word, kept or asked for
_WORD = re.compile(r"[^\W_]+")


def words_of(*texts: str | None) -> list[str]:
    """Return the words of the texts, each once, in their order."""
    found: dict[str, None] = {}
    for text in texts:
        if text:
            same = text if text.isascii() else unicodedata.normalize("NFKC", text)
            found.update((word[:_LONGEST], None) for word in _WORD.findall(same.casefold()))
    return list(found)


def kept_words(*texts: str | None) -> str:
    """Return the words as the column holds them: a space before each, as many as fit."""
    kept = "".join(f" {word}" for word in words_of(*texts))
    return kept if len(kept) <= MOST_KEPT else kept[:MOST_KEPT].rpartition(" ")[0]


def asked_words(text: str) -> list[str]:
    """Return the words that a search asks for: those of the begin of its text, a few."""
    return words_of(text[:MOST_ASKED])[:_MOST_WORDS]


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """Return how much alike two texts are, given by their words: 0 to 100.

    The order of the words does not matter, nor do slips in typing; of long texts the begins count.
    """
    # what searches for nothing need not load it: every engine has this file
    from rapidfuzz.fuzz import token_sort_ratio

    return token_sort_ratio(" ".join(one[:_MOST_COMPARED]), " ".join(other[:_MOST_COMPARED]))
