"""What is done to the database: PostgreSQL is stopped, SQLite is locked by somebody else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from lab.chaos import verdict
from lab.chaos.engine import SERVED_WITHIN_S
from lab.chaos.play import Ended, Moment, Play, Stage, a_play, ending, row
from lab.chaos.players import Behaviour
from lab.chaos.postgres import PostgresServer
from lab.chaos.verdict import Row

CALLS_A_SECOND = 5.0
LATER_LIMIT_S = 0.1
_BEFORE_S = (20, 4)  # full and quick: what the time of the outage is compared with
_AFTER_S = (5, 1)  # others call when it is back
_DESKS = 24
# the same for all, so that what is compared is the line alone
_SHORT = Behaviour(key_ms=(300, 300), ring_ms=(100, 500), talk_ms=(700, 1500))
Outage = Callable[[], AbstractAsyncContextManager[None]]


async def postgres_stopped(stage: Stage) -> Row:
    """PostgreSQL is stopped for a minute while citizens call."""
    folder = stage.base.with_name(f"{stage.base.name}.pg")
    folder.mkdir(parents=True)
    server = PostgresServer(folder)
    try:
        await asyncio.to_thread(server.start)
        url = server.url(await asyncio.to_thread(server.create))

        @asynccontextmanager
        async def stopped() -> AsyncIterator[None]:
            await asyncio.to_thread(server.stop)
            try:
                yield
            finally:
                await asyncio.to_thread(server.start_again)

        async with a_play(stage, desks=_DESKS, behaviour=_SHORT, database_url=url) as play:
            return await _outage("postgres_stopped", play, stopped, stage.of(60, 6))
    finally:
        await asyncio.to_thread(server.stop)


async def sqlite_locked(stage: Stage) -> Row:
    """Somebody else holds SQLite's file for 20 seconds while citizens call."""
    async with a_play(stage, desks=_DESKS, behaviour=_SHORT) as play:

        @asynccontextmanager
        async def locked() -> AsyncIterator[None]:
            other = sqlite3.connect(
                play.line.home / "ngalam112.db", isolation_level=None, timeout=10.0
            )
            try:
                other.execute("BEGIN EXCLUSIVE")
                yield
            finally:
                other.close()

        return await _outage("sqlite_locked", play, locked, stage.of(20, 4))


async def _outage(fault: str, play: Play, outage: Outage, seconds: int) -> Row:
    """Play an outage of so many seconds under a steady stream of calls."""
    await play.operators_come()
    begun = Moment.now()
    await play.players.crowd(rate=CALLS_A_SECOND)
    await asyncio.sleep(play.stage.of(*_BEFORE_S))
    up = await play.line.stages()
    gone = Moment.now()
    async with outage():
        play.stage.say(f"the database is away: {up}")
        await asyncio.sleep(seconds)
        away = Moment.now()
    play.stage.say("the database is back")
    await asyncio.sleep(play.stage.of(*_AFTER_S))
    ended = await ending(play, SERVED_WITHIN_S)
    return _judge(fault, ended, sum(up.values()), (begun, gone, away))


def _judge(fault: str, ended: Ended, up: int, moments: tuple[Moment, Moment, Moment]) -> Row:
    """Judge whether citizens were served as soon as before, and all is kept."""
    begun, gone, away = (one.wall for one in moments)
    before = verdict.delays(ended.citizens, ended.phones, begun, gone)
    during = verdict.delays(ended.citizens, ended.phones, gone, away)
    losses = verdict.cut_talks(ended.phones, ended.calls)[0]
    if before is None or during is None:
        losses.append("nobody was served before the fault, or nobody during it")
    return row(
        fault,
        ended,
        calls_up=up,
        # nobody stopped serving: to the next call that was offered
        back_s=verdict.back_s(ended.calls, ended.phones, gone),
        losses=losses,
        late=verdict.later(before, during, LATER_LIMIT_S),
        details={
            "away_s": round(away - gone, 1),
            "answered_after_ms": _shown(before, during, 0),
            "rings_after_ms": _shown(before, during, 1),
            "by_fallback": ended.by_fallback(),
        },
    )


def _shown(
    before: tuple[float, float] | None, during: tuple[float, float] | None, which: int
) -> list[int | None]:
    """A median before and during the outage, in milliseconds."""
    return [None if one is None else round(one[which] * 1000) for one in (before, during)]
