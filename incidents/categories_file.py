"""The file of categories (`categories.toml`): read and checked, all that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from acd.languages import LANGUAGE, OWN_LANGUAGE
from acd.rules.dispositions import DISPOSITIONS
from incidents.categories import Categories, Category
from incidents.data_files import DataFileError, plain, read_toml, wrong
from incidents.states import IncidentClass

CATEGORIES_FILE = Path(__file__).with_name("categories.toml")
"""What the project ships, for Malang."""

TAKEN_DIGITS = frozenset({"0", *DISPOSITIONS})
"""What *4 and one digit means already; no code begins so, or it could not be dialled in a talk."""

MOST_ROWS = 500
MOST_LEVELS = 3
MOST_QUESTIONS = 12
MOST_AGENCIES = 12
MOST_LANGUAGES = 12
LONGEST_NAME, LONGEST_QUESTION, LONGEST_APCO = 60, 160, 60

_WHAT = "categories file"
_WORD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CODE = re.compile(r"[0-9]{2,6}")
_MENU = re.compile(r"[a-z0-9_-]{1,64}")
_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_WORD_IS = "1 to 32 small letters, digits and _, a letter first"


class CategoriesError(DataFileError):
    """The categories file cannot be used; the message says where it is wrong and what to do."""


def load_categories(
    path: Path = CATEGORIES_FILE, taken: Collection[str] = TAKEN_DIGITS
) -> Categories:
    """Read and check the file; raise CategoriesError if it cannot be used.

    `taken`: digits with which no code may begin.
    """
    raw = read_toml(path, _WHAT, CategoriesError)
    rows, problems = _read(raw)
    problems += _tree_problems(rows, _ids(raw))
    problems += _code_problems(rows, taken)
    problems += _menu_problems(rows)
    for number, row in rows.items():
        problems += [f"{_row(number, row.id)}: {one}" for one in _row_problems(row)]
    if problems:
        raise wrong(path, _WHAT, CategoriesError, problems)
    return Categories(raw["version"], rows.values())


def category_problems(path: Path, taken: Collection[str] = TAKEN_DIGITS) -> list[str]:
    """All that is wrong with a categories file, a sentence each."""
    try:
        load_categories(path, taken)
    except CategoriesError as error:
        return error.sentences(path)
    return []


def _row(number: int, id: object) -> str:
    return f"row {number} ({id[:32]})" if isinstance(id, str) and id else f"row {number}"


def _read(raw: dict[str, Any]) -> tuple[dict[int, Category], list[str]]:
    """The rows that have the right shape, by their number from 1; what is wrong with the rest."""
    found, problems = dict[int, Category](), list[str]()
    for name in raw.keys() - {"version", "categories"}:
        problems.append(f"{name[:32]!r} is neither version nor categories; take it out")
    version = raw.get("version")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        problems.append('version must be a word, such as version = "2026-11"')
    listed = raw.get("categories")
    if not isinstance(listed, list) or not 0 < len(listed) <= MOST_ROWS:
        return {}, [*problems, f"there must be 1 to {MOST_ROWS} rows [[categories]]"]
    for number, row in enumerate(listed, 1):
        try:
            found[number] = msgspec.convert(row, Category)
        except msgspec.ValidationError as error:
            id = row.get("id") if isinstance(row, dict) else None
            problems.append(f"{_row(number, id)}: {error}")
    return found, problems


def _ids(raw: dict[str, Any]) -> set[str]:
    listed = raw.get("categories")
    rows = listed if isinstance(listed, list) else []
    ids = [row.get("id") for row in rows if isinstance(row, dict)]
    return {id for id in ids if isinstance(id, str)}


def _row_problems(row: Category) -> Iterator[str]:
    if not _WORD.fullmatch(row.id):
        yield f"id {row.id[:32]!r} must be {_WORD_IS}"
    yield from _text_problems("name", row.name, LONGEST_NAME)
    if row.national_class is IncidentClass.UNCODED:
        yield "class uncoded is for what nobody has said; choose another"
    if row.apco and not plain(row.apco, LONGEST_APCO):
        yield f"apco must be one line of at most {LONGEST_APCO} characters"
    if len(row.agencies) > MOST_AGENCIES or len(set(row.agencies)) < len(row.agencies):
        yield f"agencies must be at most {MOST_AGENCIES}, each named once"
    for agency in row.agencies:
        if not _WORD.fullmatch(agency):
            yield f"agency {agency[:32]!r} must be {_WORD_IS}"
    if len(row.questions) > MOST_QUESTIONS:
        yield f"it has {len(row.questions)} questions; keep at most {MOST_QUESTIONS}"
    for question in row.questions:
        where = f"question {question.id[:32]!r}"
        if not _WORD.fullmatch(question.id):
            yield f"{where}: its id must be {_WORD_IS}"
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


def _tree_problems(rows: Mapping[int, Category], named: Collection[str]) -> Iterator[str]:
    """Ids that are there twice, parents that are not there, circles, and what lies too deep.

    `named`: the ids of all rows, so of those too that cannot be read.
    """
    by_id: dict[str, Category] = {}
    for number, row in rows.items():
        if row.id in by_id:
            yield f"{_row(number, row.id)}: the id is there twice; give each row its own"
        by_id.setdefault(row.id, row)
    for number, row in rows.items():
        where, above, parent = _row(number, row.id), dict[str, Category](), row.parent
        while parent in by_id and parent not in above:
            above[parent] = by_id[parent]
            parent = above[parent].parent
        if row.parent is not None and row.parent not in named:
            yield f"{where}: there is no row {row.parent[:32]!r} to be its parent"
        elif row.id in above:
            yield f"{where}: it is a part of itself; change its parent"
        elif len(above) >= MOST_LEVELS:
            yield f"{where}: it lies below {MOST_LEVELS} levels; move it up"
        asked = {question.id for one in above.values() for question in one.questions}
        for question in row.questions if row.id not in above else ():
            if question.id in asked:
                yield f"{where}: question {question.id[:32]!r} is there already, or a parent's"
            asked.add(question.id)


def _code_problems(rows: Mapping[int, Category], taken: Collection[str]) -> Iterator[str]:
    begun: tuple[int, Category] | None = None
    # in this order a code is followed at once by all those that begin with it
    for number, row in sorted(rows.items(), key=lambda one: one[1].code):
        where = f"{_row(number, row.id)}: code {row.code[:10]!r}"
        if not _CODE.fullmatch(row.code):
            yield f"{where} must be 2 to 6 digits"
            continue
        if row.code[0] in taken:
            yield f"{where} begins with {row.code[0]}, which *4 has for dispositions; take another"
        if begun is not None and row.code.startswith(begun[1].code):
            is_what = "is" if row.code == begun[1].code else "begins with"
            yield f"{where} {is_what} the code of {_row(begun[0], begun[1].id)}; take another"
        else:
            begun = number, row


def _menu_problems(rows: Mapping[int, Category]) -> Iterator[str]:
    seen: dict[str, str] = {}
    for number, row in rows.items():
        if row.menu is None:
            continue
        where = f"{_row(number, row.id)}: menu {row.menu[:32]!r}"
        if not _MENU.fullmatch(row.menu):
            yield f"{where} must be the name of a category of the voice menu"
        elif row.menu in seen:
            yield f"{where} belongs to {seen[row.menu]} already; keep one of the two"
        seen.setdefault(row.menu, _row(number, row.id))
