"""Reads a long list page by page: what comes behind a row that the reader has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from reports.errors import BadQuestion


async def behind(
    session: AsyncSession, at: Any, key: Any, row: str | None
) -> list[ColumnElement[bool]]:
    """Return the conditions for a row to come behind one in a list with the newest first.

    `at`, `key`: the columns by which the list is sorted, the moment and then the id. `row`: the id
    of the last row that the reader has; None for the first page. Raises BadQuestion if it is not
    there: then the page would be an empty one, and the reader would think that was all.
    """
    if row is None:
        return []
    moment = await session.scalar(select(at).where(key == row))
    if moment is None:
        raise BadQuestion(
            f"There is no row {row[:40]!r} to read on from; give `before` the id of the last one."
        )
    # the first half lets an index on the moment find where to begin
    return [at <= moment, or_(at < moment, and_(at == moment, key < row))]
