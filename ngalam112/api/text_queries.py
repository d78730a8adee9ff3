"""What can be asked of a line's database about text conversations (`ngalam112.api.queries`)."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from models.database import Database
from ngalam112.api.queries import MOST_CALLS, Answer, Params, call_row, understood, with_times
from ngalam112.config.settings import Settings
from reports.texts import list_texts, show_text


class _OfTexts(msgspec.Struct, forbid_unknown_fields=True):
    state: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_CALLS)] = 100


async def texts(database: Database, settings: Settings, params: Params) -> Answer:
    """The newest conversations; parameters: state (or open), limit."""
    asked, zone = understood(params, _OfTexts), ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await list_texts(session, asked.state, asked.limit)
    return {"texts": [with_times(msgspec.to_builtins(one), zone) for one in found]}


async def text(database: Database, settings: Settings, params: Params) -> Answer:
    """One conversation with its messages; parameter: id, or the begin of it."""
    zone = ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await show_text(session, params["id"], settings.country)
    return {
        "text": with_times(msgspec.to_builtins(found.conversation), zone),
        "messages": [with_times(msgspec.to_builtins(one), zone) for one in found.messages],
        "calls": [call_row(one, settings) for one in found.calls],
    }


STORED = {"/api/texts": texts}
"""Which question of the database stands for which path of the API."""


STORED_ONE = {"/api/texts": text}
"""... of one, by its id."""
