"""Plays a past time on the board: reads a few minutes at once, at any speed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from models.database import Database
from ngalam112.cli.live.view import Replay, Snapshot
from reports.errors import BadQuestion
from reports.replay import Replayed
from reports.replay_facts import changes_before, names_of, part_of

PART = timedelta(minutes=30)
FRAME_S = 0.5
LONGEST = timedelta(days=31)


class Player:
    """Plays the calls that arrived from `since` on and before `until`, to the end of the last one.

    `speed`: seconds of the line in one second. Raises BadQuestion for a time that is none.
    """

    def __init__(
        self, database: Database, since: datetime, until: datetime, zone: str, short_s: float
    ) -> None:
        if not timedelta() < until - since <= LONGEST:
            raise BadQuestion("A replay has a begin before its end, and 31 days at most.")
        self.database, self._since, self._until = database, since, until
        self._zone, self._short_s = ZoneInfo(zone), short_s
        self._read_to = since
        self.line = Replayed({}, short_s)
        self.at = since.timestamp()

    @property
    def is_over(self) -> bool:
        """Whether everything is read and played."""
        return self._read_to >= self._until and self.line.is_over

    async def begin(self) -> None:
        """Read who there is, and how each operator was then."""
        async with self.database.session() as session:
            self.line = Replayed(await names_of(session), self._short_s)
            self.line.add((), await changes_before(session, self._since))
            self.line.play(self.at)

    async def play(self, until: float) -> Snapshot:
        """Play up to a moment and return the board's snapshot of it."""
        while self._read_to.timestamp() <= until and not self.is_over:
            await self._read()
            # what is read is played at once, so that no more than a part is in memory
            self.line.play(min(until, self._read_to.timestamp()))
        self.line.play(until)
        self.at = until
        return self.line.snapshot(until, self._named(until))

    async def _read(self) -> None:
        """Read the next part: calls up to the end, and of operators what follows as well."""
        begin, end = self._read_to, self._read_to + PART
        async with self.database.session() as session:
            calls, changes = await part_of(session, begin, end, self._until)
        self.line.add(calls, changes)
        self._read_to = end

    def _named(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).isoformat(timespec="seconds")

    def replay(self, speed: float) -> Replay:
        """How far it is."""
        at = self._named(self.at)[:19].replace("T", " ")
        return Replay(at=at, speed=speed, over=self.is_over)


async def frames(
    player: Player, speed: float, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[tuple[Snapshot, Replay]]:
    """Yield a frame twice a second until all is played; the last one has the totals of the report.

    Raises a DatabaseError.
    """
    try:
        await player.begin()
        begun, first = clock(), player.at
        while not player.is_over:
            snapshot = await player.play(first + speed * (clock() - begun))
            yield snapshot, player.replay(speed)
            if not player.is_over:
                await asyncio.sleep(FRAME_S)
    except (OSError, SQLAlchemyError) as error:
        raise player.database.unreachable(error) from None
