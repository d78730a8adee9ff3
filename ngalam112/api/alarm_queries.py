"""What can be asked of a line's database about its alarms (`ngalam112.api.queries`)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from models.database import Database
from ngalam112.alarms.alarm import Alarm
from ngalam112.api.asked import Limit, NoParameters, OfPeriod, period_of
from ngalam112.api.queries import Answer, with_times
from ngalam112.config.settings import Settings
from reports.alarms import list_alarms


class OfAlarms(OfPeriod, forbid_unknown_fields=True):
    """The newest alarms that were on in a time."""

    limit: Limit = 100


async def alarms(database: Database, settings: Settings, asked: OfAlarms) -> Answer:
    """The newest alarms that were on in a time, with their ends and who has acknowledged them."""
    since, until = period_of(asked.since, asked.until, settings)
    async with database.session() as session:
        rows = await list_alarms(session, since, until, asked.limit)
    return {"alarms": [alarm_row(msgspec.convert(one, Alarm), settings) for one in rows]}


async def alarms_on(database: Database, settings: Settings, asked: NoParameters) -> Answer:
    """The alarms that are on, as far as the database knows."""
    async with database.session() as session:
        rows = await list_alarms(session, None, None, None, only_on=True)
    return {"alarms": [alarm_row(msgspec.convert(one, Alarm), settings) for one in rows]}


def alarm_row(alarm: Alarm, settings: Settings) -> Answer:
    """Return an alarm as it is answered."""
    return with_times(msgspec.to_builtins(alarm), ZoneInfo(settings.timezone))


STORED = {"/api/alarms": alarms, "/api/alarms/on": alarms_on}
"""Which question of the database stands for which path of the API."""
