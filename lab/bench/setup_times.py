"""Measure 3: how fast a call is set up, at 5, 20 and 50 calls a second, with operators to spare.

Citizens and phones have their audio at endpoints of their own: a citizen presses a key after a
second of the menu, and both speak once they hear something, in packets of 20 ms.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from pathlib import Path
from random import Random

import msgspec

from lab.actors.sipp import SippRun
from lab.bench import figures
from lab.bench.latency import SetUp, set_up
from lab.bench.load import read_run
from lab.bench.peers import Peer
from lab.bench.stage import Figures, Stage
from lab.chaos.rtp_endpoints import RtpEndpoints
from lab.machine.stalls import stood_still

PEERS = ("app_queue", "ours")
RATES = (5, 20, 50)
CITIZEN = "citizen_heard_noted_talk_until_bye"
PHONE = "phone_heard_noted_answer_some_talk_bye"
STEPS = ("answer", "digit", "voices")
_WARM_S = 1.0  # calls that came before are not counted
_TALK_MS = (600, 900)
_MOST_PACKETS = 150  # three seconds: a second of menu, then until the end of the talk
_LIMIT_S = 20.0  # after the last call has come


async def measure(stage: Stage) -> Figures:
    """Play every rate; percentiles of each step by peer and rate."""
    found: dict[str, dict[str, list[SetUp]]] = {name: defaultdict(list) for name in PEERS}
    for rate in (20,) if stage.quick else RATES:

        async def once(peer: Peer, pair: int, rate: int = rate) -> None:
            calls = round(rate * (_WARM_S + stage.window_s(8.0 if rate == 5 else 5.0, 3.0)))
            name = f"set-up, {rate} calls a second, {peer.name}"

            async def whole() -> _Played:
                return await _play(peer, rate, calls, stage.random("setup", rate, pair))

            one = (await stage.undisturbed(name, whole)).times
            found[peer.name][str(rate)].append(one)
            stage.say(f"{name}: {_in_words(one)}")

        await stage.by_turns(PEERS, once)
    return {"setup_ms": {name: summed_up(by_rate) for name, by_rate in found.items()}}


class _Played(msgspec.Struct, frozen=True):
    times: SetUp
    stalls_s: float


async def _play(peer: Peer, rate: int, calls: int, random: Random) -> _Played:
    await peer.on_duty(200)
    work = peer.settings.home / "sipp"
    async with RtpEndpoints(calls, calls, most=_MOST_PACKETS) as endpoints:
        callers = {f"0822{index:06d}": port for index, port in enumerate(endpoints.citizens)}
        phones, citizens = _runs(peer, work, rate, callers, endpoints.phones, random)
        async with phones, citizens:
            begun, since = time.time() + _WARM_S, time.monotonic()
            try:
                async with asyncio.timeout(calls / rate + _LIMIT_S):
                    await citizens.result()
            except TimeoutError:
                citizens.no_more_calls()
            stalls_s = stood_still(since)
            await peer.hang_up_all()
        ahead = time.time() - time.monotonic()
        heard = await endpoints.heard()
    times = set_up(
        read_run(citizens),
        read_run(phones),
        {number: heard[port] for number, port in callers.items()},
        [heard[port] for port in endpoints.phones],
        begun,
        ahead,
    )
    return _Played(times, stalls_s)


def _runs(
    peer: Peer, work: Path, rate: int, callers: dict[str, int], desks: list[int], random: Random
) -> tuple[SippRun, SippRun]:
    programs = peer.ground.programs
    talks = [("0", str(random.randint(*_TALK_MS)), str(port)) for port in desks]
    phones = SippRun(
        programs,
        work,
        PHONE,
        port=peer.phones_port,
        limit_s=120,
        yields=True,
        rows=talks,
        noted=True,
    )
    citizens = SippRun(
        programs,
        work,
        CITIZEN,
        target=f"127.0.0.1:{peer.settings.sip_port}",
        rate=float(rate),
        calls=len(callers),
        limit_s=120,
        yields=True,
        rows=[(number, "0", str(port)) for number, port in callers.items()],
        noted=True,
    )
    return phones, citizens


def _in_words(one: SetUp) -> str:
    parts = []
    for step in STEPS:
        values = getattr(one, step)
        p95 = f"{figures.percentile(values, 0.95):.1f}" if values else "-"
        parts.append(f"{step} p95 {p95} ms ({len(values)})")
    return ", ".join(parts)


def summed_up(by_rate: dict[str, list[SetUp]]) -> Figures:
    """Return p50, p95 and p99 of each step over all pairs, and the p95 of each pair. Pure."""
    found: Figures = {}
    for rate, runs in by_rate.items():
        found[rate] = {}
        for step in STEPS:
            each = [getattr(run, step) for run in runs]
            pooled = [value for run in each for value in run]
            if pooled and all(each):
                found[rate][step] = {
                    f"p{round(part * 100)}": figures.percentile(pooled, part)
                    for part in (0.5, 0.95, 0.99)
                }
                found[rate][step]["values"] = len(pooled)
                found[rate][step]["p95_runs"] = [figures.percentile(run, 0.95) for run in each]
    return found
