"""A surge that operators cannot serve at once, in which the engine dies; a machine without time.

Limits are those of production: most citizens wait for admission when the engine is killed.
"""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import msgspec

from lab.chaos import verdict
from lab.chaos.engine import BACK_LIMIT_S, STANDBY_WITHIN_S, fault, judged, recovered
from lab.chaos.gone import nobody_serves
from lab.chaos.line import ChaosFailed
from lab.chaos.notes import FALLBACK
from lab.chaos.play import Moment, Play, Stage, a_play, ending, row
from lab.chaos.players import Behaviour
from lab.chaos.verdict import Row
from lab.machine.busy_loops import busy_loops
from lab.machine.waiting import eventually

CALLS = (2000, 100)
RATE_CPS = (100, 60)
DESKS = (20, 10)
KILLS = (2, 1)
OUT_OF_TURN_S = 2.0
_SERVED_WITHIN_S = 300.0
_UP_WITHIN_S = 90.0
_ALL_HAVE_DIALLED_S = (10, 1)

GONE_S = (60, 8)
GONE_CALLS = (1200, 30)
GONE_CPS = (60, 20)
GONE_DESKS = (20, 6)
MOST_RINGS = 1.2
"""So many phones ring for a citizen of the fallback on average, at most."""

LEAST_SERVED = 0.2
"""So much of what the phones could serve the fallback has to serve, from the kill on."""

LOOPS = 4
LOOPS_S = (15, 4)
AT_ONCE = (320, 40)
_WINDOW_S = (10, 4)
BACK_TO_NORMAL_S = 5.0
AS_BEFORE = 0.7
"""So much of what was served in a second before must be served again."""


async def engine_killed_in_a_surge(stage: Stage) -> Row:
    """kill -9 of the engine while ten times as many citizens wait as there are operators.

    In a short play the line is starved afterwards, as in `starved`.
    """
    calls, kills = stage.of(*CALLS), stage.of(*KILLS)
    talk_ms = (1000, 1400) if not stage.quick else (600, 900)
    behaviour = Behaviour(key_ms=(200, 400), ring_ms=(100, 300), talk_ms=talk_ms)
    async with a_play(stage, desks=stage.of(*DESKS), pairs=2, behaviour=behaviour) as play:
        await play.all_come()
        await play.line.stands_by(STANDBY_WITHIN_S)
        await play.players.crowd(calls=calls, rate=float(stage.of(*RATE_CPS)))
        up = [await _up(play, round(calls * 0.6))]
        await asyncio.sleep(stage.of(*_ALL_HAVE_DIALLED_S))
        faults = []
        for number in range(kills):
            if number:
                up.append(await play.line.stages())
            moment, _ = await fault(play, signal.SIGKILL)
            faults.append(moment)
            stage.say(f"killed: {up[-1]}")
            await recovered(play)
        late, more = [], {}
        if stage.quick:
            # talks that go on beside the loops would excuse gaps at the kill
            await play.talks_end(faults)
            starving = await _starve(play)
            late, more = starving.late(), starving.details()
        ended = await ending(play, _SERVED_WITHIN_S, faults)
        # with those who were in the menu, or not known yet, at the moment of a kill
        passed = verdict.passed(ended.citizens, ended.phones, OUT_OF_TURN_S)
        return judged(
            "engine_killed_in_a_surge",
            play,
            ended,
            faults,
            up,
            BACK_LIMIT_S,
            late=late,
            passed=len(passed),
            **more,
        )


async def engine_gone_in_a_surge(stage: Stage) -> Row:
    """No engine and nobody who starts one, for a minute, while ten times too many citizens call."""
    behaviour = Behaviour(key_ms=(200, 400), ring_ms=(100, 300), talk_ms=(1000, 1400))
    gone_s, calls = stage.of(*GONE_S), stage.of(*GONE_CALLS)
    async with a_play(stage, desks=stage.of(*GONE_DESKS), behaviour=behaviour) as play:
        await play.operators_come()
        await play.line.stands_by(STANDBY_WITHIN_S)
        await play.players.crowd(calls=calls, rate=float(stage.of(*GONE_CPS)))
        up = await _up(play, round(calls * 0.2))
        moment = await nobody_serves(play)
        stage.say(f"no engine: {up}")
        await asyncio.sleep(gone_s)
        during = _served(play, gone_s)
        await play.line.start()
        stage.say(f"the line is up again; served without an engine: {during:.1f} a second")
        ended = await ending(play, _SERVED_WITHIN_S)
    rings = [one for one in ended.phones if one.what == "rings" and one.shown == FALLBACK]
    rang = {one.citizen for one in rings}
    each = len(rings) / len(rang) if rang else 0.0
    losses = [] if rang else ["the fallback has rung for nobody"]
    talk_s = sum(behaviour.talk_ms) / 2000
    if during < LEAST_SERVED * stage.of(*GONE_DESKS) / talk_s:
        losses.append(f"without an engine only {during:.1f} calls a second were served")
    if each > MOST_RINGS:
        losses.append(f"the fallback rang {each:.2f} phones for each citizen")
    return row(
        "engine_gone_in_a_surge",
        ended,
        calls_up=sum(up.values()),
        back_s=verdict.back_s(ended.calls, ended.phones, moment.wall),
        losses=losses,
        details={
            "up": up,
            "gone_s": gone_s,
            "served_cps_without_engine": round(during, 1),
            "by_fallback": ended.by_fallback(),
            "rings_each": round(each, 2),
            "passed": len(verdict.passed(ended.citizens, ended.phones, OUT_OF_TURN_S)),
        },
    )


async def _up(play: Play, count: int) -> dict[str, int]:
    """Wait until so many calls are up; return how many are in which stage."""
    seen: dict[str, int] = {}

    async def there() -> bool:
        nonlocal seen
        seen = await play.line.stages()
        return sum(seen.values()) >= count

    await eventually(there, _UP_WITHIN_S, f"{count} calls are up", error=ChaosFailed)
    return seen


class Starving(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls were served in a second: before busy loops, during them and after.

    `up`: the calls at the loops' begin, by their stage; `begun`: when that was.
    """

    before: float
    during: float
    after: float
    up: dict[str, int]
    begun: Moment

    def late(self) -> list[str]:
        """Say if the line did not get back to what it served before."""
        if self.after >= AS_BEFORE * self.before:
            return []
        return [
            f"{self.after:.1f} calls a second were served from {BACK_TO_NORMAL_S:g} s after the "
            f"loops' end on, and {self.before:.1f} before"
        ]

    def details(self) -> dict[str, Any]:
        """The figures, for people."""
        served = {"before": self.before, "during": self.during, "after": self.after}
        return {"served_cps": {name: round(value, 1) for name, value in served.items()}}


async def _starve(play: Play) -> Starving:
    """Run processes that never sleep, beside a line in which everybody talks and many wait."""
    stage = play.stage
    window_s, loops_s = stage.of(*_WINDOW_S), stage.of(*LOOPS_S)
    await play.players.crowd(at_once=stage.of(*AT_ONCE), rate=50.0)
    up = await _up(play, round(stage.of(*AT_ONCE) * 0.9))
    await asyncio.sleep(window_s)  # what is measured: calls served as ever
    before = _served(play, window_s)
    begun = Moment.now()
    with busy_loops(LOOPS):
        stage.say(f"{LOOPS} busy loops: {up}")
        await asyncio.sleep(loops_s)
        during = _served(play, loops_s)
    await asyncio.sleep(BACK_TO_NORMAL_S + window_s)
    after = _served(play, window_s)
    stage.say(f"served in a second: {before:.1f} before, {during:.1f} during, {after:.1f} after")
    return Starving(before=before, during=during, after=after, up=up, begun=begun)


async def starved(stage: Stage) -> Row:
    """Four processes that never sleep, beside a line in which everybody talks and many wait."""
    behaviour = Behaviour(key_ms=(200, 400), ring_ms=(100, 300), talk_ms=(1000, 1400))
    async with a_play(stage, desks=stage.of(60, 16), behaviour=behaviour) as play:
        await play.operators_come()
        await play.line.stands_by(STANDBY_WITHIN_S)
        starving = await _starve(play)
        ended = await ending(play, _SERVED_WITHIN_S)
    return row(
        "starved",
        ended,
        calls_up=sum(starving.up.values()),
        back_s=verdict.back_s(ended.calls, ended.phones, starving.begun.wall),
        late=starving.late(),
        details={
            "up": starving.up,
            **starving.details(),
            "passed": len(verdict.passed(ended.citizens, ended.phones, OUT_OF_TURN_S)),
            "by_fallback": ended.by_fallback(),
        },
    )


def _served(play: Play, seconds: float) -> float:
    """How many talks began in each of the last so many seconds."""
    since = time.time() - seconds
    return (
        sum(note.what == "talks" and note.at > since for note in play.players.phones_notes())
        / seconds
    )
