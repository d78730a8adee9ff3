"""What is done to the engine: killed, killed again while it recovers, frozen."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Sequence
from typing import Any

from lab.chaos import processes, verdict
from lab.chaos.line import ChaosFailed
from lab.chaos.notes import times
from lab.chaos.play import Ended, Moment, Play, Stage, a_play, ending, row
from lab.chaos.verdict import Row
from lab.machine.waiting import comes_true, eventually

BACK_LIMIT_S = 2.0
# the heart stops for 3 s, and then as above
BACK_FROZEN_LIMIT_S = 5.0
RINGS_LIMIT_S = 5.0
REPLACED_LIMIT_S = 15.0
STAGES = ("menu", "queued", "ringing", "talking")
STANDBY_WITHIN_S = 20.0
SERVED_WITHIN_S = 180.0
# from when another engine stands by until the next kill
_APART_S, _QUICK_S = (0.5, 4.0), (0.2, 1.5)
_SERVES_S = 3.0  # others call, whom the next engine serves


async def all_stages(play: Play, count: int, within: float = 60.0) -> dict[str, int]:
    """Wait for a moment in which so many calls are up, some in each stage."""
    seen: dict[str, int] = {}

    async def there() -> bool:
        nonlocal seen
        seen = await play.line.stages()
        return sum(seen.values()) >= count and all(seen.get(stage) for stage in STAGES)

    found, limit = await comes_true(there, within)
    if not found:
        raise ChaosFailed(f"{count} calls in all stages: not within {limit}; last seen: {seen}")
    return seen


async def fault(play: Play, number: signal.Signals) -> tuple[Moment, int]:
    """Send a signal to the engine that serves; return when, and to which process."""
    pid = play.line.engine()
    if pid is None:
        raise ChaosFailed("No engine serves that could be killed.")
    moment = Moment.now()
    processes.kill(pid, number)
    return moment, pid


async def recovered(play: Play) -> bool:
    """Wait until the line serves again and another engine stands by."""
    await eventually(play.line.served, 30.0, "the line serves again", error=ChaosFailed)
    return await play.line.stands_by(STANDBY_WITHIN_S)


def judged(
    fault: str,
    play: Play,
    ended: Ended,
    faults: Sequence[Moment],
    up: Sequence[dict[str, int]],
    limit_s: float,
    losses: Sequence[str] = (),
    late: Sequence[str] = (),
    **details: Any,
) -> Row:
    """Judge what a death of the engine has cost: order, gaps, the time without service."""
    broken = ended.broken(play.endpoints, faults)
    turns = [one for at in faults for one in verdict.out_of_turn(ended.calls, at.wall)]
    backs = [verdict.back_s(ended.calls, ended.phones, at.wall) for at in faults]
    never = [
        f"no engine offered a call after fault {index + 1}"
        for index, back in enumerate(backs)
        if back is None
    ]
    slow = [
        f"no engine offered a call within {limit_s:g} s of fault {index + 1} ({back:.2f} s)"
        for index, back in enumerate(backs)
        if back is not None and back > limit_s
    ]
    worst = None if None in backs else max(back for back in backs if back is not None)
    cut, vain = verdict.cut_talks(ended.phones, ended.calls)
    return row(
        fault,
        ended,
        calls_up=min(sum(one.values()) for one in up),
        back_s=worst,
        losses=[*turns, *broken.cut, *never, *cut, *losses],
        late=[*broken.late, *slow, *late],
        details={
            "faults": len(faults),
            "up": list(up),
            "out_of_turn": len(turns),
            "cut_talks": len(cut),
            "answered_in_vain": vain,
            **broken.shown,
            "backs_s": [None if back is None else round(back, 2) for back in backs],
            "by_fallback": ended.by_fallback(),
            **details,
        },
    )


async def engine_killed(stage: Stage) -> Row:
    """kill -9 of the engine that serves, again and again, with calls in all stages.

    In a short play the last kill is followed by one of the next engine, in its recovery.
    """
    kills, calls = stage.of(20, 2), stage.of(100, 16)
    faults: list[Moment] = []
    up: list[dict[str, int]] = []
    stood_by = True
    async with a_play(stage, desks=stage.of(16, 6), pairs=stage.of(4, 2)) as play:
        await play.all_come()
        await play.players.crowd(at_once=calls - len(play.endpoints.citizens))
        for number in range(1, kills + 1):
            twice = stage.quick and number == kills
            stood_by &= await play.line.stands_by(STANDBY_WITHIN_S, count=1 + twice)
            await asyncio.sleep(stage.random.uniform(*(_QUICK_S if stage.quick else _APART_S)))
            up.append(await all_stages(play, round(calls * 0.9)))
            if twice:
                faults.append(await _killed_again(play, up[-1]))
            else:
                moment, _ = await fault(play, signal.SIGKILL)
                faults.append(moment)
                stage.say(f"killed: {up[-1]}")
            stood_by &= await recovered(play)
        if stage.quick:
            await asyncio.sleep(_SERVES_S)
        ended = await ending(play, SERVED_WITHIN_S, faults)
        return judged("engine_killed", play, ended, faults, up, BACK_LIMIT_S, stood_by=stood_by)


async def engine_killed_again(stage: Stage) -> Row:
    """kill -9 of the engine, and of the next one in the middle of its recovery."""
    calls = stage.of(100, 16)
    async with a_play(stage, desks=stage.of(16, 6), pairs=2) as play:
        await play.all_come()
        await play.players.crowd(at_once=calls - 2)
        await play.line.stands_by(STANDBY_WITHIN_S, count=2)
        up = await all_stages(play, round(calls * 0.9))
        second = await _killed_again(play, up)
        stood_by = await recovered(play)
        await asyncio.sleep(_SERVES_S)
        ended = await ending(play, SERVED_WITHIN_S, [second])
        return judged(
            "engine_killed_again",
            play,
            ended,
            [second],
            [up],
            BACK_LIMIT_S,
            stood_by=stood_by,
        )


async def _killed_again(play: Play, up: dict[str, int]) -> Moment:
    """Kill the engine that serves, and the next one in its recovery; returns when that was."""
    first, pid = await fault(play, signal.SIGKILL)

    def next_one() -> bool:
        return play.line.engine() not in (None, pid)

    what = "another engine serves"
    await eventually(next_one, 30.0, what, every=0.005, error=ChaosFailed)
    await asyncio.sleep(play.stage.random.uniform(0.0, 0.3))
    second, _ = await fault(play, signal.SIGKILL)
    play.stage.say(f"killed, and again {second.steady - first.steady:.2f} s later: {up}")
    return second


async def engine_frozen(stage: Stage) -> Row:
    """SIGSTOP of the engine that serves; a citizen dials in that moment."""
    calls = stage.of(100, 16)
    async with a_play(stage, desks=stage.of(16, 6), pairs=stage.of(4, 2)) as play:
        await play.all_come()
        await play.players.crowd(at_once=calls - len(play.endpoints.citizens))
        await play.line.stands_by(STANDBY_WITHIN_S)
        up = await all_stages(play, round(calls * 0.9))
        moment, pid = await fault(play, signal.SIGSTOP)
        stage.say(f"frozen: {up}")
        try:
            await play.players.crowd(calls=1)
            replaced, _ = await comes_true(lambda: not processes.lives(pid), REPLACED_LIMIT_S)
            replaced_s = round(time.monotonic() - moment.steady, 2)
            await recovered(play)
        finally:
            processes.kill(pid, signal.SIGCONT)
        ended = await ending(play, SERVED_WITHIN_S, [moment])
        probe = _ring_of_newest(ended, moment)
        losses, late = [], []
        if not replaced:
            late.append(f"the frozen engine was not replaced within {REPLACED_LIMIT_S:g} s")
        if probe is None:
            losses.append("who dialled a frozen engine rang no phone")
        elif probe > RINGS_LIMIT_S:
            late.append(f"who dialled a frozen engine rang a phone after {probe} s")
        return judged(
            "engine_frozen",
            play,
            ended,
            [moment],
            [up],
            BACK_FROZEN_LIMIT_S,
            losses,
            late,
            new_caller_rings_s=probe,
            replaced_s=replaced_s if replaced else None,
        )


def _ring_of_newest(ended: Ended, since: Moment) -> float | None:
    """Seconds until a phone rang for the first citizen who dialled after the fault."""
    dialled = {who: at for who, at in times(ended.citizens, "dialled").items() if at > since.wall}
    if not dialled:
        return None
    who = min(dialled, key=lambda one: dialled[one])
    rang = times(ended.phones, "rings").get(who)
    return None if rang is None else round(rang - dialled[who], 2)
