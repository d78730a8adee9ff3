"""Measure 4: what grows with the queue: 10, 100, 500 and 2,000 calls that wait, 20 operators.

The load of measure 1, with so many calls to spare: how long a free operator waits, how long a
citizen waits for the 200, how many cores are used, and the engine's memory. Without music, for
Asterisk's own share of it (2.7 ms of CPU a second for each who waits, with any peer) fills two
cores at 740 calls; and with the line's default capacity, so announcements are shed.
"""

from __future__ import annotations

from lab.bench import figures
from lab.bench.free_operator import PEERS, a_play, in_words
from lab.bench.latency import answers, completed, free_operator
from lab.bench.load import Noted, play
from lab.bench.peers import Peer
from lab.bench.stage import SILENT, Figures, Stage
from lab.bench.throughput import CpuWindow
from lab.chaos import processes

WAITING = (10, 100, 500, 2000)
QUICK_WAITING = (100,)
OPERATORS = 20
_SHORT = 100


class _GrowthWindow(CpuWindow):
    """CPU, and the engine's memory at the window's end."""

    engine_kb = 0

    def close(self, peer: Peer) -> None:
        super().close(peer)
        if peer.engine_pid is not None:
            self.engine_kb = processes.resident_kb(peer.engine_pid)


async def measure(stage: Stage) -> Figures:
    """Play every length of the queue by turns; the long ones, which take long to fill, once."""
    found: Figures = {name: {} for name in PEERS}
    for waiting in QUICK_WAITING if stage.quick else WAITING:
        for pair in range(1 if stage.quick or waiting > _SHORT else min(stage.pairs, 2)):
            for name in PEERS:
                peer = await stage.peer(name + SILENT)
                one = await _once(stage, peer, waiting, pair)
                found[name].setdefault(str(waiting), []).append(one)
    return {"growth": {name: _merged(by_waiting) for name, by_waiting in found.items()}}


async def _once(stage: Stage, peer: Peer, waiting: int, pair: int) -> Figures:
    window = _GrowthWindow()
    what = a_play(OPERATORS, stage.window_s(10.0, 6.0), waiting)

    async def whole() -> Noted:
        return await play(peer, what, stage.random("growth", waiting, pair), window)

    name = f"growth, {waiting} waiting, {peer.name}"
    noted = await stage.undisturbed(name, whole)
    free = free_operator(noted.phones, noted.begun, noted.ended)
    answer = answers(noted.citizens, noted.begun, noted.ended)
    calls = completed(noted.citizens, noted.begun, noted.ended)
    stage.say(f"{name}: {in_words(free)}")
    one: Figures = {"cps": calls / noted.seconds, "free": free, "answer": answer}
    one |= {f"{part}_cores": used / noted.seconds for part, used in window.used.items()}
    if window.engine_kb:
        one["engine_mb"] = window.engine_kb / 1024
    return one


def _merged(by_waiting: dict[str, list[Figures]]) -> Figures:
    """Return percentiles over all pairs, and the medians of the rest. Pure."""
    found: Figures = {}
    for waiting, runs in by_waiting.items():
        found[waiting] = {
            name: figures.median([run[name] for run in runs])
            for name in runs[0]
            if name not in ("free", "answer")
        }
        for name in ("free", "answer"):
            pooled = [value for run in runs for value in run[name]]
            if pooled:
                found[waiting][f"{name}_p50_ms"] = figures.percentile(pooled, 0.5)
                found[waiting][f"{name}_p99_ms"] = figures.percentile(pooled, 0.99)
    return found
