"""Measure 7: more calls than the operators can serve, for some seconds: who is served, and when.

The settings are those of production, 300 phones are registered, and citizens wait as long as it
takes; in one of the surges they have no patience and dial again. 20 operators talk 1.0 to 1.4 s, so
about 16 calls a second can be served. Each surge has a fresh line, ours and app_queue by turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from acd.rules.rules import LABELS
from lab.actors.sipp import SippRun
from lab.bench.load import CITIZEN, KEY, Play, phones_of, read_run
from lab.bench.peers import Ground, OurLine, Peer, PlainAsterisk
from lab.bench.stage import Figures, Stage
from lab.chaos import processes
from lab.chaos.notes import FALLBACK, Note, times
from lab.chaos.verdict import passed
from lab.machine.stalls import stood_still

OPERATORS = 20
TALK_MS = (1000, 1400)
KEY_MS = (200, 400)
PATIENCE_MS = (10_000, 30_000)
IMPATIENT = "citizen_noted_impatient_until_bye"
OUT_OF_TURN_S = 2.0
"""Who dialled so much later than the next one who was served was served out of turn."""
BACK_S = 0.5
"""So long a call takes, at most, from being dialled again to an operator's talk."""
_LOOK_S = 0.5
_SLOWEST_CPS = 4.0  # what is served more slowly than that is not waited for


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """One surge: `rate` calls a second for so many seconds.

    `impatient`: citizens hang up after 10 to 30 s and dial again, up to five times.
    """

    rate: float
    seconds: float
    impatient: bool = False

    @property
    def name(self) -> str:
        """What the result calls it."""
        return f"{self.rate:.0f}{' impatient' * self.impatient}"

    @property
    def calls(self) -> int:
        """How many citizens call."""
        return round(self.rate * self.seconds)


SURGES = (
    Wave(rate=60.0, seconds=20.0),
    Wave(rate=60.0, seconds=20.0, impatient=True),
    Wave(rate=100.0, seconds=20.0),
    Wave(rate=200.0, seconds=10.0),
)
QUICK_SURGES = (Wave(rate=40.0, seconds=5.0),)


class Surge(msgspec.Struct, frozen=True, kw_only=True):
    """How one surge went. Seconds are from the first call dialled to the last one's end.

    `out_of_turn`: by each citizen's first call, of those who were in line. `gave_up`: how often
    somebody hung up to dial again. `rings_of_fallback`: at the phones. `stalls_s`: for how long
    the machine stood still.
    """

    offered: int
    served: int
    out_of_turn: int
    rings_of_fallback: int
    seconds: float
    asterisk_lives: bool
    gave_up: int = 0
    stalls_s: float = 0.0


def judge(
    citizens: Sequence[Note], phones: Sequence[Note], *, lives: bool, stalls_s: float = 0.0
) -> Surge:
    """Find out from what was noted who was served, in which order, and how long it took. Pure."""
    dialled, over = times(citizens, "dialled"), times(citizens, "over")
    talks = times(phones, "talks")
    talked = talks.keys() & dialled.keys()
    rings = sum(one.what == "rings" and one.shown == FALLBACK for one in phones)
    began = min(dialled.values(), default=0.0)
    return Surge(
        offered=len(dialled),
        served=len(talked),
        out_of_turn=out_of_turn(citizens, phones),
        rings_of_fallback=rings,
        seconds=round(max(over.values(), default=began) - began, 1),
        asterisk_lives=lives,
        # patience that ends in the talk is no patience that was wanting
        gave_up=sum(
            one.what == "gave_up" and one.at < talks.get(one.citizen, one.at + 1.0)
            for one in citizens
        ),
        stalls_s=stalls_s,
    )


def out_of_turn(citizens: Sequence[Note], phones: Sequence[Note]) -> int:
    """Count who was served although the next one had dialled earlier, and was in line. Pure.

    Who had hung up when the other began to talk, or had dialled again less than `BACK_S` before,
    was not there to be served; nor was who said nothing to the menu, which asks for ten seconds.
    """
    talked, away = times(phones, "talks"), _away(citizens)
    silent = {one.citizen for one in phones if LABELS["silent"] in one.shown.split()}

    def was_in_line(who: str, at: float) -> bool:
        left = any(since <= at <= until + BACK_S for since, until in away.get(who, ()))
        return not left and who not in silent

    pairs = passed(citizens, phones, OUT_OF_TURN_S)
    return sum(was_in_line(other, talked[one]) for one, other in pairs)


def _away(citizens: Sequence[Note]) -> dict[str, list[tuple[float, float]]]:
    """From when to when each citizen had hung up to dial again."""
    found: dict[str, list[tuple[float, float]]] = {}
    gone: dict[str, float] = {}
    for one in sorted(citizens, key=lambda note: note.at):
        if one.what == "gave_up":
            gone[one.citizen] = one.at
        elif one.what == "dialled" and one.citizen in gone:
            found.setdefault(one.citizen, []).append((gone.pop(one.citizen), one.at))
    return found


async def measure(stage: Stage) -> Figures:
    """Play every surge against both, a fresh line each time."""
    found: dict[str, dict[str, Surge]] = {}
    for wave in QUICK_SURGES if stage.quick else SURGES:
        for kind in ("app_queue", "ours"):
            async with a_peer(kind, f"surge_{wave.name.replace(' ', '_')}", stage.ground) as peer:
                one = await play(peer, stage, wave)
            found.setdefault(wave.name, {})[kind] = one
            stage.say(f"surge of {wave.name} calls a second, {kind}: {words(one)}")
    return {"surge": {name: both(runs) for name, runs in found.items()}}


def a_peer(kind: str, name: str, ground: Ground, *, production: bool = True) -> Peer:
    """A fresh line; ours with the limits of production, or with none."""
    if kind == "ours":
        return OurLine(f"ours_{name}", ground, production=production)
    return PlainAsterisk(f"app_queue_{name}", ground)


def both(runs: dict[str, Surge]) -> Figures:
    """What both did, and for how long ours was busy against app_queue."""
    ours, queue = runs["ours"], runs["app_queue"]
    figures: Figures = {name: msgspec.structs.asdict(one) for name, one in runs.items()}
    figures["lost"] = ours.offered - ours.served
    figures["seconds_ratio"] = ours.seconds / queue.seconds if queue.seconds else None
    return figures


def words(one: Surge) -> str:
    """One surge in words."""
    text = f"{one.served} of {one.offered} served within {one.seconds:.0f} s"
    text += f", {one.out_of_turn} out of turn, {one.rings_of_fallback} rings of the fallback"
    return text if one.asterisk_lives else f"{text}; Asterisk is DEAD"


async def play(peer: Peer, stage: Stage, wave: Wave) -> Surge:
    """Let the citizens call, and wait until all of them have been served or have given up."""
    await peer.on_duty(OPERATORS)
    random, work = stage.random("surge", wave.name), peer.settings.home / "sipp"
    what = Play(operators=OPERATORS, talk_ms=TALK_MS, at_once=wave.calls)
    limit_s = wave.seconds + 30.0 + wave.calls / _SLOWEST_CPS
    citizens = citizens_of(peer, stage, wave, limit_s)
    lives, since = True, time.monotonic()
    async with phones_of(peer, work, what, random) as phones, citizens:
        while lives and time.monotonic() - since < limit_s:
            await asyncio.sleep(_LOOK_S)
            lives = processes.asterisk(peer.settings.home) is not None
            if sum(one.what == "over" for one in read_run(citizens)) >= wave.calls:
                break
        stalls_s = round(stood_still(since), 2)
        found = judge(read_run(citizens), read_run(phones), lives=lives, stalls_s=stalls_s)
        if lives:
            await peer.hang_up_all()
    return found


def citizens_of(peer: Peer, stage: Stage, wave: Wave, limit_s: float) -> SippRun:
    """The citizens of a surge; a row each."""
    random = stage.random("citizens", wave.name)
    rows = [
        (f"0811{index:06d}", str(random.randint(*PATIENCE_MS)))
        if wave.impatient
        else (f"0811{index:06d}", "0", str(random.randint(*KEY_MS)), KEY)
        for index in range(wave.calls)
    ]
    return SippRun(
        peer.ground.programs,
        peer.settings.home / "sipp",
        IMPATIENT if wave.impatient else CITIZEN,
        target=f"127.0.0.1:{peer.settings.sip_port}",
        rate=wave.rate,
        at_once=wave.calls,
        calls=wave.calls,
        limit_s=limit_s,
        yields=True,
        rows=rows,
        noted=True,
    )
