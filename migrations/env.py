"""Runs migrations on the connection that `models.schema` hands over, or on one of its own."""

from __future__ import annotations

import asyncio
import os
from typing import Any, Literal

from alembic import context
from sqlalchemy.engine import Connection

from models import schema
from models.database import Database
from models.tables import Base, UtcDateTime


def _render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Keep migrations free of our own types, which may change after them."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def _include_name(name: str | None, kind: str, _: Any) -> bool:
    """Leave SQLite's tables for the search by words alone: no model describes them."""
    return kind != "table" or not (name or "").startswith(schema.SEARCH)


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=_render_item,
        include_name=_include_name,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def _alone() -> None:
    url = os.environ.get("NGALAM112_DATABASE_URL", "sqlite:///var/ngalam112.db")
    async with Database(url) as database, database.engine.begin() as connection:
        await connection.run_sync(_migrate)


_given: Connection | None = context.config.attributes.get("connection")
if _given is not None:
    _migrate(_given)
else:
    asyncio.run(_alone())
