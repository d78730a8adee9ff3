"""Lines of the access trail that are old enough to go, but for those about what is on hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.tables import AccessTrailRow, CallRow, TextConversationRow, WorkItemRow
from ngalam112.personal_data.records import Erasing
from privacy.holds import Hold
from privacy.trail import Looked
from reports.privacy_incidents import chains_of, chains_of_calls, merged_in

_OF_CALLS = {
    Looked.CALL.value: (CallRow.call_id, CallRow.call_id, CallRow.caller_number),
    Looked.TEXT.value: (
        TextConversationRow.id,
        TextConversationRow.call_id,
        TextConversationRow.number,
    ),
    Looked.CALLBACK.value: (WorkItemRow.id, WorkItemRow.call_id, WorkItemRow.number),
}
"""By what is looked at: the columns of its id, of its call and of the number."""


async def erase_looks(connection: AsyncConnection, ids: Sequence[str], how: Erasing) -> None:
    """Choose the lines that nothing keeps: who has looked at what is on hold is evidence too."""
    row = AccessTrailRow
    query = select(row.id, row.kind, row.target).where(row.id.in_(ids))
    for one in (await connection.execute(query)).all():
        hold = await _held(connection, one.kind, one.target, how) if len(how.holds) else None
        if not how.stays("look", one.id, hold.words if hold is not None else None):
            how.erased["trail"].append(one.id)


async def _held(connection: AsyncConnection, kind: str, target: str, how: Erasing) -> Hold | None:
    if kind == Looked.NUMBER:
        return how.holds.over(callers=[target])
    if kind == Looked.INCIDENT:
        chain = (await chains_of(connection, [target])).get(target, [])
        of = [*chain[:1], *await merged_in(connection, target)]
        return how.holds.over(
            calls=[call for one in of for call in one.call_ids],
            incidents=[target, *(one.id for one in chain)],
            callers=[how.key(contact.number) for one in of for contact in one.contacts],
        )
    if kind not in _OF_CALLS:
        return None
    id, call, number = _OF_CALLS[kind]
    found: Any = (await connection.execute(select(call, number).where(id == target))).first()
    call_id, said = found if found is not None else (None, "")
    # a text conversation has an incident of its own, beside that of a call of the same number
    its = {call_id, target if kind == Looked.TEXT else call_id}
    chains = (await chains_of_calls(connection, its)).values()
    return how.holds.over(
        calls=[call_id, target if kind == Looked.CALL else None],
        incidents=[one.id for chain in chains for one in chain],
        callers=[how.key(said)],
    )
