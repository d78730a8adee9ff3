"""What can be asked about categories: of the engine, which knows them all, or of a database."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from incidents.categories import Categories, Category
from incidents.categories_file import load_categories as load_file
from incidents.category_changes import NoSuchCategory, in_order
from models.database import Database
from ngalam112.accounts.categories import load_categories
from ngalam112.api.asked import ById
from ngalam112.api.queries import Answer, with_times
from ngalam112.config.settings import Settings


class OfCategories(msgspec.Struct, forbid_unknown_fields=True):
    """`retired`: those that are retired too."""

    retired: bool = False


def category_row(one: Category, settings: Settings) -> Answer:
    """Return a category as JSON has it."""
    row: dict[str, Any] = msgspec.to_builtins(one)
    return with_times(row, ZoneInfo(settings.timezone))


def listed(tree: Categories, settings: Settings, asked: OfCategories) -> Answer:
    """The categories in use, by their codes."""
    found = in_order(tree.own.values())
    shown = [one for one in found if asked.retired or one.retired_at is None]
    rows = [category_row(one, settings) for one in shown]
    return {"version": tree.version, "categories": rows}


def shown(tree: Categories, settings: Settings, id: str) -> Answer:
    """One category, retired or not, and what it has of its parents."""
    whole = tree.get(id)
    if whole is None:
        raise NoSuchCategory(id)
    return {
        "category": category_row(tree.own[id], settings),
        "path": [one.id for one in tree.path(whole)],
        "asked": msgspec.to_builtins(whole.questions),
        "sent": list(whole.agencies),
    }


async def stored_categories(database: Database, settings: Settings) -> Categories:
    """Return what the database has, or what the first start will fill it with."""
    rows = await load_categories(database)
    return Categories("", rows) if rows else load_file(settings.categories_file)


async def _stored_list(database: Database, settings: Settings, asked: OfCategories) -> Answer:
    return listed(await stored_categories(database, settings), settings, asked)


async def _stored_one(database: Database, settings: Settings, asked: ById) -> Answer:
    return shown(await stored_categories(database, settings), settings, asked.id)


STORED = {"/api/categories": _stored_list}
"""Which question of the database stands for which path of the API."""

STORED_ONE = {"/api/categories": _stored_one}
"""... of one, by its id."""
