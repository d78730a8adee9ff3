"""Removes whole records with all that belongs to them, a few in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import (
    AccessTrailRow,
    CallEventRow,
    CallRow,
    DispatchRow,
    IncidentCallRow,
    IncidentContactRow,
    IncidentEntryRow,
    IncidentReferenceRow,
    IncidentRow,
    OperatorEventRow,
    OperatorStateRow,
    PrivacyEntryRow,
    PrivacyRequestRow,
    TextConversationRow,
    TextMessageRow,
    WorkItemRow,
)
from privacy.requests import ABOUT


async def remove_calls(connection: AsyncConnection, ids: Sequence[str]) -> Collection[str]:
    """Remove calls, with their events and with their place in an incident."""
    await connection.execute(delete(CallEventRow).where(CallEventRow.call_id.in_(ids)))
    await connection.execute(delete(IncidentCallRow).where(IncidentCallRow.call_id.in_(ids)))
    await connection.execute(delete(CallRow).where(CallRow.call_id.in_(ids)))
    return ()


async def remove_incidents(connection: AsyncConnection, ids: Sequence[str]) -> Collection[str]:
    """Remove incidents with all of theirs; those that others are merged into stay."""
    others = select(IncidentRow.merged_into).where(IncidentRow.merged_into.in_(ids))
    needed = {one for one in (await connection.execute(others)).scalars() if one is not None}
    gone = [one for one in ids if one not in needed]
    for column in (
        IncidentEntryRow.incident_id,
        IncidentCallRow.incident_id,
        IncidentContactRow.incident_id,
        IncidentReferenceRow.incident_id,
        DispatchRow.incident_id,
        IncidentRow.id,
    ):
        await connection.execute(delete(column.class_).where(column.in_(gone)))
    return needed


async def remove_items(connection: AsyncConnection, ids: Sequence[str]) -> Collection[str]:
    """Remove callbacks."""
    await connection.execute(delete(WorkItemRow).where(WorkItemRow.id.in_(ids)))
    return ()


async def remove_texts(connection: AsyncConnection, ids: Sequence[str]) -> Collection[str]:
    """Remove conversations with their messages, and with their place in an incident."""
    messages = TextMessageRow.conversation_id.in_(ids)
    await connection.execute(delete(TextMessageRow).where(messages))
    await connection.execute(delete(IncidentCallRow).where(IncidentCallRow.call_id.in_(ids)))
    await connection.execute(delete(TextConversationRow).where(TextConversationRow.id.in_(ids)))
    return ()


async def remove_requests(connection: AsyncConnection, ids: Sequence[int]) -> Collection[int]:
    """Remove requests with their steps."""
    steps = (PrivacyEntryRow.about == ABOUT, PrivacyEntryRow.about_id.in_(ids))
    await connection.execute(delete(PrivacyEntryRow).where(*steps))
    await connection.execute(delete(PrivacyRequestRow).where(PrivacyRequestRow.id.in_(ids)))
    return ()


async def remove_operator_events(
    connection: AsyncConnection, ids: Sequence[str]
) -> Collection[str]:
    """Remove what operators did."""
    await connection.execute(delete(OperatorEventRow).where(OperatorEventRow.id.in_(ids)))
    return ()


async def remove_operator_states(
    connection: AsyncConnection, ids: Sequence[str]
) -> Collection[str]:
    """Remove what operators had chosen and done; who has no row left counts as logged out."""
    await connection.execute(delete(OperatorStateRow).where(OperatorStateRow.id.in_(ids)))
    return ()


async def remove_looks(connection: AsyncConnection, ids: Sequence[str]) -> Collection[str]:
    """Remove lines of the access trail."""
    await connection.execute(delete(AccessTrailRow).where(AccessTrailRow.id.in_(ids)))
    return ()
