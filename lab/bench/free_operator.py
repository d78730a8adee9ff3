"""Measure 1: how long an operator who is free waits for the next call, while the queue has some.

From the BYE of the operator's phone to the next INVITE there, as SIPp notes both. Talks take 0.5 to
1.5 s, drawn evenly, for app_queue looks once a second and would resonate with whole seconds; with
200 operators ten times as long, so that the machine carries it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from lab.bench import figures
from lab.bench.latency import free_operator
from lab.bench.load import Noted, Play, play
from lab.bench.peers import OPERATORS, Peer
from lab.bench.stage import Figures, Stage

PEERS = ("app_queue", "ours")
WAITING = 10
_MENU_S = 1.5  # that a citizen is busy with before waiting, and some more
_MOST_CPS = 22.0


def a_play(operators: int, window_s: float, waiting: int = WAITING) -> Play:
    """Return the load for so many operators, with `waiting` calls to spare at any time."""
    slower = max(1.0, operators / _MOST_CPS)
    talk_ms = (round(500 * slower), round(1500 * slower))
    cps = operators / (sum(talk_ms) / 2000)
    at_once = operators + math.ceil(cps * _MENU_S) + waiting
    rate = 40.0
    return Play(
        operators=operators,
        talk_ms=talk_ms,
        at_once=at_once,
        rate=rate,
        warm_s=2.0 + at_once / rate,
        window_s=window_s,
    )


async def measure(stage: Stage) -> Figures:
    """Play every number of operators; all values by peer and operators, and the ratios."""
    counts: Sequence[int] = (1, 20) if stage.quick else OPERATORS
    values: dict[str, dict[str, list[list[float]]]] = {name: defaultdict(list) for name in PEERS}
    for operators in counts:

        async def once(peer: Peer, pair: int, operators: int = operators) -> None:
            window_s = stage.window_s(24.0 if operators == 1 else 10.0, 4.0)
            name = f"free operator, {operators} on duty, {peer.name}"

            async def window() -> Noted:
                lot = stage.random("free_operator", operators, pair)
                return await play(peer, a_play(operators, window_s), lot)

            noted = await stage.undisturbed(name, window)
            found = free_operator(noted.phones, noted.begun, noted.ended)
            values[peer.name][str(operators)].append(found)
            stage.say(f"{name}: {in_words(found)}")

        await stage.by_turns(PEERS, once)
    return summed_up(values)


def in_words(found: Sequence[float]) -> str:
    """Median, p99 and number of values in words."""
    if not found:
        return "nothing measured"
    p50, p99 = (figures.percentile(found, part) for part in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms ({len(found)} values)"


def summed_up(values: dict[str, dict[str, list[list[float]]]]) -> Figures:
    """Return the percentiles of all pairs together, and the ratio of each pair. Pure."""
    by_peer: Figures = {name: {} for name in values}
    ratio: Figures = {}
    for name, by_count in values.items():
        for count, runs in by_count.items():
            by_peer[name][count] = _distribution([one for run in runs for one in run], runs)
    for count in values["ours"]:
        ours, other = by_peer["ours"][count], by_peer["app_queue"][count]
        if not ours or not other:
            continue
        ratio[count] = {
            "p50": ours["p50"] / other["p50"],
            "p99": ours["p99"] / other["p99"],
            "p50_pairs": figures.ratios(ours["p50_runs"], other["p50_runs"]),
        }
    return {"free_operator_ms": by_peer, "free_operator_ratio": ratio}


def _distribution(pooled: list[float], runs: list[list[float]]) -> Figures:
    if not pooled or not all(runs):
        return {}
    return {
        "p50": figures.percentile(pooled, 0.5),
        "p99": figures.percentile(pooled, 0.99),
        "max": max(pooled),
        "values": len(pooled),
        "p50_runs": [figures.percentile(run, 0.5) for run in runs],
        "p99_runs": [figures.percentile(run, 0.99) for run in runs],
    }
