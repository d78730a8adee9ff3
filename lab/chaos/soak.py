"""A soak: thousands of calls in a row, after which the engine holds no more than before them.

Nobody codes the incidents of these calls. An engine has each in hand until it is uncoded, which
takes 15 minutes as shipped and half a minute here (`soak.toml`), so that as many leave as come.
"""

from __future__ import annotations

import asyncio
import re
import urllib.request
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import msgspec

from lab.chaos import processes
from lab.chaos.line import ChaosFailed, ChaosLine
from lab.chaos.play import Moment, Play, Stage, a_play, ending, row
from lab.chaos.players import Behaviour
from lab.chaos.verdict import Row
from lab.machine.waiting import comes_true
from ngalam112.config.settings import Settings

CALLS = (5000, 120)
CALLS_A_SECOND = (10, 6)
"""Full, and where it is to be short: then other plays run beside it."""

GROWTH_LIMIT = 0.05
SAMPLE_S = 1.0
# a connection over which a claim went is closed 10 to 20 s later
_RETURNS_WITHIN_S = 40.0
_RULES = Path(__file__).with_name("soak.toml")
_WARM_UP = (60, 30)  # calls: what is opened at first use is open then
# a talk of less than half a second is a refusal, and the citizen waits on
_SHORT = Behaviour(key_ms=(300, 600), ring_ms=(50, 200), talk_ms=(700, 1200))


class Holdings(msgspec.Struct, frozen=True):
    """What the line holds while nobody calls; `open`: what its files are."""

    channels: int
    bridges: int
    tasks: int
    files: int
    open: list[str] = []


async def soak(stage: Stage) -> Row:
    """So many calls in a row, each served within a second or two."""
    calls = stage.of(*CALLS)
    async with a_play(
        stage, desks=24, behaviour=_SHORT, wrap_up_s=0.2, distribution_file=_RULES
    ) as play:
        await play.operators_come()
        await _let_call(play, stage.of(*_WARM_UP))
        start = await _settled(play.line, None)
        pid = _engine(play.line)
        begun = Moment.now()
        sampling = asyncio.create_task(_sample(pid))
        try:
            stage.say(f"before the soak: {start}")
            await _let_call(play, calls)
            seconds = Moment.now().steady - begun.steady
        finally:
            sampling.cancel()
            (memory,) = await asyncio.gather(sampling)
        end = await _settled(play.line, start)
        stage.say(f"after the soak: {end}")
        wrong = grown(start, end, memory)
        if _engine(play.line) != pid:
            wrong.append("another engine serves than in the beginning")
        ended = await ending(play, 60.0)
    second, last = _thirds(memory)
    return row(
        "soak",
        ended,
        calls_up=round(stage.of(*CALLS_A_SECOND) * seconds),
        back_s=0.0,  # nothing has stopped serving
        losses=wrong,
        details={
            "calls_a_second": round(calls / seconds, 1),
            "before": msgspec.structs.asdict(start),
            "after": msgspec.structs.asdict(end),
            "memory_mb": [round(one / 1024, 1) for one in (second, last)],
            "memory_growth_percent": round((last / second - 1) * 100, 2),
            "by_fallback": ended.by_fallback(),
        },
    )


def grown(start: Holdings, end: Holdings, memory_kb: Sequence[int]) -> list[str]:
    """Say what the line holds more of than before; memory: its last third against its second."""
    wrong = [
        f"{name}: {after}, and {before} before"
        for name, before, after in (
            (name, getattr(start, name), getattr(end, name))
            for name in ("channels", "bridges", "tasks", "files")
        )
        if after > before
    ]
    if end.files > start.files:
        more = Counter(end.open) - Counter(start.open)
        wrong[-1] += f"; more of: {', '.join(sorted(more.elements()))}"
    second, last = _thirds(memory_kb)
    if last > second * (1 + GROWTH_LIMIT):
        wrong.append(f"memory has grown from {second / 1024:.1f} MB to {last / 1024:.1f} MB")
    return wrong


def _thirds(memory: Sequence[int]) -> tuple[float, float]:
    """The means of the second and of the last third."""
    third = len(memory) // 3
    if not third:
        return 1.0, float("inf")
    return mean(memory[third : 2 * third]), mean(memory[2 * third :])


def _engine(line: ChaosLine) -> int:
    pid = line.engine()
    if pid is None:
        raise ChaosFailed("No engine serves.")
    return pid


async def _let_call(play: Play, calls: int) -> None:
    run = await play.players.crowd(calls=calls, rate=float(play.stage.of(*CALLS_A_SECOND)))
    await run.result()


async def _sample(pid: int) -> list[int]:
    """Look at the engine's memory until cancelled."""
    seen: list[int] = []
    try:
        while True:
            seen.append(processes.resident_kb(pid))
            await asyncio.sleep(SAMPLE_S)
    except asyncio.CancelledError:
        return seen


async def _settled(line: ChaosLine, start: Holdings | None) -> Holdings:
    """What the line holds once all is calm: as `start`, or for the third time the same."""
    seen: list[Holdings] = []

    async def calm() -> bool:
        seen.append(await _holdings(line))
        if start is not None:
            return not grown(start, seen[-1], (1, 1, 1))
        return len(seen) > 2 and seen[-1] == seen[-2] == seen[-3] and not seen[-1].channels

    await comes_true(calm, _RETURNS_WITHIN_S, every=0.5)
    return seen[-1]


async def _holdings(line: ChaosLine) -> Holdings:
    channels, bridges = await line.held() or (-1, -1)
    text = await asyncio.to_thread(_metrics, line.settings)
    found = re.search(r"^ngalam112_tasks ([0-9.]+)", text, re.MULTILINE)
    if found is None:
        raise ChaosFailed("The engine does not tell how many tasks it has.")
    opened = processes.open_files(_engine(line))
    return Holdings(
        channels=channels,
        bridges=bridges,
        tasks=round(float(found[1])),
        files=len(opened),
        open=opened,
    )


def _metrics(settings: Settings) -> str:
    asking = urllib.request.Request(
        f"http://127.0.0.1:{settings.api_port}/metrics",
        headers={"Authorization": f"Bearer {settings.secrets.api_token}"},
    )
    with urllib.request.urlopen(asking, timeout=10) as answer:  # noqa: S310
        return str(answer.read().decode())
