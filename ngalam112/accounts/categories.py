"""Categories as they are kept: fills the table once, reads it, changes it.

Used by the API while the engine lives, and by the command line while it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.categories import Category
from incidents.category_changes import Change, changed, first_categories, in_order
from models.database import Database
from models.rows import plain
from models.tables import CategoryRow
from models.writing import upsert
from ngalam112.accounts.admin import transaction

_NAMES = {"national_class": "class"}


async def load_categories(database: Database) -> list[Category]:
    """Read all categories, retired ones too, in their order. Raises a DatabaseError."""
    try:
        async with database.session() as session:
            return await _rows(session)
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def filled_categories(
    database: Database,
    first: Iterable[Category],
    now: float,
    made: Callable[[list[Category]], object] = lambda categories: None,
) -> list[Category]:
    """Read all categories; a table that has none gets `first`, and `made` is told with what.

    Raises a DatabaseError.
    """
    found = await load_categories(database)
    if found:
        return found
    async with transaction(database) as session:
        await _alone(session)
        found = await _rows(session)
        if not found:
            found = first_categories(in_order(first), now)
            await _keep(session, found)
            made(found)
        return found


async def change_categories(
    database: Database,
    first: Iterable[Category],
    changes: Sequence[Change],
    taken: Collection[str],
    now: float,
) -> list[Category]:
    """Make all changes or none; return all categories as they are then.

    `first`: what a table that has none gets before. `taken`: digits with which no code may begin.
    Raises CategoryError, NoSuchCategory, or a DatabaseError.
    """
    async with transaction(database) as session:
        await _alone(session)
        rows = await _rows(session)
        if not rows:
            rows = first_categories(first, now)
            await _keep(session, rows)
        there = {one.id: one for one in rows}
        fresh = changed(there, changes, taken, now)
        await _keep(session, fresh)
    return in_order((there | {one.id: one for one in fresh}).values())


async def _alone(session: AsyncSession) -> None:
    """Let nobody else change categories until the transaction ends; with SQLite nobody can."""
    if session.sync_session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE"))


async def _keep(session: AsyncSession, rows: Iterable[Category]) -> None:
    await upsert(session, CategoryRow, [_row(one) for one in rows])


def _row(one: Category) -> dict[str, Any]:
    made: dict[str, Any] = msgspec.to_builtins(one)
    return {column: made[_NAMES.get(column, column)] for column in _COLUMNS}


async def _rows(session: AsyncSession) -> list[Category]:
    rows = (await session.execute(select(CategoryRow.__table__))).mappings()
    return in_order(_category(plain(dict(row))) for row in rows)


def _category(row: dict[str, Any]) -> Category:
    return msgspec.convert({_NAMES.get(name, name): row[name] for name in row}, Category)


_COLUMNS = tuple(CategoryRow.__table__.columns.keys())
