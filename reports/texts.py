"""The text conversations: a list of them, and one with its messages and the calls beside it."""

from __future__ import annotations

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from acd.calls.record import CallRecord
from acd.numbers.caller import COUNTRY
from acd.texts.conversation import ConversationRecord, TextMessage
from acd.texts.states import TextState
from incidents.incident import Incident
from models.rows import plain
from models.tables import TextConversationRow, TextMessageRow
from privacy.erasing import ERASED
from reports.calls import list_calls, searchable
from reports.errors import BadQuestion, NoSuchText, SeveralTexts
from reports.incidents import of_call
from reports.pages import behind

OPEN = "open"
"""What to ask `list_texts` for instead of a state: all that are not closed."""

_CONVERSATION, _MESSAGE = TextConversationRow.__table__, TextMessageRow.__table__
_LATEST_CALLS = 5


class TextHistory(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation, its messages in order, and the latest calls of the same number.

    `incident`: the one that it belongs to; None before an operator has taken it.
    """

    conversation: ConversationRecord
    messages: list[TextMessage]
    calls: list[CallRecord]
    incident: Incident | None


async def list_texts(
    session: AsyncSession, state: str | None = None, limit: int = 100, before: str | None = None
) -> list[ConversationRecord]:
    """Return the newest `limit` conversations in this state (or OPEN). Raises BadQuestion.

    `before`: the id of a conversation, behind which the list goes on.
    """
    query = select(_CONVERSATION).order_by(
        TextConversationRow.opened_at.desc(), TextConversationRow.id.desc()
    )
    if state == OPEN:
        query = query.where(TextConversationRow.closed_at.is_(None))
    elif state is not None:
        if state not in set(TextState):
            names = ", ".join([*TextState, OPEN])
            raise BadQuestion(f"There is no state {state!r}; choose one of {names}.")
        query = query.where(TextConversationRow.state == state)
    last = None if before is None else searchable(before)
    at, key = TextConversationRow.opened_at, TextConversationRow.id
    query = query.where(*await behind(session, at, key, last))
    rows = (await session.execute(query.limit(limit))).mappings()
    return [msgspec.convert(plain(dict(row)), ConversationRecord) for row in rows]


async def show_text(session: AsyncSession, text_id: str, country: str = COUNTRY) -> TextHistory:
    """Return the conversation of that id, or the only one whose id begins so.

    Raises NoSuchText or SeveralTexts.
    """
    start = text_id.replace("\0", "").encode("utf-8", "replace").decode()
    column = TextConversationRow.id
    query = select(_CONVERSATION).where(column.startswith(start, autoescape=True)).limit(2)
    found = (await session.execute(query)).mappings().all() if start else []
    if not found:
        raise NoSuchText(f"There is no conversation {text_id!r}; see `ngalam112 text list`.")
    if len(found) > 1:
        raise SeveralTexts(f"The ids of several conversations begin with {text_id!r}; give more.")
    record = msgspec.convert(plain(dict(found[0])), ConversationRecord)
    messages = (
        select(_MESSAGE)
        .where(TextMessageRow.conversation_id == record.id)
        .order_by(TextMessageRow.at, TextMessageRow.id)
    )
    rows = (await session.execute(messages)).mappings()
    calls = []
    if record.number and record.number != ERASED:
        calls = await list_calls(
            session, caller=record.number, limit=_LATEST_CALLS, country=country
        )
    return TextHistory(
        conversation=record,
        messages=[msgspec.convert(plain(dict(row)), TextMessage) for row in rows],
        calls=calls,
        incident=await of_call(session, record.id),
    )


async def texts_of(session: AsyncSession, incident: Incident) -> list[ConversationRecord]:
    """Return the conversations that told of an incident, the oldest first."""
    query = (
        select(_CONVERSATION)
        .where(TextConversationRow.id.in_(incident.call_ids))
        .order_by(TextConversationRow.opened_at, TextConversationRow.id)
    )
    rows = (await session.execute(query)).mappings()
    return [msgspec.convert(plain(dict(row)), ConversationRecord) for row in rows]
