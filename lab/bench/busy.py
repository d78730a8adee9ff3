"""Measure 9: what is served while others take the processor from a line that is already busy.

200 operators and 320 calls at once, as for the throughput; in the middle four processes that never
sleep run for 15 s. Served calls are counted before, during, and from five seconds after their end:
a line that comes back late has a fault of its own. Each pair has a fresh line of both; no limit of
ours is the bound but what the machine can do.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence

import msgspec

from lab.bench import figures
from lab.bench.load import Play, citizens_of, phones_of, read_run
from lab.bench.peers import Peer
from lab.bench.stage import Figures, Stage
from lab.bench.surge import a_peer
from lab.chaos import processes
from lab.chaos.notes import Note
from lab.machine.busy_loops import busy_loops

LOOPS = 4
OPERATORS, AT_ONCE = 200, 320
QUICK_OPERATORS, QUICK_AT_ONCE = 20, 40
TALK_MS = (1000, 1400)
BACK_WITHIN_S = 5.0
_WARM_S, _CALM_S, _LOOPS_S = 10.0, 10.0, 15.0


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """Calls a second that were served before the loops, beside them, and soon after their end."""

    before: float
    during: float
    after: float
    asterisk_lives: bool = True


async def measure(stage: Stage) -> Figures:
    """Play both by turns; ours over app_queue's, and after over before, of each pair."""
    runs: dict[str, list[Busy]] = {"app_queue": [], "ours": []}
    for pair in range(stage.pairs):
        for kind, found in runs.items():
            async with a_peer(kind, f"busy_{pair}", stage.ground, production=False) as peer:
                one = await play(peer, stage, pair)
            found.append(one)
            stage.say(f"{LOOPS} busy loops, {kind}: {words(one)}")
    return {"busy": summed_up(runs)}


def summed_up(runs: dict[str, list[Busy]]) -> Figures:
    """Return the runs of each, and what the bounds are about. Pure."""
    ours, queue = runs["ours"], runs["app_queue"]
    return {
        "runs": {
            kind: [msgspec.structs.asdict(one) for one in all_] for kind, all_ in runs.items()
        },
        "during_ratio": figures.ratios([one.during for one in ours], [one.during for one in queue]),
        # a line that served nobody before has not come back either
        "back_ratio": [one.after / one.before if one.before else 0.0 for one in ours],
        "dead": sum(not one.asterisk_lives for one in ours),
    }


def words(one: Busy) -> str:
    """One run in words."""
    text = f"{one.before:.1f} calls a second before, {one.during:.1f} during, {one.after:.1f} after"
    return text if one.asterisk_lives else f"{text}; Asterisk is DEAD"


async def play(peer: Peer, stage: Stage, pair: int) -> Busy:
    """Keep the line busy, take the processor from it, and give it back."""
    operators = QUICK_OPERATORS if stage.quick else OPERATORS
    at_once = QUICK_AT_ONCE if stage.quick else AT_ONCE
    await peer.on_duty(operators)
    work, random = peer.settings.home / "sipp", stage.random("busy", pair)
    what = Play(operators=operators, talk_ms=TALK_MS, at_once=at_once, rate=100.0)
    calm_s, loops_s = stage.window_s(_CALM_S, 5.0), stage.window_s(_LOOPS_S, 5.0)
    async with (
        phones_of(peer, work, what, random, yields=False) as phones,
        citizens_of(peer, work, what, random, yields=False) as citizens,
    ):
        await asyncio.sleep(stage.window_s(_WARM_S, 5.0))
        moments = [time.time()]
        await asyncio.sleep(calm_s)
        moments.append(time.time())
        with busy_loops(LOOPS):
            await asyncio.sleep(loops_s)
            moments.append(time.time())
        await asyncio.sleep(BACK_WITHIN_S)
        moments.append(time.time())
        await asyncio.sleep(calm_s)
        moments.append(time.time())
        lives = processes.asterisk(peer.settings.home) is not None
        notes = read_run(phones)
        citizens.no_more_calls()
        if lives:
            await peer.hang_up_all()
    before, during, _, after = served(notes, moments)
    return Busy(before=before, during=during, after=after, asterisk_lives=lives)


def served(notes: Sequence[Note], moments: Sequence[float]) -> list[float]:
    """Talks that began a second, between each two moments that follow each other. Pure."""
    talks = [one.at for one in notes if one.what == "talks"]
    return [
        sum(since < at <= until for at in talks) / (until - since)
        for since, until in itertools.pairwise(moments)
    ]
