"""What can be asked of a line's database about its audit (`ngalam112.api.queries`)."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from models.database import Database
from ngalam112.api.asked import Limit, OfPeriod, period_of
from ngalam112.api.queries import Answer, with_times
from ngalam112.config.settings import Settings
from reports.audit import audit as of_database


class OfAudit(OfPeriod, forbid_unknown_fields=True):
    """The newest lines of a time."""

    who: Annotated[str, msgspec.Meta(description="A person's id, or a user's name.")] | None = None
    limit: Limit = 100


async def audit(database: Database, settings: Settings, asked: OfAudit) -> Answer:
    """Who has changed, heard, erased or exported what, or was refused it; the last one first."""
    since, until = period_of(asked.since, asked.until, settings)
    zone = ZoneInfo(settings.timezone)
    async with database.session() as session:
        found = await of_database(session, since, until, asked.who, asked.limit)
    return {"audit": [with_times(msgspec.to_builtins(one), zone) for one in found]}


STORED = {"/api/audit": audit}
"""Which question of the database stands for which path of the API."""
