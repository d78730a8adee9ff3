"""The one way to write: rows that fit, into either database, harmless when done twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import and_, inspect, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from models.rows import Values, fit
from models.tables import Base

Target = AsyncConnection | AsyncSession


async def upsert(target: Target, model: type[Base], rows: Sequence[Values]) -> None:
    """Insert the rows, or change those that exist (same primary key) to the given values.

    Columns that are not named keep what they have, or get the default of the database.
    """
    for names, some in _by_names(rows):
        statement = _upsert(_dialect(target), model, names)
        await target.execute(statement, [fit(model, row) for row in some])


async def upsert_newer(
    target: Target, model: type[Base], rows: Sequence[Values], counter: str, ended: str | None
) -> None:
    """As `upsert`; a row that knows less than the one that is there changes nothing.

    It does where its `counter` is smaller, unless it alone has `ended` (None: in any case). All
    rows name both.
    """
    for names, some in _by_names(rows):
        statement = _upsert_newer(_dialect(target), model, names, counter, ended)
        await target.execute(statement, [fit(model, row) for row in some])


async def insert_new(target: Target, model: type[Base], rows: Sequence[Values]) -> None:
    """Insert the rows whose primary key is new; leave those that exist as they are."""
    for _, some in _by_names(rows):
        statement = _insert_new(_dialect(target), model)
        await target.execute(statement, [fit(model, row) for row in some])


def _by_names(rows: Iterable[Values]) -> Iterable[tuple[tuple[str, ...], list[Values]]]:
    """Rows with the same names together, for one statement; an earlier version names fewer."""
    groups: dict[tuple[str, ...], list[Values]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    return groups.items()


def _dialect(target: Target) -> str:
    bind = target.sync_session.get_bind() if isinstance(target, AsyncSession) else target
    return bind.dialect.name


# made once: that costs as much as some ten rows


@cache
def _upsert(dialect: str, model: type[Base], names: tuple[str, ...]) -> Any:
    statement, keys = _insert(dialect, model)
    changed = {name: statement.excluded[name] for name in names if name not in keys}
    if changed:
        return statement.on_conflict_do_update(index_elements=keys, set_=changed)
    return statement.on_conflict_do_nothing(index_elements=keys)


@cache
def _upsert_newer(
    dialect: str, model: type[Base], names: tuple[str, ...], counter: str, ended: str | None
) -> Any:
    statement, keys = _insert(dialect, model)
    new, there = statement.excluded, model.__table__.columns
    changed = {name: new[name] for name in names if name not in keys}
    knows_more = new[counter] >= there[counter]
    if ended is not None:
        alone = and_(new[ended].is_not(None), there[ended].is_(None))
        knows_more = or_(knows_more, alone)
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=knows_more)


@cache
def _insert_new(dialect: str, model: type[Base]) -> Any:
    statement, keys = _insert(dialect, model)
    return statement.on_conflict_do_nothing(index_elements=keys)


def _insert(dialect: str, model: type[Base]) -> tuple[Any, list[str]]:
    """Return the database's own INSERT and the names of the primary key."""
    own: Any = postgresql if dialect == "postgresql" else sqlite
    return own.insert(model.__table__), [key.name for key in inspect(model).primary_key]
