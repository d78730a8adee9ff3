"""Measure 8: calls served a second while half to six times as many come as can be served.

What a line does beyond its capacity decides whether it lives through a surge: served calls that
stay level are good, fewer and fewer are a collapse. 20 operators as in a surge; a fresh line for
each point, ours and app_queue by turns.
"""

from __future__ import annotations

import asyncio
import time

from lab.bench.load import Play, phones_of, read_run
from lab.bench.peers import Peer
from lab.bench.stage import Figures, Stage
from lab.bench.surge import OPERATORS, TALK_MS, Wave, a_peer, citizens_of
from lab.chaos import processes

CAPACITY_CPS = OPERATORS * 2000 / sum(TALK_MS)
"""What the operators can serve if they never wait for the line."""
TIMES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
QUICK_TIMES = (0.5, 3.0)
WARM_S, WINDOW_S = 5.0, 15.0
_MORE_S = 5.0  # so that calls begin to the very end of the window
_LIMIT_S = 120.0


async def measure(stage: Stage) -> Figures:
    """Play every point against both; calls served a second, by how many times capacity came."""
    found: dict[str, dict[str, float]] = {"app_queue": {}, "ours": {}}
    for often in QUICK_TIMES if stage.quick else TIMES:
        for kind, served in found.items():
            async with a_peer(kind, f"offered_{often:g}", stage.ground) as peer:
                served[f"{often:g}"] = round(await play(peer, stage, often), 2)
            offered = often * CAPACITY_CPS
            said = f"{served[f'{often:g}']:.1f} served of {offered:.1f} calls a second"
            stage.say(f"{often:g} times what can be served, {kind}: {said}")
    return {"goodput_cps": found}


async def play(peer: Peer, stage: Stage, often: float) -> float:
    """Let so many times as many come as can be served; calls served a second in the window."""
    await peer.on_duty(OPERATORS)
    wave = Wave(rate=often * CAPACITY_CPS, seconds=WARM_S + WINDOW_S + _MORE_S)
    work, random = peer.settings.home / "sipp", stage.random("offered", often)
    what = Play(operators=OPERATORS, talk_ms=TALK_MS, at_once=wave.calls)
    async with (
        phones_of(peer, work, what, random) as phones,
        citizens_of(peer, stage, wave, _LIMIT_S) as citizens,
    ):
        await asyncio.sleep(WARM_S)
        begun = time.time()
        await asyncio.sleep(WINDOW_S)
        ended = time.time()
        citizens.no_more_calls()
        talks = [one for one in read_run(phones) if one.what == "talks" and begun < one.at <= ended]
        if processes.asterisk(peer.settings.home) is None:
            return 0.0  # whatever it has served until then, nobody is served any more
        await peer.hang_up_all()
    return len(talks) / (ended - begun)
