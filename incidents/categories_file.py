"""The file of categories (`categories.toml`): read and checked, all that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from incidents import category_rules
from incidents.categories import Categories, Category
from incidents.category_rules import MOST_ROWS, TAKEN_DIGITS
from incidents.data_files import DataFileError, read_toml, wrong

CATEGORIES_FILE = Path(__file__).with_name("categories.toml")
"""What the project ships, for Malang."""

_WHAT = "categories file"
_KEPT = {"version", "changed_at", "retired_at"}  # of a row; the line sets these
_VERSION = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


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
    found = category_rules.category_problems(rows, _ids(raw), taken, _called)
    problems += [f"{_called(number, rows[number])}: {what}" for number, what in found]
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


def _called(number: int, row: Category) -> str:
    return _row(number, row.id)


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
            if _KEPT & row.keys():
                raise msgspec.ValidationError(f"take out {', '.join(sorted(_KEPT & row.keys()))}")
        except msgspec.ValidationError as error:
            id = row.get("id") if isinstance(row, dict) else None
            problems.append(f"{_row(number, id)}: {error}")
    return found, problems


def _ids(raw: dict[str, Any]) -> set[str]:
    listed = raw.get("categories")
    rows = listed if isinstance(listed, list) else []
    ids = [row.get("id") for row in rows if isinstance(row, dict)]
    return {id for id in ids if isinstance(id, str)}
