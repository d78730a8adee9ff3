"""The one way to write: rows that fit, into either database, harmless when done twice."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import and_, inspect, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from models.rows import Values, fit
from models.tables import Base, CallRow

Target = AsyncConnection | AsyncSession


async def upsert(target: Target, model: type[Base], rows: Sequence[Values]) -> None:
    """Insert the rows, or change those that exist (same primary key) to the given values.

    All rows have the same names; columns that are not named keep what they have.
    """
    if rows:
        statement = _upsert(_dialect(target), model, tuple(rows[0]))
        await target.execute(statement, [fit(model, row) for row in rows])


async def upsert_calls(target: Target, rows: Sequence[Values]) -> None:
    """As `upsert`, for `calls`; a row that knows less than the one that is there changes nothing.

    It does where it has fewer events, unless it alone knows how the call has ended. All rows have
    `events` and `ended_at`.
    """
    if rows:
        statement = _upsert_calls(_dialect(target), tuple(rows[0]))
        await target.execute(statement, [fit(CallRow, row) for row in rows])


async def insert_new(target: Target, model: type[Base], rows: Sequence[Values]) -> None:
    """Insert the rows whose primary key is new; leave those that exist as they are."""
    if rows:
        statement = _insert_new(_dialect(target), model)
        await target.execute(statement, [fit(model, row) for row in rows])


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
def _upsert_calls(dialect: str, names: tuple[str, ...]) -> Any:
    statement, keys = _insert(dialect, CallRow)
    new = statement.excluded
    changed = {name: new[name] for name in names if name not in keys}
    knows_more = or_(
        new.events >= CallRow.events,
        and_(new.ended_at.is_not(None), CallRow.ended_at.is_(None)),
    )
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=knows_more)


@cache
def _insert_new(dialect: str, model: type[Base]) -> Any:
    statement, keys = _insert(dialect, model)
    return statement.on_conflict_do_nothing(index_elements=keys)


def _insert(dialect: str, model: type[Base]) -> tuple[Any, list[str]]:
    """Return the database's own INSERT and the names of the primary key."""
    own: Any = postgresql if dialect == "postgresql" else sqlite
    return own.insert(model.__table__), [key.name for key in inspect(model).primary_key]
