"""Decides what becomes of categories when some are changed: all that is asked, or none. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from acd.languages import OWN_LANGUAGE
from incidents.categories import Category, Question
from incidents.category_rules import MOST_ROWS, WORD, WORD_IS, category_problems
from incidents.data_files import LARGEST_FILE
from incidents.states import IncidentClass

CATEGORIES = "categories"
"""The key of the fact by which the next engine knows all categories, the database being away."""

FIELDS = ("id", "code", "name", "class", "parent", "priority", "menu", "apco", "agencies")
"""The fields of a category that people set, but for its questions; as files and JSON name them."""

_MOST_TOLD = 20
_NEEDED = ("code", "name", "class")


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a category is to be from now on; what is not set stays, or is as a new one has it.

    `name`: in the languages that are named; an empty one is taken out. `parent`, `menu`,
    `priority`: None is none. `questions`: all that it asks itself. `retired`: True retires it,
    False brings it back.
    """

    id: str = ""
    code: str | UnsetType = UNSET
    name: dict[str, str] | UnsetType = UNSET
    national_class: IncidentClass | UnsetType = msgspec.field(name="class", default=UNSET)
    parent: str | UnsetType | None = UNSET
    priority: int | UnsetType | None = UNSET
    menu: str | UnsetType | None = UNSET
    apco: str | UnsetType = UNSET
    agencies: tuple[str, ...] | UnsetType = UNSET
    questions: tuple[Question, ...] | UnsetType = UNSET
    retired: bool | UnsetType = UNSET

    def values(self) -> dict[str, Any]:
        """The fields of a category that are set, by their names; texts without blanks around."""
        found = {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if name not in ("id", "retired")
        }
        given = {
            name: value.strip() if type(value) is str else value
            for name, value in found.items()
            if value is not UNSET
        }
        return given | {name: given[name] or None for name in ("parent", "menu") if name in given}


class Problem(NamedTuple):
    """What is wrong with the change at this place of the list, about this category; a clause."""

    at: int
    id: str
    what: str


class CategoryError(ValueError):
    """Categories cannot be changed as asked, and nothing is; `problems` has them all."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        told = [f"category {one.id[:40]!r}: {one.what}" for one in self.problems[:_MOST_TOLD]]
        more = len(self.problems) - _MOST_TOLD
        told += [f"and {more} more faults"] if more > 0 else []
        super().__init__("Nothing is changed: " + "; ".join(told) + ".")


class NoSuchCategory(ValueError):
    """No category has an id."""

    def __init__(self, id: str) -> None:
        super().__init__(f"There is no category {id[:40]!r}; see `ngalam112 category list`.")


def changed(
    there: Mapping[str, Category], changes: Sequence[Change], taken: Collection[str], now: float
) -> list[Category]:
    """Return the categories that are other than before when all changes are made.

    They have the next version of the tree. `taken`: digits with which no code may begin. Raises
    CategoryError with everything that is wrong, NoSuchCategory if one that is not there is to be
    retired or brought back alone. What was wrong before is not told.
    """
    after, touched, problems = dict(there), dict[str, int](), list[Problem]()
    version = next_version(there.values())
    for at, change in enumerate(changes):
        wrong = [] if WORD.fullmatch(change.id) else [f"its id must be {WORD_IS}"]
        if change.id in touched:
            wrong.append("it is there twice")
        if not wrong:
            touched[change.id] = at
            made = _made(there.get(change.id), change, wrong)
            if made is not None and made != there.get(change.id):
                changed_at = max(now, there[change.id].changed_at) if change.id in there else now
                retired_at = None if made.retired_at is None else now
                after[change.id] = msgspec.structs.replace(
                    made, version=version, changed_at=changed_at, retired_at=retired_at
                )
        problems += [Problem(at, change.id, what) for what in wrong]
    before = set(_between(there, {}, taken))
    found = [one for one in _between(after, there, taken) if one not in before]
    problems += [Problem(touched.get(id, 0), id, what) for id, what in found]
    last = len(changes) - 1
    if len(after) > MOST_ROWS:
        problems.append(Problem(last, changes[last].id, f"there are more than {MOST_ROWS}"))
    elif not problems and len(msgspec.json.encode(fact(after.values()))) > LARGEST_FILE:
        what = f"all of them together have more than {LARGEST_FILE >> 10} KB; shorten some"
        problems.append(Problem(last, changes[last].id, what))
    if problems:
        raise CategoryError(sorted(problems))
    return [one for id, one in after.items() if one != there.get(id)]


def next_version(rows: Iterable[Category]) -> int:
    """The version of a tree with these rows when it is changed."""
    return 1 + max((one.version for one in rows), default=0)


def in_order(rows: Iterable[Category]) -> list[Category]:
    """The rows as lists have them: by their codes, retired ones among them."""
    return sorted(rows, key=lambda one: (one.code, one.id))


def first_categories(rows: Iterable[Category], now: float) -> list[Category]:
    """What a table that was never filled gets, of the rows of a file."""
    return [msgspec.structs.replace(one, version=1, changed_at=now) for one in rows]


def fact(rows: Iterable[Category]) -> list[dict[str, Any]]:
    """What the next engine is told."""
    return [msgspec.to_builtins(one) for one in rows]


def of_facts(facts: Mapping[str, Any]) -> list[Category]:
    """Return the categories that the last engine knew; those that make no sense are left out."""
    found, rows = list[Category](), facts.get(CATEGORIES)
    for row in rows if isinstance(rows, list) else []:
        try:
            one = msgspec.convert(row, Category)
        except msgspec.ValidationError:
            continue  # a later version's; the database has it
        if OWN_LANGUAGE in one.name:
            found.append(one)
    return found


def _made(old: Category | None, change: Change, wrong: list[str]) -> Category | None:
    """The category as it is to be; None if that cannot be said, and why is in `wrong`."""
    values = change.values()
    if old is None:
        if change.retired is not UNSET and not values:
            raise NoSuchCategory(change.id)
        given = {"class" if name == "national_class" else name for name in values}
        missing = [name for name in _NEEDED if name not in given]
        if missing:
            wrong.append(f"a new category needs a {' and a '.join(missing)}")
            return None
        return Category(id=change.id, **(values | _named({}, values)))
    if old.retired_at is not None and change.retired is not False:
        if change.retired is True and not values:
            return old
        wrong.append("it is retired; bring it back first: ngalam112 category set ID --back")
        return None
    made = msgspec.structs.replace(old, **(values | _named(old.name, values)))
    if change.retired is UNSET:
        return made
    return msgspec.structs.replace(made, retired_at=0.0 if change.retired else None)


def _named(old: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    if "name" not in values:
        return {}
    names = dict(old) | {language: text.strip() for language, text in values["name"].items()}
    return {"name": {language: text for language, text in names.items() if text}}


def _between(
    rows: Mapping[str, Category], there: Mapping[str, Category], taken: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What is wrong between categories, with the id of the one that has to do with it."""
    # of two that do not fit, the changed one is named: those that stay come first
    order = sorted(rows.values(), key=lambda one: one != there.get(one.id))
    used = {at: one for at, one in enumerate(order) if one.retired_at is None}
    for at, what in category_problems(used, rows, taken, lambda _, one: f"category {one.id}"):
        yield used[at].id, what
    for one in used.values():
        parent = rows.get(one.parent or "")
        if parent is None or parent.retired_at is None:
            continue
        if parent == there.get(parent.id):
            yield one.id, f"its parent {parent.id} is retired; choose another, or bring it back"
        else:
            yield parent.id, f"category {one.id} is a part of it; move or retire that first"
