"""Purges: takes persons out of old records, and removes older ones, class by class.

Records are found by an index on their time, a page at a time; each page is one short transaction,
and after it is kept how far the purge has come. A run that is cut off is gone on with.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

import msgspec
from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from acd.rules.retention import Keep, Retention
from models.database import Database
from models.rows import fit, moment, plain
from models.tables import PrivacyPurgeRow
from ngalam112.personal_data.classes import RecordClass, record_classes
from ngalam112.personal_data.erasing import LetGo
from ngalam112.personal_data.records import Erasing, Left
from ngalam112.personal_data.writing import ROWS, TIMELINE, bit_by_bit, check_in_time, writing
from privacy.holds import Holds
from privacy.purge import Progress, Run, Stage, begin_of, cutoff_of, key_of
from reports.privacy_holds import standing_holds

_PURGE = PrivacyPurgeRow.__table__

_NEEDED = "others are merged into it, and are removed first"


class Purged(msgspec.Struct, frozen=True, kw_only=True):
    """What a purge has done, or would do, in one class and stage. `before`: the age at which."""

    name: str
    stage: Stage
    days: int
    before: float
    done: int
    left: list[Left]


class Purge:
    """One run. `writes`: False only looks. `now`: the moment by which ages count."""

    def __init__(
        self,
        database: Database,
        rules: Retention,
        *,
        let_go: LetGo,
        by: str,
        now: datetime,
        country: str,
        writes: bool,
    ) -> None:
        self._database, self._rules, self._let_go = database, rules, let_go
        self._by, self._now, self._country, self._writes = by, now, country, writes
        self._run = Run(id=0, began_at=now.timestamp(), by=by, whole_at=0.0)

    async def run(self) -> list[Purged]:
        """Do it; returns what went of each class. Raises a DatabaseError and what `let_go` does."""
        async with self._database.session() as session:
            last = await last_run(session)
        whole_at, begins = begin_of(last, self._now.timestamp())
        self._run.whole_at = whole_at
        self._run.classes = {name: Progress(through=at) for name, at in begins.items()}
        if self._writes:
            await self._keep_new_run()
        keep, found = self._rules.by_name(), []
        for one in record_classes():
            for stage in Stage:
                days = _days(keep[one.name], stage)
                if days is not None:
                    found.append(await self._walk(one, stage, days))
        if self._writes:
            self._run.ended_at = datetime.now(UTC).timestamp()
            async with writing(self._database) as connection:
                await self._keep(connection)
        return found

    async def _walk(self, of: RecordClass, stage: Stage, days: int) -> Purged:
        before = cutoff_of(days, self._now)
        begin = self._run.classes.get(key_of(of.name, stage), Progress()).through
        progress = Progress(through=begin)
        self._run.classes[key_of(of.name, stage)] = progress
        after: tuple[datetime, Any] = (moment(begin), None)
        left: list[Left] = []
        held_back = False
        while page := await self._page(of, stage, after, before):
            how = await self._take(of, stage, [id for _, id in page])
            progress.done += len(how.erased[of.what])
            progress.left += len(how.left)
            left += how.left
            after = page[-1]
            # the next purge begins where the first one was left
            held_back = held_back or bool(how.left)
            if not held_back:
                progress.through = page[-1][0].timestamp()
            if self._writes:
                async with writing(self._database) as connection:
                    await self._keep(connection)
        if not held_back:
            progress.through = max(begin, before.timestamp())
        return Purged(
            name=of.name,
            stage=stage,
            days=days,
            before=before.timestamp(),
            done=progress.done,
            left=left,
        )

    async def _page(
        self, of: RecordClass, stage: Stage, after: tuple[datetime, Any], before: datetime
    ) -> list[tuple[datetime, Any]]:
        """The next records of a class, in order of time, that this stage has not taken yet."""
        at, last = after
        query = select(of.moment, of.id, of.size).where(
            of.moment >= at, of.moment < before, *of.conditions
        )
        if stage is Stage.PERSONAL:
            query = query.where(*of.unerased)
        if last is not None:
            query = query.where(or_(of.moment > at, of.id > last))
        query = query.order_by(of.moment, of.id).limit(min(ROWS, of.rows))
        async with self._database.session() as session:
            found = (await session.execute(query)).all()
        through = accumulate(size for *_, size in found)
        some = [one for one, size in zip(found, through, strict=True) if size <= TIMELINE]
        return [(at, id) for at, id, _ in some or found[:1]]

    async def _take(self, of: RecordClass, stage: Stage, ids: list[Any]) -> Erasing:
        """Erase or remove these, but for what has to stay; returns what was done."""
        seen = self._how(f"retention {of.name}", stage, writes=False)
        async with self._database.engine.connect() as connection:
            seen.holds = await standing_holds(connection)
            await of.erase(connection, ids, seen)
        chosen = seen.erased[of.what]
        if not self._writes or not chosen:
            return seen
        let_go_at = time.monotonic()
        if of.what in ("calls", "incidents"):  # of nothing else an engine has a memory
            is_call = of.what == "calls"
            await self._let_go(chosen if is_call else [], [] if is_call else chosen)
        how = self._how(f"retention {of.name}", stage, writes=stage is Stage.PERSONAL)

        async def turn() -> None:
            async with writing(self._database) as connection:
                check_in_time(let_go_at)
                how.holds = await standing_holds(connection)
                await of.erase(connection, ids, how)
                if stage is Stage.ROW:
                    for id in await of.remove(connection, how.erased[of.what]):
                        how.erased[of.what].remove(id)
                        how.stays(of.what.removesuffix("s"), str(id), _NEEDED)

        await bit_by_bit(turn)
        return how

    def _how(self, why: str, stage: Stage, *, writes: bool) -> Erasing:
        return Erasing(
            why=why[:64],
            by=self._by,
            now=self._now.timestamp(),
            holds=Holds(),
            country=self._country,
            writes=writes,
            again=stage is Stage.ROW,
        )

    async def _keep_new_run(self) -> None:
        async with writing(self._database) as connection:
            values = fit(PrivacyPurgeRow, self._row())
            made = insert(PrivacyPurgeRow).values(values).returning(_PURGE.c.id)
            self._run.id = (await connection.execute(made)).scalar_one()

    async def _keep(self, connection: AsyncConnection) -> None:
        there = PrivacyPurgeRow.id == self._run.id
        values = fit(PrivacyPurgeRow, self._row())
        await connection.execute(update(PrivacyPurgeRow).where(there).values(values))

    def _row(self) -> Mapping[str, Any]:
        row: dict[str, Any] = msgspec.to_builtins(self._run)
        row.pop("id")
        return row


def _days(keep: Keep, stage: Stage) -> int | None:
    return keep.personal if stage is Stage.PERSONAL else keep.row


async def last_run(session: AsyncSession) -> Run | None:
    """Return the newest purge; None where there was none."""
    found = await list_runs(session, 1)
    return found[0] if found else None


async def list_runs(session: AsyncSession, limit: int) -> list[Run]:
    """Return the newest purges, the last one first."""
    query = select(_PURGE).order_by(_PURGE.c.id.desc()).limit(limit)
    rows = (await session.execute(query)).mappings()
    return [msgspec.convert(plain(dict(row)), Run) for row in rows]
