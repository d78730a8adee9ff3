"""`ngalam112 bench`: plays the measures on lines of its own, judges them, and keeps the result.

All state lies in one folder, which is removed in the end, also when a measure fails or is
interrupted; the result stays, as JSON, and what tells the cause of a failure. A window in which the
machine stood still is thrown away and played again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from lab.bench import (
    alone,
    beside,
    busy,
    free_operator,
    growth,
    incidents,
    machine,
    offered,
    report_crowd,
    reports,
    setup_times,
    surge,
    throughput,
)
from lab.bench.bounds import Verdict, verdicts
from lab.bench.peers import Ground
from lab.bench.picture import picture
from lab.bench.stage import Figures, Say, Stage
from lab.bench.tables import write_tables
from lab.machine.failure_report import keep_and_say, kept_if_it_breaks
from lab.machine.interrupts import unless_ended
from lab.machine.stalls import watched
from ngalam112.config.settings import Settings, load_settings
from ngalam112.config.sounds import build_music, build_sounds, reuse_sounds
from ngalam112.terminal import console
from pbx.programs import Programs

MEASURES: dict[str, Callable[[Stage], Awaitable[Figures]]] = {
    "free_operator": free_operator.measure,
    "throughput": throughput.measure,
    "beside": beside.measure,
    "setup": setup_times.measure,
    "growth": growth.measure,
    "alone": alone.played,
    "surge": surge.measure,
    "offered": offered.measure,
    "busy": busy.measure,
    "incidents": incidents.measure,
    "reports": reports.measure,
    "report_crowd": report_crowd.measure,
}
"""Every measure, in the order in which they are played."""

PAIRS, QUICK_PAIRS = 5, 2


class BenchInterrupted(Exception):
    """Somebody has ended the bench; nothing of it is left."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line.

    `failures`: where what tells the cause of a failure is kept; None: in the state folder.
    """

    only: Sequence[str] = ()
    pairs: int | None = None
    seed: int | None = None
    quick: bool = False
    keep: bool = False
    json: bool = False
    out: Path | None = None
    svg: Path | None = None
    failures: Path | None = None


def main(settings: Settings, wanted: Wanted) -> int:
    """Run the bench and return 0 only if every bound that was measured is reached."""
    # with json, standard output is for the result alone
    screen = console(sys.stderr if wanted.json else sys.stdout)
    started = time.monotonic()

    def say(text: str) -> None:
        screen.print(Text.assemble((f"{time.monotonic() - started:6.1f} s  ", "dim"), text))

    base = settings.home / f"bench-{os.getpid()}"
    failures = wanted.failures or settings.home / "failures"
    facts = {"seed": str(wanted.seed), "measures": ", ".join(wanted.only) or "all"}
    try:
        with (
            watched(base / "stalls") as machine,
            kept_if_it_breaks(base, failures, "bench", facts, say, but=BenchInterrupted),
        ):
            ended = BenchInterrupted("The bench was interrupted.")
            found = asyncio.run(unless_ended(_play(settings, wanted, base, say), ended))
            seen = machine.between(0.0)
            found["stalls_s"] = round(sum(end - begin for begin, end in seen), 2)
            judged = verdicts(found)
            if not all(one.reached for one in judged):
                missed = (one.wrong for one in judged if not one.reached)
                facts |= {"seed": str(found["seed"]), "wrong": " ".join(missed)}
                keep_and_say(base, failures, "bench", facts, say)
    finally:
        if wanted.keep:
            say(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    found["seconds"] = round(time.monotonic() - started, 1)
    found["bounds"] = [msgspec.structs.asdict(one) for one in judged]
    _keep(settings, wanted, found, say)
    return _tell(screen, wanted, found, judged)


def _keep(settings: Settings, wanted: Wanted, found: Figures, say: Say) -> None:
    out = wanted.out or settings.home / "bench.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    say(f"the result is in {out}")
    if wanted.svg is not None:
        wanted.svg.write_text(picture(found), "utf-8")
        say(f"the picture is in {wanted.svg}")


def _tell(screen: Console, wanted: Wanted, found: Figures, judged: Sequence[Verdict]) -> int:
    if wanted.json:
        print(msgspec.json.encode(found).decode(), flush=True)  # noqa: T201
    else:
        write_tables(screen, found, judged)
    for one in judged:
        if not one.reached:
            screen.print(f"NOT reached: {one.wrong}")
    return 0 if all(one.reached for one in judged) else 1


async def _play(settings: Settings, wanted: Wanted, base: Path, say: Say) -> Figures:
    seed = secrets.randbelow(1_000_000) if wanted.seed is None else wanted.seed
    pairs = wanted.pairs or (QUICK_PAIRS if wanted.quick else PAIRS)
    names = list(wanted.only) or list(MEASURES)
    programs = Programs.find()
    about = await asyncio.to_thread(machine.describe, programs)
    say(f"to repeat this: ngalam112 bench --seed {seed} --pairs {pairs}{' --quick' * wanted.quick}")
    say(", ".join(f"{name} {value}" for name, value in about.items()))
    common = load_settings(home=base / "sounds")
    common.home.mkdir(parents=True, mode=0o700)
    await asyncio.to_thread(reuse_sounds, settings.home, common.home)
    await asyncio.to_thread(build_sounds, common.prompts, common.sounds, programs)
    await asyncio.to_thread(build_music, common.music, programs)
    ground = Ground(
        folder=base,
        sounds=common.home,
        programs=programs,
        timezone=settings.timezone,
    )
    found: Figures = {"seed": seed, "pairs": pairs, "quick": wanted.quick, "machine": about}
    async with Stage(ground, seed, pairs, say, quick=wanted.quick) as stage:
        for name in names:
            found |= await MEASURES[name](stage)
        found["spoiled"] = stage.spoiled
    return found
