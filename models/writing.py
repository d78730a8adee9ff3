"""The one way to write: rows that fit, into either database, harmless when done twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from models.rows import Values, fit
from models.tables import Base

Target = AsyncConnection | AsyncSession


async def upsert(target: Target, model: type[Base], rows: Sequence[Values]) -> None:
    """Insert the rows, or change those that exist (same primary key) to the given values.

    All rows have the same names; columns that are not named keep what they have.
    """
    if not rows:
        return
    statement, keys = _insert(target, model)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    if changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    await target.execute(statement, [fit(model, row) for row in rows])


async def insert_new(target: Target, model: type[Base], rows: Sequence[Values]) -> None:
    """Insert the rows whose primary key is new; leave those that exist as they are."""
    if not rows:
        return
    statement, keys = _insert(target, model)
    statement = statement.on_conflict_do_nothing(index_elements=keys)
    await target.execute(statement, [fit(model, row) for row in rows])


def _insert(target: Target, model: type[Base]) -> tuple[Any, list[str]]:
    """Return the database's own INSERT and the names of the primary key."""
    bind = target.sync_session.get_bind() if isinstance(target, AsyncSession) else target
    dialect: Any = postgresql if bind.dialect.name == "postgresql" else sqlite
    return dialect.insert(model.__table__), [key.name for key in inspect(model).primary_key]
