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

MOST_LEVELS = 3
"""A category, its parent and the parent's."""

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
    """One category; a row of `categories`, and of the city's file.

    `parent`: the id of the category that it is a part of. `code`: the digits that an operator dials
    behind *4. `name`: by language. `national_class`: `class` in the file. `apco`: what an
    APCO-style list calls it, in words; may be empty. `questions`, `agencies` (ids): those of the
    row; once loaded, its parents' questions come first, and a row without agencies has those of its
    parent. `menu`: the voice menu's category whose calls are taken for this one. `priority`: 1
    (first) to 5, of its incidents as long as nobody says another; None is the usual one. `version`:
    of the tree, when the row was changed last. `retired_at`: when it was retired; None while it is
    in use. Times are seconds since the epoch.
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
    priority: int | None = None
    version: int = 0
    changed_at: float = 0.0
    retired_at: float | None = None

    def called(self, language: str = OWN_LANGUAGE) -> str:
        """Return its name in a language, else in the line's own."""
        return self.name.get(language) or self.name[OWN_LANGUAGE]


class Categories:
    """All categories, as they are now; changed as a whole, on the writer's turn.

    `version`: of the tree; a report says by which it was made. `own`: each as it is kept. `rows`:
    those in use, in their order, with what they have of their parents; `all_rows`: retired ones
    too, which are named, and neither dialled nor found. `priorities`: by id, where there is one;
    the same mapping for good.
    """

    def __init__(self, version: str, rows: Iterable[Category]) -> None:
        self.priorities: dict[str | None, int] = {}
        self.know(rows, version)

    def know(self, rows: Iterable[Category], version: str | None = None) -> None:
        """Have these from now on, in place of all others.

        `version`: of the tree; else the newest of its rows. What is wrong with rows that nobody has
        checked (`incidents.category_rules`) is theirs alone.
        """
        self.own: Mapping[str, Category] = {row.id: row for row in rows}
        last = max((row.version for row in self.own.values()), default=0)
        self.version = version or str(last)
        self._by_id = {id: _inheriting(row, self.own) for id, row in self.own.items()}
        self.all_rows = tuple(self._by_id.values())
        self.priorities.clear()
        self.priorities.update(
            {row.id: row.priority for row in self.all_rows if row.priority is not None}
        )
        self.rows = tuple(row for row in self.all_rows if row.retired_at is None)
        self._by_code = {row.code: row for row in self.rows}
        self._by_menu = {row.menu: row for row in self.rows if row.menu is not None}
        self._words = {row.id: _searched(row) for row in self.rows}

    def get(self, id: str) -> Category | None:
        """Return the category of this id, in use or retired."""
        return self._by_id.get(id)

    def of_code(self, digits: str) -> Category | None:
        """Return the category of a whole code; None while digits are missing, or if it is none."""
        return self._by_code.get(digits)

    def of_menu(self, category: str) -> Category | None:
        """Return what a call of this category of the voice menu is taken for."""
        return self._by_menu.get(category)

    def path(self, category: Category) -> list[Category]:
        """Return a category behind those that it is a part of, the topmost first."""
        return [category, *_above(category, self._by_id)][::-1]

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


def _above(row: Category, rows: Mapping[str, Category]) -> list[Category]:
    """Return what a category is a part of, its parent first; a circle ends."""
    found = list[Category]()
    while (above := rows.get(row.parent or "")) is not None and len(found) < MOST_LEVELS:
        found.append(row := above)
    return found


def _inheriting(row: Category, rows: Mapping[str, Category]) -> Category:
    """Return the category with the questions of its parents, and their agencies if it has none."""
    above = _above(row, rows)
    return msgspec.structs.replace(
        row,
        questions=tuple(one for part in (*above[::-1], row) for one in part.questions),
        agencies=next((part.agencies for part in (row, *above) if part.agencies), ()),
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
