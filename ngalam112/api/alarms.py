"""The API of alarms: which are on, and that somebody has acknowledged one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from incidents.data_files import plain
from models.database import Database
from ngalam112.alarms.alarm import Alarm, NoSuchAlarm
from ngalam112.api.alarm_queries import alarm_row
from ngalam112.api.bodies import BadBody
from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine
from reports.alarms import show_alarm

LONGEST_BY = 64
MOST_SHOWN = 50
"""So many alarms a board gets."""


class Acknowledge(msgspec.Struct, forbid_unknown_fields=True):
    """`by`: who knows of it."""

    by: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_BY)] = "supervisor"


class AlarmRoutes:
    """The handlers; they raise what `ngalam112.api.refusals` knows how to refuse."""

    def __init__(self, engine: Engine, database: Database, settings: Settings) -> None:
        self._engine, self._database, self._settings = engine, database, settings

    async def on(self) -> Answer:
        """The alarms that are on, the last begun first; known without the database."""
        found = reversed(self._engine.alarms.on.values())
        return {"alarms": [alarm_row(one, self._settings) for one in found]}

    async def acknowledge(self, id: str, body: Acknowledge) -> Answer:
        """Note that somebody knows of an alarm, on or over. `id`: or its name while it is on."""
        if not plain(body.by, LONGEST_BY):
            raise BadBody("by has to be one line of plain text; say who knows of it.")
        book = self._engine.alarms
        alarm = book.known(id) or await self._stored(id)
        done = await self._engine.do(lambda now: book.acknowledge(alarm, body.by, now))
        return alarm_row(done, self._settings)

    async def _stored(self, id: str) -> Alarm:
        """Read an alarm that is over and not known here any more; raises NoSuchAlarm."""
        try:
            async with self._database.session() as session:
                row = await show_alarm(session, id)
        except (OSError, SQLAlchemyError) as error:
            raise self._database.unreachable(error) from None
        if row is None:
            raise NoSuchAlarm(f"No alarm is called {id[:40]!r}; see `ngalam112 alarms list`.")
        return msgspec.convert(row, Alarm)


def shown_alarms(engine: Engine, settings: Settings) -> list[dict[str, Any]]:
    """What a board is told of the alarms that the last look found, the first begun first."""
    return [
        {"alarm": one.key, **alarm_row(one, settings)}
        for one in engine.alarms.found_now()[:MOST_SHOWN]
    ]
