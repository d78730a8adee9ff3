"""`ngalam112 storm`: plays a plan on a line of its own, and says whether the line has held.

The line has its own state folder, ports and SQLite database; all of it is removed in the end, also
when the storm fails or is interrupted; what tells the cause of a failure is kept. A storm that the
machine has spoiled by standing still is repeated, with the same seed and on a fresh line.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from lab.actors.sipp import SippError
from lab.machine.failure_report import keep_and_say
from lab.machine.interrupts import unless_ended
from lab.machine.spoiled import MOST_REPEATS, SLACK_S, Repeats
from lab.machine.stalls import on_the_clock, stalls, stood_still, watched
from lab.storm.course import StormFailed, callbacks_limit_s, kills_apart_s, log_in, storm
from lab.storm.incidents import incidents_kept
from lab.storm.kills import Killer
from lab.storm.line import make_accounts, make_distribution, storm_settings
from lab.storm.logs import complaints, late_answers
from lab.storm.plan import Plan, make_plan
from lab.storm.players import StormPlayers
from lab.storm.report import (
    Kept,
    Report,
    callbacks_kept,
    report,
    states_kept,
    what_is_kept,
    what_is_left,
)
from ngalam112.cli.client import Client, ClientError
from ngalam112.config.settings import Settings
from ngalam112.config.sounds import reuse_sounds
from ngalam112.process.running_line import EngineFailed, RunningLine, prepare
from ngalam112.terminal import Column, console, table
from pbx import processes
from pbx.asterisk import AsteriskError
from pbx.programs import Programs

SETTLE_S = 5.0  # after the last citizen has gone and the last wrap-up is over
_AFTER_S = 120.0  # the last citizens may wait, give up and be cleaned up so long after the plan
_WRONG_SHOWN = 20

Say = Callable[[str], None]
start = processes.start
"""What starts engines."""


class StormInterrupted(Exception):
    """Somebody has ended the storm; nothing of it is left."""


_UNPLAYABLE = (StormFailed, SippError, ClientError, EngineFailed, AsteriskError, OSError)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for on the command line.

    `failures`: where what tells the cause of a failure is kept; None: in the state folder.
    """

    seed: int | None = None
    calls: int = 1000
    kills: bool = True
    keep: bool = False
    json: bool = False
    failures: Path | None = None


def main(settings: Settings, wanted: Wanted) -> int:
    """Play a storm; the last line on standard output is JSON. Returns 0 only if it was held."""
    seed = secrets.randbelow(1_000_000) if wanted.seed is None else wanted.seed
    # with json, standard output is for the object alone
    screen = console(sys.stderr if wanted.json else sys.stdout)
    started = time.monotonic()

    def say(text: str) -> None:
        screen.print(Text.assemble((f"{time.monotonic() - started:6.1f} s  ", "dim"), text))

    repeat = f"make storm SEED={seed} CALLS={wanted.calls}"
    if not wanted.kills:
        repeat += ' ARGS="--no-kills"'
    plan = make_plan(seed, wanted.calls)
    say(f"to repeat this storm: {repeat}")
    base = settings.home / f"storm-{os.getpid()}"
    facts = {"to repeat it": repeat, "seed": str(seed), "calls": str(wanted.calls)}
    failures = wanted.failures or settings.home / "failures"
    homes = [base, *(base.with_name(f"{base.name}-{number + 2}") for number in range(MOST_REPEATS))]
    repeats = Repeats(say)
    try:
        with watched(base / "stalls"):
            found = asyncio.run(
                unless_ended(
                    _until_it_counts(plan, settings, homes, repeats, say, kills=wanted.kills),
                    StormInterrupted("The storm was interrupted."),
                )
            )
            if not found.verdict.held:
                wrong = "".join(f"\n  {sentence}" for sentence in found.wrong)
                facts |= {"verdict": str(found.verdict), "wrong": wrong}
                keep_and_say(homes[repeats.spoiled], failures, "storm", facts, say)
    except StormInterrupted:
        raise
    except Exception as error:
        facts["error"] = "".join(traceback.format_exception(error))
        keep_and_say(homes[repeats.spoiled], failures, "storm", facts, say)
        raise
    finally:
        for home in homes:
            if wanted.keep and home.exists():
                say(f"kept: {home}")
            else:
                shutil.rmtree(home, ignore_errors=True)
    line = {
        "seed": seed,
        "calls": wanted.calls,
        **msgspec.structs.asdict(found.verdict),
        **msgspec.structs.asdict(found.callbacks),
        "held": found.verdict.held,
        "spoiled": repeats.spoiled,
        "stalls_s": found.stalls_s,
        **found.details,
        "seconds": round(time.monotonic() - started, 1),
    }
    for sentence in found.wrong[:_WRONG_SHOWN]:
        say(sentence)
    if not wanted.json:
        rows = [{"what": name, "count": value} for name, value in _flat(line)]
        screen.print(table(rows, (Column("what", "storm"), Column("count", "", right=True)), ""))
        screen.print("The line has held." if found.verdict.held else "The line has NOT held.")
    print(msgspec.json.encode(line).decode(), flush=True)  # noqa: T201
    return 0 if found.verdict.held else 1


async def _until_it_counts(
    plan: Plan,
    settings: Settings,
    homes: Sequence[Path],
    repeats: Repeats,
    say: Say,
    *,
    kills: bool = True,
) -> Report:
    """Play the plan, again on a fresh line if the machine has spoiled it by standing still."""
    while True:
        begun = time.monotonic()
        try:
            line = storm_settings(settings, homes[repeats.spoiled])
            await asyncio.to_thread(reuse_sounds, settings.home, line.home)
            found = await play(plan, line, say, kills=kills)
        except _UNPLAYABLE as error:
            still = stood_still(begun)
            if still > SLACK_S:
                say(f"it could not be played: {error}")
            if not repeats.again(still):
                raise
            continue
        if not found.verdict.only_late or not repeats.again(found.stalls_s):
            return found
        for sentence in found.wrong[:_WRONG_SHOWN]:
            say(f"thrown away: {sentence}")


async def play(plan: Plan, settings: Settings, say: Say, *, kills: bool = True) -> Report:
    """Play the plan on a line with these settings, and judge; bounded in time.

    `kills`: kill the engine as the plan says.
    """
    limit_s = plan.seconds + _AFTER_S + callbacks_limit_s(plan)
    programs = Programs.find()
    say("preparing sounds, database and configuration")
    agency_port = make_distribution(settings)
    await prepare(settings, programs)
    passwords = await make_accounts(settings, plan)
    client = Client(settings)
    try:
        async with (
            RunningLine(settings, programs, start) as line,
            asyncio.timeout(limit_s + 60),
            StormPlayers(
                programs, settings.home / "sipp", settings.sip_port, passwords, limit_s
            ) as players,
        ):
            since = time.monotonic()
            say(f"Asterisk and the engine are up (SIP on 127.0.0.1:{settings.sip_port})")
            await players.carrier(int(settings.carrier.rpartition(":")[2]))
            await log_in(plan, players, agency_port)
            say(f"{len(plan.desks)} phones are registered, their operators have dialled *11")
            async with Killer(line, client, kills_apart_s(plan), say, kills=kills) as killer:
                played = await storm(plan, players, client, killer, say)
            left = await what_is_left(line, client, settings.wrap_up_s + SETTLE_S)
            await players.stop_phones()
            still = stalls(since)
            played = msgspec.structs.replace(
                played,
                phones=await players.taken(plan),
                heard=await players.heard(),
                troubles=players.troubles(),
                fates=players.fates(),
                stalls=on_the_clock(still),
            )
            stalls_s = round(sum(end - begin for begin, end in still), 2)
    except TimeoutError:
        raise StormFailed(f"The storm was not over within {limit_s + 60:.0f} s.") from None
    say("the line has stopped")
    calls, events = await what_is_kept(settings)
    kept = Kept(
        calls=calls,
        events=events,
        states=await states_kept(settings),
        items=await callbacks_kept(settings),
        incidents=await incidents_kept(settings),
    )
    found = report(plan, played, left, kept, complaints(settings), late_answers(settings))
    return msgspec.structs.replace(found, stalls_s=stalls_s)


def _flat(line: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in line.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{before}{name}: ")
        else:
            rows.append((before + name, value))
    return rows
