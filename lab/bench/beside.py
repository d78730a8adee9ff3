"""Measure 2b: what a call costs in CPU, of all peers at the same time on the same machine.

The machine's speed changes from minute to minute by more than most changes of ours gain or lose.
Here that meets all peers alike: two lines of the same kind are within half a percent of each other
for Asterisk. The machine is not full and operators are free, so nobody polls and nobody hears music
for long; that is what app_queue costs least with.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from lab.bench import figures, throughput
from lab.bench.latency import completed
from lab.bench.load import Noted, Play, Window, play
from lab.bench.stage import Figures, Stage

PEERS = ("app_queue", "ours")
AT_ONCE = 60
"""Calls of one peer, so 25 or so begin and end in a second."""

Runs = dict[str, dict[str, list[float]]]


class Together(msgspec.Struct, frozen=True):
    """What the people of each peer noted, at the same time."""

    notes: Sequence[Noted]

    @property
    def stalls_s(self) -> float:
        """For how long the machine stood still, in the window in which it did so longest."""
        return max(one.stalls_s for one in self.notes)


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

        async def together(pair: int = pair, windows: Sequence[Window] = windows) -> Together:
            plays = (
                play(peer, what, stage.random("beside", pair), window)
                for peer, window in zip(peers, windows, strict=True)
            )
            return Together(await asyncio.gather(*plays))

        found = await stage.undisturbed("beside", together)
        for peer, window, noted in zip(peers, windows, found.notes, strict=True):
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
