"""How the command line changes categories: through the engine, or, while it is down, in the
database. A file is checked whole before anything of it goes to the engine, so that the lines at
fault are named; the engine checks again what it is given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from incidents.categories import Categories, Category
from incidents.category_changes import CategoryError, Change, changed
from ngalam112.cli.client import Client, EngineDown
from ngalam112.cli.common import kept_database, read, tell
from ngalam112.config.settings import Settings

if TYPE_CHECKING:
    from incidents.category_sheets import Given

PATH = "/api/categories"


def tree_now(settings: Settings) -> Categories:
    """Return all categories as the engine has them, or, while it is down, the database."""
    answer = read(settings, PATH, {"retired": "true"})
    return Categories(answer["version"], known(answer["categories"]))


def known(rows: Iterable[Mapping[str, Any]]) -> list[Category]:
    """Return the categories that the API has listed; without their times."""
    retired = {"retired_at": 0.0}
    return [
        msgspec.convert(
            {name: row[name] for name in row if not name.endswith("_at")}
            | (retired if row["retired_at"] is not None else {}),
            Category,
        )
        for row in rows
    ]


def change(settings: Settings, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Make the changes, all or none; return the categories as JSON has them."""
    try:
        body = {"categories": [msgspec.to_builtins(one) for one in changes]}
        answer: list[dict[str, Any]] = Client(settings).put(PATH, body)["categories"]
        return answer
    except EngineDown:
        made = asyncio.run(_offline(settings, changes))
        tell("engine is down: kept in the database, takes effect when the line starts")
        return made


async def _offline(settings: Settings, changes: Sequence[Change]) -> list[dict[str, Any]]:
    from incidents.categories_file import load_categories
    from ngalam112.accounts.categories import change_categories
    from ngalam112.api.category_queries import category_row

    first, taken = load_categories(settings.categories_file), taken_digits(settings)
    about = ",".join(one.id for one in changes)
    async with kept_database(settings, f"PUT {PATH}", about) as database:
        rows = first.own.values()
        found = await change_categories(database, rows, changes, taken, time.time())
    by_id = {one.id: one for one in found}
    return [category_row(by_id[one.id], settings) for one in changes]


def taken_digits(settings: Settings) -> set[str]:
    """The digits with which no code may begin, for *4 has them for dispositions."""
    from acd.config_file import load_distribution
    from acd.feature_codes.dispositions import UNDO

    return {UNDO, *load_distribution(settings.distribution_file).dispositions}


def take_in(settings: Settings, given: Sequence[Given], *, dry_run: bool) -> list[Category]:
    """Take in what a file says; return the categories that are new or other than before.

    `dry_run`: nothing is changed. Raises Unusable, which names the lines at fault.
    """
    from acd.agencies.files import Unusable

    there = tree_now(settings).own
    try:
        wanted = [one.change for one in given]
        fresh = changed(there, wanted, taken_digits(settings), time.time())
        ids = {one.id for one in fresh}
        if fresh and not dry_run:
            change(settings, [_slim(one, there) for one in wanted if one.id in ids])
    except CategoryError as error:
        wrong = [
            (given[one.at].line, f"category {one.id[:40]!r}: {one.what}") for one in error.problems
        ]
        raise Unusable(wrong) from None
    return fresh


def _slim(wanted: Change, there: Mapping[str, Category]) -> Change:
    """The change without what is so already: a request has its bounds."""
    old = there.get(wanted.id)
    if old is None:
        return wanted
    values = wanted.values()
    fresh = {name: value for name, value in values.items() if value != getattr(old, name)}
    return Change(id=wanted.id, **fresh)
