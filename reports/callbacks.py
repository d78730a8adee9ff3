"""Whom the line owes a call, whom it has called, and what came of it: the work items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.work_items.callbacks import KIND
from acd.work_items.item import WorkItem
from acd.work_items.states import ItemOutcome
from models.rows import plain
from models.tables import WorkItemRow
from reports.calls import begins, searchable
from reports.errors import BadQuestion, NoSuchCallback, SeveralCallbacks

OPEN, ALL = "open", "all"
MOST = 10_000
"""The most callbacks of one list; of more, the newest."""

_ITEM = WorkItemRow.__table__
_IS_OPEN = WorkItemRow.ended_at.is_(None)


async def callbacks(
    session: AsyncSession,
    since: datetime | None = None,
    until: datetime | None = None,
    which: str = OPEN,
) -> list[WorkItem]:
    """Return callbacks whose calls were lost in this time, the longest owed first.

    `which`: OPEN, ALL, or one of `ItemOutcome`. The times need a time zone. Raises BadQuestion.
    """
    conditions: list[ColumnElement[bool]] = [WorkItemRow.kind == KIND, *_chosen(which)]
    if since is not None:
        conditions.append(WorkItemRow.created_at >= since)
    if until is not None:
        conditions.append(WorkItemRow.created_at < until)
    query = select(_ITEM).where(*conditions)
    newest = (WorkItemRow.created_at.desc(), WorkItemRow.id.desc())
    rows = (await session.execute(query.order_by(*newest).limit(MOST))).mappings().all()
    return [_item(row) for row in reversed(rows)]


async def show_callback(session: AsyncSession, item_id: str) -> WorkItem:
    """Return the callback of that id, or the only one whose id begins so, or of that call's id.

    Raises NoSuchCallback or SeveralCallbacks.
    """
    start = searchable(item_id)
    found: Sequence[Any] = []
    if start:
        for column in (_ITEM.c.id, _ITEM.c.call_id):
            query = select(_ITEM).where(*begins(session, column, start), _ITEM.c.kind == KIND)
            found = found or (await session.execute(query.limit(2))).mappings().all()
    if not found:
        raise NoSuchCallback(f"There is no callback {item_id!r}; see `ngalam112 callbacks list`.")
    if len(found) > 1:
        raise SeveralCallbacks(f"Several callbacks begin with {item_id!r}; give more of the id.")
    return _item(found[0])


def _chosen(which: str) -> list[ColumnElement[bool]]:
    if which == ALL:
        return []
    if which == OPEN:
        return [_IS_OPEN]
    try:
        return [WorkItemRow.outcome == ItemOutcome(which).value]
    except ValueError:
        names = ", ".join((OPEN, ALL, *(one.value for one in ItemOutcome)))
        raise BadQuestion(f"There are no callbacks {which!r}; choose one of {names}.") from None


def _item(row: Any) -> WorkItem:
    return msgspec.convert(plain(dict(row)), WorkItem)
