"""The city's tree of incident categories, by id, by code, by the voice menu and by words. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from acd.languages import OWN_LANGUAGE
from incidents.states import IncidentClass

LONGEST_SEARCH = 100
"""So many characters of what is searched for count, and no more."""


LEAST_LETTERS = 3
"""With fewer letters a beginning of a name could mean anything."""


class QuestionKind(StrEnum):
    """What an answer is."""

    YES_NO = "yes_no"
    NUMBER = "number"
    TEXT = "text"


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question of a protocol. `text`: by language."""

    id: str
    kind: QuestionKind
    text: Mapping[str, str]

    def asked(self, language: str = OWN_LANGUAGE) -> str:
        """Return the question in a language, else in the line's own."""
        return self.text.get(language) or self.text[OWN_LANGUAGE]


class Category(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One category; a row of the city's file.

    `parent`: the id of the category that it is a part of. `code`: the digits that an operator dials
    behind *4. `name`: by language. `national_class`: `class` in the file. `apco`: what an
    APCO-style list calls it, in words; may be empty. `questions`, `agencies` (ids): those of the
    row; once loaded, its parents' questions come first, and a row without agencies has those of its
    parent. `menu`: the voice menu's category whose calls are taken for this one.
    """

    id: str
    code: str
    name: Mapping[str, str]
    national_class: IncidentClass = msgspec.field(name="class")
    parent: str | None = None
    apco: str = ""
    questions: tuple[Question, ...] = ()
    agencies: tuple[str, ...] = ()
    menu: str | None = None

    def called(self, language: str = OWN_LANGUAGE) -> str:
        """Return its name in a language, else in the line's own."""
        return self.name.get(language) or self.name[OWN_LANGUAGE]


class Categories:
    """All categories. `version`: of the mapping to classes, kept with each report made by it.

    `rows` must be checked (`incidents.categories_file`); they are kept in their order.
    """

    def __init__(self, version: str, rows: Iterable[Category]) -> None:
        self.version = version
        self._by_id: dict[str, Category] = {}
        waiting = {row.id: row for row in rows}
        for row in waiting.values():
            self._by_id[row.id] = _inheriting(row, waiting)
        self.rows = tuple(self._by_id.values())
        self._by_code = {row.code: row for row in self.rows}
        self._by_menu = {row.menu: row for row in self.rows if row.menu is not None}
        self._words = {row.id: _searched(row) for row in self.rows}

    def get(self, id: str) -> Category | None:
        """Return the category of this id."""
        return self._by_id.get(id)

    def of_code(self, digits: str) -> Category | None:
        """Return the category of a whole code; None while digits are missing, or if it is none."""
        return self._by_code.get(digits)

    def of_menu(self, category: str) -> Category | None:
        """Return what a call of this category of the voice menu is taken for."""
        return self._by_menu.get(category)

    def path(self, category: Category) -> list[Category]:
        """Return a category behind those that it is a part of, the topmost first."""
        found = [category]
        while (parent := found[0].parent) is not None:
            found.insert(0, self._by_id[parent])
        return found

    def children(self, id: str | None = None) -> list[Category]:
        """Return the categories right below one, or the topmost ones."""
        return [row for row in self.rows if row.parent == id]

    def find(self, words: str, most: int = 20) -> list[Category]:
        """Return the categories that words or beginnings of words may mean, best first.

        Compared with the id and the names in all languages, without regard to capitals, accents and
        signs. First what is called so, then what begins so, then where each word begins a word of
        one name, then of several; of equal ones a parent before its parts, then in the file's
        order.
        """
        wanted = folded(words[:LONGEST_SEARCH])
        if not wanted:
            return []
        ranked = [
            (rank, len(self.path(row)), index)
            for index, row in enumerate(self.rows)
            if (rank := _rank(wanted, self._words[row.id])) is not None
        ]
        return [self.rows[index] for _, _, index in sorted(ranked)[:most]]

    def meant(self, words: str, most: int = 5) -> list[Category]:
        """Return the one category that words mean, or else those that they may mean, best first.

        They mean the one that has this code or is called exactly so, or that all others that they
        may mean are parts of. Fewer than LEAST_LETTERS mean only what is called exactly so.
        """
        wanted = folded(words[:LONGEST_SEARCH])
        called_so = [row for row in self.rows if wanted and wanted in self._words[row.id]]
        if (of_code := self.of_code(wanted)) is not None:
            return [of_code]
        if called_so:
            return called_so[:most]
        found = self.find(words, most=len(self.rows)) if letters(wanted) >= LEAST_LETTERS else []
        if found and all(found[0] in self.path(one) for one in found):
            return found[:1]
        return found[:most]


def letters(text: str) -> int:
    """Return how many letters and digits a folded text has."""
    return len(text.replace(" ", ""))


def _inheriting(row: Category, rows: Mapping[str, Category]) -> Category:
    """The row with what it has from its parents."""
    if row.parent is None:
        return row
    above = _inheriting(rows[row.parent], rows)
    return msgspec.structs.replace(
        row,
        questions=above.questions + row.questions,
        agencies=row.agencies or above.agencies,
    )


def _searched(row: Category) -> list[str]:
    return [folded(text) for text in (row.id, *row.name.values())]


def folded(text: str) -> str:
    """Return the words of a text, small, without accents and signs."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (one for one in plain if not unicodedata.combining(one))
    return " ".join("".join(one if one.isalnum() else " " for one in kept).split())


def _rank(wanted: str, texts: list[str]) -> int | None:
    if wanted in texts:
        return 0
    if any(text.startswith(wanted) for text in texts):
        return 1
    parts = wanted.split()
    if any(_all_begin(parts, text.split()) for text in texts):
        return 2
    return 3 if _all_begin(parts, " ".join(texts).split()) else None


def _all_begin(parts: list[str], words: list[str]) -> bool:
    """Whether each part is the beginning of one of the words."""
    return all(any(word.startswith(part) for word in words) for part in parts)
