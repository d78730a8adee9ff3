"""`ngalam112 chaos`: plays each fault on a line of its own, and prints what it has cost.

All state lies in one folder, which is removed in the end, also when a scenario fails or is
interrupted. One that cannot be played has not been held; the others are played all the same.
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
from pathlib import Path
from random import Random

import msgspec
from rich.text import Text

from ngalam112.chaos.asterisk import asterisk_killed
from ngalam112.chaos.clock import clock_stepped
from ngalam112.chaos.database import postgres_stopped, sqlite_locked
from ngalam112.chaos.engine import engine_frozen, engine_killed, engine_killed_again
from ngalam112.chaos.gone import engine_gone
from ngalam112.chaos.line import ChaosFailed, Say
from ngalam112.chaos.network import ami_cut, ari_cut
from ngalam112.chaos.play import Stage
from ngalam112.chaos.postgres import PostgresFailed
from ngalam112.chaos.soak import soak
from ngalam112.chaos.verdict import Row
from ngalam112.cli.client import ClientError
from ngalam112.cli.output import Column, console, table
from ngalam112.demo.sipp import SippError
from ngalam112.interrupts import unless_ended
from ngalam112.settings import Settings, load_settings
from ngalam112.sounds import build_music, build_sounds
from pbx.programs import Programs

Scenario = Callable[[Stage], Awaitable[Row]]

SCENARIOS: dict[str, Scenario] = {
    "engine_killed": engine_killed,
    "engine_killed_again": engine_killed_again,
    "engine_frozen": engine_frozen,
    "engine_gone": engine_gone,
    "postgres_stopped": postgres_stopped,
    "sqlite_locked": sqlite_locked,
    "asterisk_killed": asterisk_killed,
    "ari_cut": ari_cut,
    "ami_cut": ami_cut,
    "clock_stepped": clock_stepped,
    "soak": soak,
}
"""Every fault, in the order in which they are played."""

_WRONG_SHOWN = 12


class ChaosInterrupted(Exception):
    """Somebody has ended the play; nothing of it is left."""


def main(
    settings: Settings, seed: int | None, only: Sequence[str], fmt: str, *, quick: bool, keep: bool
) -> int:
    """Play the scenarios; with json the list is alone on standard output. 0 only if all held."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    # with json, standard output is for the list alone
    screen = console(sys.stderr if fmt == "json" else sys.stdout)
    started = time.monotonic()

    def say(text: str) -> None:
        screen.print(Text.assemble((f"{time.monotonic() - started:6.1f} s  ", "dim"), text))

    names = list(only) or list(SCENARIOS)
    say(f"to repeat this: ngalam112 chaos --seed {seed}{' --quick' * quick}")
    base = settings.home / f"chaos-{os.getpid()}"
    try:
        ended = ChaosInterrupted("The play was interrupted.")
        rows = asyncio.run(unless_ended(_play(names, settings, base, seed, quick, say), ended))
    finally:
        if keep:
            say(f"kept: {base}")
        else:
            shutil.rmtree(base, ignore_errors=True)
    for row in rows:
        for sentence in row.wrong[:_WRONG_SHOWN]:
            say(f"{row.fault}: {sentence}")
    if fmt == "json":
        print(msgspec.json.encode(rows).decode(), flush=True)  # noqa: T201
    else:
        screen.print(table([_shown(row) for row in rows], _COLUMNS, ""))
        held = all(row.held for row in rows)
        screen.print("The line has held." if held else "The line has NOT held.")
    return 0 if all(row.held for row in rows) else 1


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


async def _play(
    names: Sequence[str], settings: Settings, base: Path, seed: int, quick: bool, say: Say
) -> list[Row]:
    programs = Programs.find()
    common = load_settings(home=base / "sounds")
    say("preparing sounds")
    common.home.mkdir(parents=True, mode=0o700)
    for name in ("sounds", "music"):
        # what the line has already need not be spoken again
        if (settings.home / name).is_dir():
            await asyncio.to_thread(shutil.copytree, settings.home / name, common.home / name)
    await asyncio.to_thread(build_sounds, common.prompts, common.sounds, programs)
    await asyncio.to_thread(build_music, common.music, programs)
    rows = []
    for name in names:
        stage = Stage(
            base=base / name,
            sounds=common.home,
            programs=programs,
            random=Random(f"{seed} {name}"),  # noqa: S311
            quick=quick,
            timezone=settings.timezone,
            say=lambda text, name=name: say(f"{name}: {text}"),  # type: ignore[misc]
        )
        rows.append(await _one(name, stage))
    return rows


async def _one(name: str, stage: Stage) -> Row:
    """Play one scenario; what keeps it from being played is said, and not held."""
    begun = time.monotonic()
    try:
        row = await SCENARIOS[name](stage)
    except (ChaosFailed, ClientError, SippError, PostgresFailed, OSError) as error:
        row = Row(
            fault=name,
            calls_up=0,
            lost=0,
            back_s=None,
            records_missing=0,
            held=False,
            wrong=[f"it could not be played: {error}"],
        )
    row = msgspec.structs.replace(row, seconds=round(time.monotonic() - begun, 1))
    with contextlib.suppress(OSError):
        (stage.base / "row.json").write_bytes(msgspec.json.encode(row))
    stage.say(f"{'held' if row.held else 'NOT held'} ({row.seconds:.0f} s) {row.details}")
    return row
