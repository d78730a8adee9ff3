"""No engine and nobody who starts one, for half a minute: who waits must not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from lab.chaos import processes, verdict
from lab.chaos.engine import SERVED_WITHIN_S, STANDBY_WITHIN_S
from lab.chaos.line import ChaosFailed
from lab.chaos.notes import FALLBACK, Note, times
from lab.chaos.play import Ended, Moment, Play, Stage, a_play, ending, row
from lab.chaos.verdict import Row
from lab.machine.waiting import eventually

FALLBACK_LIMIT_S = 10.0
SILENCE_LIMIT_S = 5.0
_ENDLESS = float("inf")


async def engine_gone(stage: Stage) -> Row:
    """Kill the supervisor and all engines while citizens wait; start all again later.

    There is a phone for each of them: the fallback rings none that is in a talk.
    """
    waiting, gone_s = stage.of(50, 8), float(stage.of(30, 12))
    async with a_play(stage, desks=waiting, pairs=2, listeners=waiting) as play:
        # nobody sits at these phones: only the fallback rings them
        await asyncio.gather(play.talks_begin(), play.players.phones(play.desks))
        callers = await play.players.heard(play.endpoints.listeners)

        async def all_wait() -> bool:
            return (await play.line.stages()).get("queued", 0) >= waiting

        await play.line.stands_by(STANDBY_WITHIN_S)
        await eventually(all_wait, 30.0, f"{waiting} citizens wait", error=ChaosFailed)
        up = await play.line.stages()
        moment = await nobody_serves(play)
        stage.say(f"no engine: {up}")
        await asyncio.sleep(gone_s)
        await play.line.start()
        stage.say("the line is up again")
        ended = await ending(play, SERVED_WITHIN_S, [moment])
        rang = rang_fallback(ended.phones, callers, moment.wall)
        silences = _silences(ended, callers, moment)
        broken = ended.broken(play.endpoints, [moment])
    losses = [f"{who} never rang the fallback" for who, s in rang.items() if s is None]
    losses += [f"{who} heard nothing at all" for who, s in silences.items() if s == _ENDLESS]
    late = [
        f"{who} rang the fallback after {s:.1f} s"
        for who, s in rang.items()
        if s is not None and s > FALLBACK_LIMIT_S
    ]
    late += [
        f"{who} heard nothing for {s:.1f} s"
        for who, s in silences.items()
        if SILENCE_LIMIT_S < s < _ENDLESS
    ]
    all_rang = [s for s in rang.values() if s is not None]
    return row(
        "engine_gone",
        ended,
        calls_up=sum(up.values()),
        back_s=max(all_rang) if len(all_rang) == len(rang) else None,
        losses=[*losses, *broken.cut, *verdict.cut_talks(ended.phones, ended.calls)[0]],
        late=[*late, *broken.late],
        details={
            "up": up,
            "gone_s": gone_s,
            "silence_worst_s": round(max(silences.values()), 2),
            "by_fallback": ended.by_fallback(),
            **broken.shown,
        },
    )


async def nobody_serves(play: Play) -> Moment:
    """Kill the supervisor and all engines; returns when."""
    moment = Moment.now()
    play.line.kill_up()
    for pid in processes.engines(play.line.home):
        processes.kill(pid)
    await play.line.up_has_ended()
    return moment


def rang_fallback(
    phones: Iterable[Note], callers: Iterable[str], since: float
) -> dict[str, float | None]:
    """Seconds from a moment until the fallback first rang a phone for each caller."""
    rings = times((one for one in phones if one.shown == FALLBACK and one.at > since), "rings")
    return {who: rings[who] - since if who in rings else None for who in callers}


def _silences(ended: Ended, callers: Mapping[str, int], moment: Moment) -> dict[str, float]:
    """The longest silence that each caller heard from just before the fault to the talk.

    Who had only just been put in line may hear nothing in that time, which is a silence as long.
    """
    talks, over = times(ended.phones, "talks"), times(ended.citizens, "over")
    steady = moment.steady - moment.wall
    worst = {}
    for who, port in callers.items():
        until = talks.get(who, over.get(who, _ENDLESS)) + steady
        since = moment.steady - 1.0
        gap = verdict.longest_gap(ended.heard[port].sounds, since, until)
        worst[who] = until - since if gap is None else gap
    return worst
