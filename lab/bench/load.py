"""The load that all peers get: SIPp's citizens and phones, the same seeds, and what they noted.

A play has its phones answer at once, its citizens press a key and wait until somebody answers. No
more citizens than `at_once` are up together; the next one calls when one has gone, so a queue with
some to spare never empties.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from lab.actors.sipp import SippRun
from lab.bench.peers import Peer
from lab.chaos.notes import Note, read_notes
from lab.machine.stalls import stood_still

PHONE = "phone_noted_answer_some_talk_bye"
CITIZEN = "citizen_noted_key_talk_until_bye"
GOES_CITIZEN = "citizen_noted_key_talk_bye"
KEY = "2"
_MANY = 5000  # rows; after the last comes the first again
_LIMIT_S = 600.0
_END_S = 5.0
Range = tuple[int, int]


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """One run: how people behave, how many there are, and for how long.

    `talk_ms`, `key_ms` (from the answer to the key): ranges, drawn evenly. `rate`: calls a second
    until `at_once` are up. `warm_s`: before the window in which is measured, `window_s`.
    """

    operators: int
    talk_ms: Range
    at_once: int
    key_ms: Range = (300, 300)
    rate: float = 50.0
    warm_s: float = 3.0
    window_s: float = 8.0


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What phones and citizens noted, and the window (seconds since the epoch).

    `stalls_s`: for how long the machine stood still in it.
    """

    phones: list[Note]
    citizens: list[Note]
    begun: float
    ended: float
    stalls_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How long the window was."""
        return self.ended - self.begun


class Window:
    """Called at both ends of the window; for what is to be read in exactly this time."""

    def open(self, peer: Peer) -> None:
        """The window begins."""

    def close(self, peer: Peer) -> None:
        """The window ends."""


async def play(peer: Peer, what: Play, random: Random, window: Window | None = None) -> Noted:
    """Play once against a peer, and leave it without a call."""
    await peer.on_duty(what.operators)
    work = peer.settings.home / "sipp"
    phones = phones_of(peer, work, what, random)
    citizens = citizens_of(peer, work, what, random)
    window = window or Window()
    async with phones, citizens:
        await asyncio.sleep(what.warm_s)
        begun, since = time.time(), time.monotonic()
        window.open(peer)
        await asyncio.sleep(what.window_s)
        window.close(peer)
        ended, stalls_s = time.time(), stood_still(since)
        citizens.no_more_calls()
        await peer.hang_up_all()
        await citizens.stop(within=_END_S)
    return Noted(
        phones=read_run(phones),
        citizens=read_run(citizens),
        begun=begun,
        ended=ended,
        stalls_s=stalls_s,
    )


def phones_of(
    peer: Peer, work: Path, what: Play, random: Random, *, yields: bool = True
) -> SippRun:
    """The phones of a peer, which answer at once. `yields`: to the line, on the processor."""
    rows = [("0", _drawn(random, what.talk_ms)) for _ in range(_MANY)]
    port = peer.phones_port
    return SippRun(
        peer.ground.programs,
        work,
        PHONE,
        port=port,
        limit_s=_LIMIT_S,
        yields=yields,
        rows=rows,
        noted=True,
    )


def citizens_of(
    peer: Peer, work: Path, what: Play, random: Random, *, yields: bool = True
) -> SippRun:
    """The citizens of a peer, so many at once. `yields`: to the line, on the processor."""
    bare = peer.name == "bare"
    rows: list[Sequence[str]] = []
    for index in range(_MANY):
        number, key_ms = f"0811{index:06d}", _drawn(random, what.key_ms)
        talk_ms = _drawn(random, what.talk_ms)
        rows.append((number, key_ms, KEY, talk_ms) if bare else (number, "0", key_ms, KEY))
    return SippRun(
        peer.ground.programs,
        work,
        GOES_CITIZEN if bare else CITIZEN,
        target=f"127.0.0.1:{peer.settings.sip_port}",
        rate=what.rate,
        at_once=what.at_once,
        limit_s=_LIMIT_S,
        yields=yields,
        rows=rows,
        noted=True,
    )


def _drawn(random: Random, bounds: Range) -> str:
    return str(random.randint(*bounds))


def read_run(run: SippRun) -> list[Note]:
    """What one SIPp has noted so far."""
    return read_notes(run.notes.read_text("utf-8", "replace") if run.notes.exists() else "")
