"""Measure 2b: what a call costs in CPU, of all peers at the same time on the same machine.

The machine's speed changes from minute to minute by more than most changes of ours gain or lose.
Here that meets all peers alike: two lines of the same kind are within half a percent of each other
for Asterisk. The machine is not full and operators are free, so nobody polls and nobody hears music
for long; that is what app_queue costs least with.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

import msgspec

from ngalam112.bench import figures, throughput
from ngalam112.bench.latency import completed
from ngalam112.bench.load import Play, play
from ngalam112.bench.stage import Figures, Stage

PEERS = ("app_queue", "ours")
AT_ONCE = 60
"""Calls of one peer, so 25 or so begin and end in a second."""

Runs = dict[str, dict[str, list[float]]]


def a_play(window_s: float) -> Play:
    """Return the load of each peer: the short talks of the throughput, far from full."""
    whole = throughput.a_play(window_s)
    return msgspec.structs.replace(whole, at_once=AT_ONCE, rate=40.0, warm_s=6.0)


async def measure(stage: Stage) -> Figures:
    """Play both peers together, as often as there are pairs."""
    runs: Runs = {name: defaultdict(list) for name in PEERS}
    peers = [await stage.peer(name) for name in PEERS]
    what = a_play(stage.window_s(20.0, 6.0))
    for pair in range(stage.pairs):
        windows = [throughput.CpuWindow() for _ in peers]
        together = zip(peers, windows, strict=True)
        notes = await asyncio.gather(
            *(play(peer, what, stage.random("beside", pair), window) for peer, window in together)
        )
        for peer, window, noted in zip(peers, windows, notes, strict=True):
            calls = completed(noted.citizens, noted.begun, noted.ended)
            one = throughput.of_a_call(calls, noted.seconds, window)
            for name, value in one.items():
                runs[peer.name][name].append(value)
            stage.say(f"beside, {peer.name}: {throughput.in_words(one)}")
    return summed_up(runs)


def summed_up(runs: Runs) -> Figures:
    """Return the values of each peer, and of each pair Asterisk's CPU over app_queue's. Pure."""
    ours, other = (runs[name]["asterisk"] for name in ("ours", "app_queue"))
    return {
        "beside_runs": {name: dict(one) for name, one in runs.items()},
        "beside_asterisk_ratio": figures.ratios(ours, other),
    }
