"""What categories may be, each by itself and all of them beside each other. Pure.

Each problem comes with the number of the row that it is about, and is a clause. The rows are those
of a file, or those in use when some are changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping

from acd.languages import LANGUAGE, OWN_LANGUAGE
from acd.rules.dispositions import DISPOSITIONS
from incidents.categories import MOST_LEVELS, Category
from incidents.data_files import plain
from incidents.states import IncidentClass

TAKEN_DIGITS = frozenset({"0", *DISPOSITIONS})
"""What *4 and one digit means already; no code begins so, or it could not be dialled in a talk."""

MOST_ROWS = 500
MOST_QUESTIONS = 12
MOST_AGENCIES = 12
MOST_LANGUAGES = 12
LONGEST_NAME, LONGEST_QUESTION, LONGEST_APCO = 60, 160, 60
FIRST_PRIORITY, LAST_PRIORITY = 1, 5

WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
WORD_IS = "1 to 32 small letters, digits and _, a letter first"
_CODE = re.compile(r"[0-9]{2,6}")
_MENU = re.compile(r"[a-z0-9_-]{1,64}")

Rows = Mapping[int, Category]
Called = Callable[[int, Category], str]
"""How a sentence about one row names another."""


def category_problems(
    rows: Rows, known: Collection[str], taken: Collection[str], called: Called
) -> Iterator[tuple[int, str]]:
    """What is wrong with rows, by their numbers.

    `known`: the ids that a parent may have beside those of the rows, for these cannot be read.
    `taken`: digits with which no code may begin.
    """
    yield from _tree_problems(rows, known)
    yield from _code_problems(rows, taken, called)
    yield from _menu_problems(rows, called)
    for number, row in rows.items():
        yield from ((number, what) for what in row_problems(row))


def row_problems(row: Category) -> Iterator[str]:
    """What is wrong with a row by itself."""
    if not WORD.fullmatch(row.id):
        yield f"id {row.id[:32]!r} must be {WORD_IS}"
    yield from _text_problems("name", row.name, LONGEST_NAME)
    if row.national_class is IncidentClass.UNCODED:
        yield "class uncoded is for what nobody has said; choose another"
    if row.priority is not None and not FIRST_PRIORITY <= row.priority <= LAST_PRIORITY:
        yield f"priority must be {FIRST_PRIORITY} (first) to {LAST_PRIORITY}"
    if row.apco and not plain(row.apco, LONGEST_APCO):
        yield f"apco must be one line of at most {LONGEST_APCO} characters"
    if len(row.agencies) > MOST_AGENCIES or len(set(row.agencies)) < len(row.agencies):
        yield f"agencies must be at most {MOST_AGENCIES}, each named once"
    for agency in row.agencies:
        if not WORD.fullmatch(agency):
            yield f"agency {agency[:32]!r} must be {WORD_IS}"
    if len(row.questions) > MOST_QUESTIONS:
        yield f"it has {len(row.questions)} questions; keep at most {MOST_QUESTIONS}"
    for question in row.questions:
        where = f"question {question.id[:32]!r}"
        if not WORD.fullmatch(question.id):
            yield f"{where}: its id must be {WORD_IS}"
        yield from _text_problems(f"{where}, text", question.text, LONGEST_QUESTION)


def _text_problems(where: str, texts: Mapping[str, str], longest: int) -> Iterator[str]:
    if OWN_LANGUAGE not in texts:
        yield f"{where}: {OWN_LANGUAGE}, the line's own language, is missing; add it"
    if len(texts) > MOST_LANGUAGES:
        yield f"{where}: it is in {len(texts)} languages; keep at most {MOST_LANGUAGES}"
    for language, text in texts.items():
        if not LANGUAGE.fullmatch(language):
            yield f"{where}: {language[:20]!r} must be a language of two or three letters, like en"
        if not plain(text, longest):
            yield f"{where}, {language[:20]}: it must be one line of 1 to {longest} characters"


def _tree_problems(rows: Rows, known: Collection[str]) -> Iterator[tuple[int, str]]:
    """Ids that are there twice, parents that are not there, circles, and what lies too deep."""
    by_id: dict[str, Category] = {}
    for number, row in rows.items():
        if row.id in by_id:
            yield number, "the id is there twice; give each row its own"
        by_id.setdefault(row.id, row)
    for number, row in rows.items():
        above, parent = dict[str, Category](), row.parent
        while parent in by_id and parent not in above:
            above[parent] = by_id[parent]
            parent = above[parent].parent
        if row.parent is not None and row.parent not in {*by_id, *known}:
            yield number, f"there is no row {row.parent[:32]!r} to be its parent"
        elif row.id in above:
            yield number, "it is a part of itself; change its parent"
        elif len(above) >= MOST_LEVELS:
            yield number, f"it lies below {MOST_LEVELS} levels; move it up"
        asked = {question.id for one in above.values() for question in one.questions}
        for question in row.questions if row.id not in above else ():
            if question.id in asked:
                yield number, f"question {question.id[:32]!r} is there already, or a parent's"
            asked.add(question.id)


def _code_problems(rows: Rows, taken: Collection[str], called: Called) -> Iterator[tuple[int, str]]:
    begun: tuple[int, Category] | None = None
    # in this order a code is followed at once by all those that begin with it
    for number, row in sorted(rows.items(), key=lambda one: one[1].code):
        code = f"code {row.code[:10]!r}"
        if not _CODE.fullmatch(row.code):
            yield number, f"{code} must be 2 to 6 digits"
            continue
        if row.code[0] in taken:
            what = f"begins with {row.code[0]}, which *4 has for dispositions; take another"
            yield number, f"{code} {what}"
        if begun is not None and row.code.startswith(begun[1].code):
            is_what = "is" if row.code == begun[1].code else "begins with"
            yield number, f"{code} {is_what} the code of {called(*begun)}; take another"
        else:
            begun = number, row


def _menu_problems(rows: Rows, called: Called) -> Iterator[tuple[int, str]]:
    seen: dict[str, str] = {}
    for number, row in rows.items():
        if row.menu is None:
            continue
        menu = f"menu {row.menu[:32]!r}"
        if not _MENU.fullmatch(row.menu):
            yield number, f"{menu} must be the name of a category of the voice menu"
        elif row.menu in seen:
            yield number, f"{menu} belongs to {seen[row.menu]} already; keep one of the two"
        seen.setdefault(row.menu, called(number, row))
