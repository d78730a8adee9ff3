"""The citizens and phones of one scenario: SIPp, whose own notes tell who was served and when.

All phones of a group are played by one SIPp at one port. Those who are heard have their audio at
ports of `RtpEndpoints`.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import msgspec

from lab.actors.sipp import SippResult, SippRun, credentials, free_port, run_sipp
from lab.chaos.line import ChaosFailed, ChaosLine
from lab.chaos.notes import Note, read_notes, times
from lab.chaos.rtp_endpoints import RtpEndpoints
from lab.machine.waiting import comes_true, eventually

CITIZEN = "citizen_noted_key_talk_until_bye"
HEARD_CITIZEN = "citizen_heard_noted_talk_until_bye"
PHONE = "phone_noted_answer_some_talk_bye"
HEARD_PHONE = "phone_heard_noted_answer_some_talk_bye"
KEYS = "234"
_ALL_OVER = """INVITE sip:all-over@127.0.0.1:{port} SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{id}\r
From: <sip:all-over@127.0.0.1>;tag={id}\r
To: <sip:all-over@127.0.0.1:{port}>\r
Call-ID: {id}@127.0.0.1\r
CSeq: 1 INVITE\r
Contact: <sip:all-over@127.0.0.1>\r
Content-Length: 0\r
\r
"""
_TOLD_WITHIN_S = 5.0
_LIMIT_S = 1500.0
_BUSY = ("0", "0", "0")  # a phone that has its call takes no other one
_MANY = 5000  # rows; after the last comes the first again
Range = tuple[int, int]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """How the people of a scenario behave; ranges are milliseconds, drawn evenly.

    `key_ms`: from the answer to the key. `ring_ms`, `talk_ms`: of the phones.
    """

    key_ms: Range = (300, 2500)
    ring_ms: Range = (300, 2500)
    talk_ms: Range = (1500, 6000)


QUICK = Behaviour(key_ms=(300, 1500), ring_ms=(300, 1500), talk_ms=(800, 2200))
"""Where a play is to be short: how long people think, ring and talk proves nothing."""


class Players:
    """Everybody who calls and answers on one line; all are stopped when the block is left."""

    def __init__(self, line: ChaosLine, random: Random, behaviour: Behaviour) -> None:
        self._line, self._random, self._behaviour = line, random, behaviour
        self._work = line.home / "sipp"
        self._citizens: list[SippRun] = []
        # only these are told to begin no more calls: SIPp would end the calls of the others
        self._endless: list[SippRun] = []
        self._gone: list[SippRun] = []  # whose calls have been ended by us
        self._phones: list[SippRun] = []
        self._heard: SippRun | None = None
        self._groups = itertools.count(1)

    async def __aenter__(self) -> Players:
        return self

    async def __aexit__(self, *_: object) -> None:
        runs = (*self._citizens, *self._phones)
        await asyncio.gather(*(run.stop() for run in runs), return_exceptions=True)

    # --- phones -----------------------------------------------------------------------------

    async def phones(self, numbers: Sequence[str]) -> None:
        """Register phones and let them take calls."""
        rows = [(self._drawn(one.ring_ms), self._drawn(one.talk_ms)) for one in self._times()]
        await self._take_calls(PHONE, numbers, rows)

    async def heard_phones(self, numbers: Sequence[str], endpoints: RtpEndpoints) -> None:
        """Register phones that answer at once, are heard, and talk with one citizen until told."""
        rows = [("200", "0", str(port)) for port in endpoints.phones]
        self._heard = await self._take_calls(HEARD_PHONE, numbers, rows + [_BUSY] * _MANY)

    async def heard_talks_end(self) -> None:
        """Let all who are heard hang up; one whose talk is over already does nothing."""
        if self._heard is None:
            return
        phones = self._heard

        def over() -> bool:
            _tell(phones.port)
            notes = _notes([phones])
            return set(times(notes, "talks")) <= set(times(notes, "over"))

        # whose talk was cut notes no end: the verdict says so
        await comes_true(over, _TOLD_WITHIN_S, every=0.1)

    async def _take_calls(
        self, scenario: str, numbers: Sequence[str], rows: Iterable[Sequence[str]]
    ) -> SippRun:
        port = free_port()
        accounts = [credentials(one, self._line.passwords[one]) for one in numbers]
        done = await run_sipp(
            self._line.programs,
            self._work,
            "phone_register_ok",
            target=self._target,
            port=port,
            calls=len(accounts),
            rate=100.0,
            limit_s=30.0,
            rows=accounts,
        )
        if done.successful != len(numbers):
            raise ChaosFailed(
                f"Only {done.successful} of {len(numbers)} phones could register; "
                f"SIPp says of the first that could not: {done.why or 'nothing.'}"
            )
        run = SippRun(
            self._line.programs,
            self._work,
            scenario,
            port=port,
            limit_s=_LIMIT_S,
            rows=rows,
            noted=True,
        )
        await run.__aenter__()
        self._phones.append(run)
        return run

    # --- citizens ---------------------------------------------------------------------------

    async def crowd(
        self, *, at_once: int = 3000, calls: int | None = None, rate: float = 20.0
    ) -> SippRun:
        """Let citizens call who press a key and wait: never more than `at_once` together."""
        numbers = self._numbers(calls or _MANY)
        keys = self._behaviour.key_ms
        rows = [(one, "0", self._drawn(keys), self._random.choice(KEYS)) for one in numbers]
        return await self._call(CITIZEN, rows, calls=calls, rate=rate, at_once=at_once)

    async def heard(self, ports: Sequence[int], rate: float = 20.0) -> dict[str, int]:
        """Let citizens call whose audio is at these ports of endpoints; return number to port."""
        callers = dict(zip(self._numbers(len(ports)), ports, strict=True))
        rows = [(number, "0", str(port)) for number, port in callers.items()]
        await self._call(HEARD_CITIZEN, rows, calls=len(rows), rate=rate)
        return callers

    async def _call(
        self,
        scenario: str,
        rows: Sequence[Sequence[str]],
        *,
        calls: int | None,
        rate: float,
        at_once: int = 3000,
    ) -> SippRun:
        run = SippRun(
            self._line.programs,
            self._work,
            scenario,
            target=self._target,
            calls=calls,
            rate=rate,
            at_once=at_once,
            limit_s=_LIMIT_S,
            rows=rows,
            noted=True,
        )
        await run.__aenter__()
        self._citizens.append(run)
        if calls is None:
            self._endless.append(run)
        return run

    async def all_go(self) -> None:
        """End the calls of everybody who has called so far: the line has left them."""
        await asyncio.gather(*(run.stop() for run in self._citizens))
        self._gone += self._citizens
        self._citizens, self._endless = [], []

    async def all_served(self, within: float) -> list[SippResult]:
        """Let nobody call any more; wait until the last citizen has gone; return SIPp's counts."""
        for run in self._endless:
            run.no_more_calls()
        try:
            async with asyncio.timeout(within):
                return list(await asyncio.gather(*(run.result() for run in self._citizens)))
        except TimeoutError:
            await asyncio.gather(*(run.stop() for run in self._citizens))
            return list(await asyncio.gather(*(run.result() for run in self._citizens)))

    # --- what they noted --------------------------------------------------------------------

    def citizens_notes(self) -> list[Note]:
        """What all citizens have noted so far."""
        return _notes((*self._gone, *self._citizens))

    def phones_notes(self) -> list[Note]:
        """What all phones have noted so far."""
        return _notes(self._phones)

    async def talking(self, count: int, within: float) -> None:
        """Wait until so many talks have begun."""

        def begun() -> bool:
            return sum(note.what == "talks" for note in self.phones_notes()) >= count

        what = f"{count} talks have begun"
        await eventually(begun, within, what, every=0.1, error=ChaosFailed)

    @property
    def _target(self) -> str:
        return f"127.0.0.1:{self._line.settings.sip_port}"

    def _numbers(self, count: int) -> list[str]:
        group = next(self._groups)
        return [f"08{group:02d}{index:06d}" for index in range(count)]

    def _times(self) -> list[Behaviour]:
        return [self._behaviour] * _MANY

    def _drawn(self, bounds: Range) -> str:
        return str(self._random.randint(*bounds))


def _tell(port: int) -> None:
    """Tell SIPp's heard phones at this port that all talks are over; nobody answers that."""
    id = secrets.token_hex(8)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(_ALL_OVER.format(port=port, id=id).encode(), ("127.0.0.1", port))


def _notes(runs: Iterable[SippRun]) -> list[Note]:
    return [note for run in runs for note in read_notes(_text(run.notes))]


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.exists() else ""
