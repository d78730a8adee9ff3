"""One scenario's play: a line, its people and its endpoints, and what is known when all is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from sqlalchemy import func, select

from acd.calls.record import Outcome
from lab.actors.sipp import SippResult
from lab.chaos import gaps, verdict
from lab.chaos.line import ChaosLine, Say, line_settings
from lab.chaos.notes import Note, times
from lab.chaos.players import QUICK, Behaviour, Players
from lab.chaos.rtp_endpoints import Heard, RtpEndpoints
from lab.chaos.verdict import Row
from lab.machine.stalls import stalls
from lab.machine.waiting import comes_true
from lab.machine.wallclock import WallClock
from lab.storm.report import what_is_kept
from lab.storm.verdict import missing
from models.database import Database
from models.tables import CallRow
from ngalam112.config.settings import Settings
from pbx.programs import Programs
from reports.calls import CallHistory

# a database that was away is tried again up to 15 s later, and has thousands of entries to take
RECORDED_WITHIN_S = 90.0
EMPTY_WITHIN_S = 15.0
# what no record may say of its end; "unknown" is not there: who hung up while no engine lived was
# seen by nobody
NO_END = (None, "line_stopped")
_EDGE_S = 0.1
AROUND_S = (0.5, 5.0)  # before and after a fault: where a gap in a talk is the fault's


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """What every scenario is given. `base`: the folder for the state of its line."""

    base: Path
    sounds: Path
    programs: Programs
    random: Random
    quick: bool
    timezone: str
    say: Say

    def of(self, full: int, quick: int) -> int:
        """The full figure, or the quick one."""
        return quick if self.quick else full


class Moment(msgspec.Struct, frozen=True):
    """One moment on both clocks: seconds since the epoch, and of time.monotonic()."""

    wall: float
    steady: float

    @classmethod
    def now(cls) -> Moment:
        """This moment."""
        return cls(time.time(), time.monotonic())


class Play(msgspec.Struct, frozen=True):
    """A line that is up since `since` (of time.monotonic()), and its people."""

    stage: Stage
    line: ChaosLine
    players: Players
    endpoints: RtpEndpoints
    since: float

    @property
    def desks(self) -> list[str]:
        """The phones whose talk nobody hears."""
        return list(self.line.operators)[len(self.endpoints.phones) :]

    @property
    def heard_desks(self) -> list[str]:
        """The phones that are heard."""
        return list(self.line.operators)[: len(self.endpoints.phones)]

    async def talks_begin(self) -> None:
        """Let each heard citizen talk with a heard operator, until `ending`."""
        await self.players.heard_phones(self.heard_desks, self.endpoints)
        await self.line.log_in(self.heard_desks)
        await self.players.heard(self.endpoints.citizens)
        await self.players.talking(len(self.endpoints.citizens), 30.0)

    async def talks_end(self, faults: Sequence[Moment]) -> None:
        """Let the heard talks end, once a gap in them would not be the last fault's any more."""
        if faults:
            until = faults[-1].steady + AROUND_S[1] + _EDGE_S
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        await self.players.heard_talks_end()

    async def all_come(self) -> None:
        """Let the heard talks begin, and all other operators come as soon as nobody takes these."""
        await asyncio.gather(self.talks_begin(), self.players.phones(self.desks))
        await self.line.log_in(self.desks)

    async def operators_come(self) -> None:
        """Register all other phones and log their operators in."""
        await self.players.phones(self.desks)
        await self.line.log_in(self.desks)


@asynccontextmanager
async def a_play(
    stage: Stage,
    *,
    desks: int,
    pairs: int = 0,
    listeners: int = 0,
    behaviour: Behaviour | None = None,
    clock: WallClock | None = None,
    **changes: Any,
) -> AsyncIterator[Play]:
    """A line with `desks` phones, and `pairs` more that are heard; all is gone afterwards."""
    settings = line_settings(stage.base, stage.timezone, **changes)
    async with (
        ChaosLine(settings, stage.programs, stage.sounds, desks + pairs, clock) as line,
        RtpEndpoints(pairs, pairs, listeners) as endpoints,
        Players(
            line, stage.random, behaviour or (QUICK if stage.quick else Behaviour())
        ) as players,
    ):
        stage.say("the line is up")
        yield Play(stage, line, players, endpoints, time.monotonic())


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known once the last citizen has gone and every record is written.

    `stalls`: when the machine stood still since the line was up.
    """

    sipp: Sequence[SippResult]
    citizens: Sequence[Note]
    phones: Sequence[Note]
    calls: Sequence[CallHistory]
    heard: dict[int, Heard]
    channels: int
    bridges: int
    stalls: Sequence[tuple[float, float]] = ()

    @property
    def offered(self) -> list[str]:
        """Everybody who has dialled."""
        return list(times(self.citizens, "dialled"))

    @property
    def stalls_s(self) -> float:
        """For how many seconds the machine stood still."""
        return round(sum(end - begin for begin, end in self.stalls), 2)

    def lost(self) -> list[str]:
        """Who was lost; never fewer than SIPp counts as failed."""
        failed = sum(one.failed for one in self.sipp)
        wrong = verdict.lost(self.citizens, self.phones)
        uncounted = failed - len(wrong)
        return wrong + ["SIPp counts one more call as failed"] * uncounted

    def missing(self) -> list[str]:
        """What is wrong with the records."""
        return missing(self.offered, self.calls, NO_END)

    def left(self) -> list[str]:
        """What Asterisk still holds."""
        if not self.channels and not self.bridges:
            return []
        return [f"Asterisk still holds {self.channels} channels and {self.bridges} bridges"]

    def by_fallback(self) -> int:
        """How many the fallback has served."""
        by_fallback = (Outcome.FALLBACK, Outcome.LOST_FALLBACK)
        return sum(one.record.outcome in by_fallback for one in self.calls)

    def broken(self, endpoints: RtpEndpoints, faults: Sequence[Moment]) -> gaps.Broken:
        """Judge whose talk was not heard all the time."""
        both = (*endpoints.citizens, *endpoints.phones)
        heard = {f"endpoint {index}": self.heard[port] for index, port in enumerate(both)}
        return gaps.judge(heard, [one.steady for one in faults], AROUND_S, self.stalls)


async def ending(play: Play, within: float, faults: Sequence[Moment] = ()) -> Ended:
    """Wait until all have gone and all is written; then read what was noted, kept and heard.

    Those who are heard talk for as long as a gap would be the fault's, while others are served.
    """
    serving = asyncio.create_task(play.players.all_served(within))
    try:
        await play.talks_end(faults)
        sipp = await serving
    finally:
        serving.cancel()
    play.stage.say("the last citizen has gone")
    citizens = play.players.citizens_notes()
    channels, bridges = await _held(play.line)
    offered = len(times(citizens, "dialled"))
    await comes_true(lambda: _recorded(play.line.settings, offered), RECORDED_WITHIN_S, every=0.2)
    calls, _ = await what_is_kept(play.line.settings)
    return Ended(
        sipp=sipp,
        citizens=citizens,
        phones=play.players.phones_notes(),
        calls=calls,
        heard=await play.endpoints.heard(),
        channels=channels,
        bridges=bridges,
        stalls=stalls(play.since),
    )


async def _held(line: ChaosLine) -> tuple[int, int]:
    seen = (-1, -1)

    async def empty() -> bool:
        nonlocal seen
        seen = await line.held() or (-1, -1)
        return seen == (0, 0)

    await comes_true(empty, EMPTY_WITHIN_S, every=0.1)
    return seen


async def _recorded(settings: Settings, calls: int) -> bool:
    query = select(func.count()).where(CallRow.ended_at.is_not(None))
    async with Database(settings.url) as database, database.session() as session:
        return int(await session.scalar(query) or 0) >= calls


def row(
    fault: str,
    ended: Ended,
    *,
    calls_up: int,
    back_s: float | None,
    details: dict[str, Any],
    losses: Sequence[str] = (),
    late: Sequence[str] = (),
) -> Row:
    """Put the verdict on a fault together.

    `losses`: beside who was lost and what is missing. `late`: time bounds that were broken.
    """
    lost, records = ended.lost(), ended.missing()
    all_wrong = [*lost, *records, *ended.left(), *losses, *late]
    return Row(
        fault=fault,
        calls_up=calls_up,
        lost=len(lost),
        back_s=None if back_s is None else round(back_s, 2),
        records_missing=len(records),
        held=not all_wrong,
        details={"calls": len(ended.offered), **details},
        wrong=all_wrong,
        late=list(late),
        stalls_s=ended.stalls_s,
    )
