"""`ngalam112 chaos`: plays each fault on a line of its own, and prints what it has cost.

All state lies in one folder, which is removed in the end, also when a scenario fails or is
interrupted; what tells the cause of a failure is kept. A scenario that cannot be played has not
been held; the others are played all the same. One that the machine has spoiled by standing still
is repeated, with the same seed and on a fresh line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import msgspec
from rich.text import Text

from lab.actors.sipp import SippError
from lab.chaos.asterisk import asterisk_killed
from lab.chaos.clock import clock_stepped
from lab.chaos.database import postgres_stopped, sqlite_locked
from lab.chaos.dispatch import dispatch_killed
from lab.chaos.engine import engine_frozen, engine_killed, engine_killed_again
from lab.chaos.gone import engine_gone
from lab.chaos.line import ChaosFailed, Say
from lab.chaos.network import ami_cut, ari_cut
from lab.chaos.play import Stage
from lab.chaos.postgres import PostgresFailed
from lab.chaos.soak import soak
from lab.chaos.surge import engine_gone_in_a_surge, engine_killed_in_a_surge, starved
from lab.chaos.verdict import Row
from lab.machine.failure_report import keep_and_say, kept_if_it_breaks
from lab.machine.interrupts import unless_ended
from lab.machine.spoiled import Repeats
from lab.machine.stalls import stood_still, watched
from ngalam112.cli.client import ClientError
from ngalam112.config.settings import Settings, load_settings
from ngalam112.config.sounds import build_music, build_sounds, reuse_sounds
from ngalam112.terminal import Column, console, table
from pbx.asterisk import AsteriskError
from pbx.programs import Programs

Scenario = Callable[[Stage], Awaitable[Row]]

SCENARIOS: dict[str, Scenario] = {
    "engine_killed": engine_killed,
    "engine_killed_again": engine_killed_again,
    "engine_frozen": engine_frozen,
    "engine_gone": engine_gone,
    "dispatch_killed": dispatch_killed,
    "postgres_stopped": postgres_stopped,
    "sqlite_locked": sqlite_locked,
    "asterisk_killed": asterisk_killed,
    "ari_cut": ari_cut,
    "ami_cut": ami_cut,
    "clock_stepped": clock_stepped,
    "engine_killed_in_a_surge": engine_killed_in_a_surge,
    "engine_gone_in_a_surge": engine_gone_in_a_surge,
    "starved": starved,
    "soak": soak,
}
"""Every fault, in the order in which they are played."""

ALONE = ("postgres_stopped", "sqlite_locked", "starved", "soak")
"""What compares the line with itself a little earlier, so that no other may be played beside it."""

_UNPLAYABLE = (ChaosFailed, ClientError, SippError, PostgresFailed, AsteriskError, OSError)
_WRONG_SHOWN = 12


class ChaosInterrupted(Exception):
    """Somebody has ended the play; nothing of it is left."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line.

    `beside`: how many scenarios are played at the same time. `failures`: where what tells the cause
    of a failure is kept; None: in the state folder.
    """

    seed: int | None = None
    only: Sequence[str] = ()
    beside: int = 1
    quick: bool = False
    keep: bool = False
    json: bool = False
    failures: Path | None = None


def main(settings: Settings, wanted: Wanted) -> int:
    """Play the scenarios; with json the list is alone on standard output. 0 only if all held."""
    seed = secrets.randbelow(1_000_000) if wanted.seed is None else wanted.seed
    # with json, standard output is for the list alone
    screen = console(sys.stderr if wanted.json else sys.stdout)
    started = time.monotonic()

    def say(text: str) -> None:
        screen.print(Text.assemble((f"{time.monotonic() - started:6.1f} s  ", "dim"), text))

    names = list(wanted.only) or list(SCENARIOS)
    say(f"to repeat this: ngalam112 chaos --seed {seed}{' --quick' * wanted.quick}")
    base = settings.home / f"chaos-{os.getpid()}"
    failures = wanted.failures or settings.home / "failures"
    try:
        with (
            watched(base / "stalls"),
            kept_if_it_breaks(
                base, failures, "chaos", {"seed": str(seed)}, say, but=ChaosInterrupted
            ),
        ):
            play = _Chaos(settings, base, failures, seed, say, quick=wanted.quick)
            ended = ChaosInterrupted("The play was interrupted.")
            rows = asyncio.run(unless_ended(play.all(names, wanted.beside), ended))
    finally:
        if wanted.keep:
            say(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    for row in rows:
        for sentence in row.wrong[:_WRONG_SHOWN]:
            say(f"{row.fault}: {sentence}")
    held = all(row.held for row in rows)
    if wanted.json:
        print(msgspec.json.encode(rows).decode(), flush=True)  # noqa: T201
    else:
        screen.print(table([_shown(row) for row in rows], _COLUMNS, ""))
        screen.print("The line has held." if held else "The line has NOT held.")
    return 0 if held else 1


_COLUMNS = (
    Column("fault", "fault"),
    Column("calls_up", "calls up", right=True),
    Column("lost", "lost", right=True),
    Column("back", "seconds to serve again", right=True),
    Column("records_missing", "records missing", right=True),
    Column("held", "held"),
)


def _shown(row: Row) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(row),
        "back": "never" if row.back_s is None else f"{row.back_s:.2f}",
        "held": "yes" if row.held else "NO",
    }


class _Chaos:
    """One play of `ngalam112 chaos`: its scenarios, each on lines of its own below `base`."""

    def __init__(
        self, settings: Settings, base: Path, failures: Path, seed: int, say: Say, *, quick: bool
    ) -> None:
        self._settings, self._base, self._failures = settings, base, failures
        self._seed, self._say, self._quick = seed, say, quick
        self._programs = Programs.find()
        self._common = load_settings(home=base / "sounds")

    async def all(self, names: Sequence[str], beside: int) -> list[Row]:
        """Play all of these, so many beside each other; the rows are in the order of the names."""
        await self._build_sounds()
        room = asyncio.Semaphore(beside)

        async def with_room(name: str) -> Row:
            async with room:
                return await self._until_it_counts(name)

        alone = [name for name in names if beside > 1 and name in ALONE]
        plays = {name: asyncio.create_task(with_room(name)) for name in names if name not in alone}
        try:
            await asyncio.gather(*plays.values())
            for name in alone:
                plays[name] = asyncio.create_task(with_room(name))
                await plays[name]
        finally:
            for play in plays.values():
                play.cancel()
            await asyncio.gather(*plays.values(), return_exceptions=True)
        return [plays[name].result() for name in names]

    async def _build_sounds(self) -> None:
        self._say("preparing sounds")
        common, programs = self._common, self._programs
        common.home.mkdir(parents=True, mode=0o700)
        await asyncio.to_thread(reuse_sounds, self._settings.home, common.home)
        await asyncio.to_thread(build_sounds, common.prompts, common.sounds, programs)
        await asyncio.to_thread(build_music, common.music, programs)

    async def _until_it_counts(self, name: str) -> Row:
        """Play one scenario, again if the machine has spoiled it; keep the cause of a failure."""
        say = partial(_prefixed, self._say, name)
        repeats = Repeats(say)
        while True:
            stage = self._stage(name, repeats.spoiled + 1, say)
            row = await _one(name, stage)
            if not row.only_late or not repeats.again(row.stalls_s):
                break
        row = msgspec.structs.replace(row, spoiled=repeats.spoiled)
        with contextlib.suppress(OSError):
            (stage.base / "row.json").write_bytes(msgspec.json.encode(row))
        if not row.held:
            facts = {
                "to repeat it": f"ngalam112 chaos --only {name} --seed {self._seed}"
                + " --quick" * self._quick,
                "seed": str(self._seed),
                "scenario": name,
                "plays thrown away": str(row.spoiled),
                "wrong": "".join(f"\n  {sentence}" for sentence in row.wrong),
            }
            await asyncio.to_thread(
                keep_and_say, stage.base, self._failures, f"chaos-{name}", facts, say
            )
        return row

    def _stage(self, name: str, number: int, say: Say) -> Stage:
        """What a scenario is given for its first, second... play."""
        return Stage(
            base=self._base / (name if number == 1 else f"{name}.{number}"),
            sounds=self._common.home,
            programs=self._programs,
            random=Random(f"{self._seed} {name}"),  # noqa: S311
            quick=self._quick,
            timezone=self._settings.timezone,
            say=say,
        )


def _prefixed(say: Say, name: str, text: str) -> None:
    say(f"{name}: {text}")


async def _one(name: str, stage: Stage) -> Row:
    """Play one scenario once; what keeps it from being played is said, and not held."""
    begun = time.monotonic()
    try:
        row = await SCENARIOS[name](stage)
    except _UNPLAYABLE as error:
        wrong = [f"it could not be played: {error}"]
        row = Row(
            fault=name,
            calls_up=0,
            lost=0,
            back_s=None,
            records_missing=0,
            held=False,
            wrong=wrong,
            late=wrong,
            stalls_s=round(stood_still(begun), 2),
        )
    row = msgspec.structs.replace(row, seconds=round(time.monotonic() - begun, 1))
    still = f", the machine stood still for {row.stalls_s:.1f} s" if row.stalls_s else ""
    stage.say(f"{'held' if row.held else 'NOT held'} ({row.seconds:.0f} s{still}) {row.details}")
    return row
