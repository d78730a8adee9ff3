"""Measure 2: how many calls a second, and what a call costs Asterisk and the engine in CPU.

200 operators, and as many calls at once as keep the machine busy. Talks are short (1.0 to 1.4 s),
so that CPU and not operators are the bound; not shorter, for a talk of less than half a second
brings the citizen back into our queue.
"""

from __future__ import annotations

from collections import defaultdict

from lab.bench import figures
from lab.bench.cpu import cpu_of
from lab.bench.latency import completed
from lab.bench.load import Noted, Play, Window, play
from lab.bench.peers import OurLine, Peer
from lab.bench.stage import Figures, Stage
from lab.chaos.postgres import PostgresServer

PEERS = ("bare", "app_queue", "ours")
POSTGRES = "ours_postgres"
# 160 in the menu, for a key takes SIPp a second, and 160 who wait or talk. Less would be a bound by
# itself: 240 calls of 2.2 s are 109 a second, whoever serves them. By 320 app_queue is never empty.
AT_ONCE = 320
BARE_AT_ONCE = 600
# All have begun within two seconds and come back together, in waves of 2.2 s: a window of 8 s has
# three of them or four (101 or 120 calls a second of the same app_queue, by when it begins).
_WARM_S, _WINDOW_S = 10.0, 24.0


class CpuWindow(Window):
    """What Asterisk and the engine have used between both ends of the window, in CPU seconds."""

    def __init__(self) -> None:
        self._begun: dict[str, float] = {}
        self.used: dict[str, float] = {}

    def open(self, peer: Peer) -> None:
        """Begin to count."""
        self._begun = _used(peer)

    def close(self, peer: Peer) -> None:
        """Count."""
        self.used = {part: now - self._begun[part] for part, now in _used(peer).items()}


def _used(peer: Peer) -> dict[str, float]:
    parts = {"asterisk": cpu_of(peer.asterisk_pid)}
    if peer.engine_pid is not None:
        parts["engine"] = cpu_of(peer.engine_pid)
    return parts


def a_play(window_s: float, *, bare: bool = False) -> Play:
    """Return the load that keeps the machine busy: more for the peer whose calls cost least."""
    return Play(
        operators=200,
        talk_ms=(1000, 1400),
        at_once=BARE_AT_ONCE if bare else AT_ONCE,
        rate=400.0 if bare else 200.0,
        warm_s=_WARM_S,
        window_s=window_s,
    )


async def measure(stage: Stage) -> Figures:
    """Play all peers and our line on PostgreSQL by turns."""
    runs: dict[str, dict[str, list[float]]] = {}

    async def once(peer: Peer, pair: int) -> None:
        window = CpuWindow()
        what = a_play(stage.window_s(_WINDOW_S, 5.0), bare=peer.name == "bare")

        async def whole() -> Noted:
            kept = await peer.answered() if isinstance(peer, OurLine) else 0
            noted = await play(peer, what, stage.random("throughput", pair), window)
            if isinstance(peer, OurLine):
                await peer.has_kept(kept + completed(noted.citizens, noted.begun, noted.ended))
            return noted

        noted = await stage.undisturbed(f"throughput, {peer.name}", whole)
        calls = completed(noted.citizens, noted.begun, noted.ended)
        one = of_a_call(calls, noted.seconds, window)
        for name, value in one.items():
            runs.setdefault(peer.name, defaultdict(list))[name].append(value)
        stage.say(f"throughput, {peer.name}: {in_words(one)}")

    if stage.quick:
        await stage.by_turns(PEERS, once)
        return summed_up(runs)
    folder = stage.ground.folder / "pg"
    folder.mkdir(mode=0o700)
    server = PostgresServer(folder)
    try:
        server.start()
        url = server.url(server.create())
        await stage.join(OurLine(POSTGRES, stage.ground, database_url=url))
        await stage.by_turns((*PEERS, POSTGRES), once)
        await stage.part(POSTGRES)
    finally:
        server.stop()
    return summed_up(runs)


def of_a_call(calls: int, seconds: float, window: CpuWindow) -> dict[str, float]:
    """Return calls a second as `cps`, and of each process the CPU of a call, in ms."""
    cpu = {part: 1000 * used / max(1, calls) for part, used in window.used.items()}
    return {"cps": calls / seconds, **cpu}


def in_words(one: dict[str, float]) -> str:
    """Calls a second, and the CPU of a call by process, in words."""
    cpu = ", ".join(f"{name} {value:.1f} ms" for name, value in one.items() if name != "cps")
    return f"{one['cps']:.1f} calls a second; CPU of a call: {cpu}"


def summed_up(runs: dict[str, dict[str, list[float]]]) -> Figures:
    """Return medians by peer, spreads, and the ratios of each pair. Pure."""
    found: Figures = {
        "throughput_cps": {name: figures.median(one["cps"]) for name, one in runs.items()},
        "asterisk_cpu_ms_per_call": {
            name: figures.median(one["asterisk"]) for name, one in runs.items()
        },
        "engine_cpu_ms_per_call": figures.median(runs["ours"]["engine"]),
        "throughput_runs": {name: dict(one) for name, one in runs.items()},
        "throughput_ratio": {
            name: figures.ratios(runs["ours"]["cps"], runs[name]["cps"])
            for name in ("bare", "app_queue")
        },
        "asterisk_cpu_ratio": figures.ratios(
            runs["ours"]["asterisk"], runs["app_queue"]["asterisk"]
        ),
    }
    if POSTGRES in runs:
        found["engine_cpu_ms_per_call_postgres"] = figures.median(runs[POSTGRES]["engine"])
    return found
