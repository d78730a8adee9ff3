"""What can be asked of a line's database about text conversations (`ngalam112.api.queries`)."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from acd.texts.states import TextState
from models.database import Database
from ngalam112.api.asked import Before, ById, Limit, one_of
from ngalam112.api.incident_queries import incident_row
from ngalam112.api.queries import Answer, call_row, with_times
from ngalam112.config.settings import Settings
from reports.texts import OPEN, list_texts, show_text


class OfTexts(msgspec.Struct, forbid_unknown_fields=True):
    """The newest conversations."""

    state: Annotated[str, one_of(OPEN, TextState)] | None = None
    limit: Limit = 100
    before: Before | None = None


async def texts(database: Database, settings: Settings, asked: OfTexts) -> Answer:
    """The newest text conversations."""
    zone = ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await list_texts(session, asked.state, asked.limit, asked.before)
    return {"texts": [with_times(msgspec.to_builtins(one), zone) for one in found]}


async def text(database: Database, settings: Settings, asked: ById) -> Answer:
    """One conversation with its messages, its incident, and the latest calls of the number."""
    zone = ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await show_text(session, asked.id, settings.country)
    return {
        "text": with_times(msgspec.to_builtins(found.conversation), zone),
        "messages": [with_times(msgspec.to_builtins(one), zone) for one in found.messages],
        "calls": [call_row(one, settings) for one in found.calls],
        "incident": None if found.incident is None else incident_row(found.incident, settings),
    }


STORED = {"/api/texts": texts}
"""Which question of the database stands for which path of the API."""


STORED_ONE = {"/api/texts": text}
"""... of one, by its id."""
