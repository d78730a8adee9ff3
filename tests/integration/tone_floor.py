"""A line on which everybody has a tone of their own, or plays back what it hears (SIPp).

Who hears whom is told by the tones; a SIPp phone is heard as the echo of the citizen's own tone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from lines import PASSWORD, Line, eventually, open_line
from tone_phone import Dialog, TonePhone

from acd.records import CallRecord, fold
from ngalam112.demo.players import PlayedPhone
from ngalam112.demo.sipp import SippRun, free_port
from ngalam112.settings import PROJECT
from pbx.programs import Programs

CITIZEN_HZ = 600
TONES = {"101": 1000, "102": 1400, "103": 1800}
EVERYBODY = {CITIZEN_HZ, *TONES.values()}
SILENCE_S = 0.6  # no citizen who is up hears nothing for longer


class Floor:
    """One citizen at a time, phone 101 who takes the call, and others."""

    def __init__(self, line: Line, agency_port: int, callers: str) -> None:
        self.line, self.agency_port = line, agency_port
        self._callers, self._count = callers, 0
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def scene(self, *phones: str) -> AsyncIterator[Scene]:
        """Phones with tones, their operators logged in; the rest is what the scene adds."""
        self._count += 1
        async with AsyncExitStack() as stack:
            scene = Scene(self, stack, f"{self._callers}{self._count:02}")
            try:
                for number in phones:
                    await scene.tone_phone(number)
                yield scene
            finally:
                await scene.all_out()
        await self.line.is_empty()


class Scene:
    """What one test sets up, and looks at."""

    def __init__(self, floor: Floor, stack: AsyncExitStack, caller: str) -> None:
        self._floor, self.line, self._stack, self.caller = floor, floor.line, stack, caller
        self.phones: dict[str, TonePhone] = {}
        self._in: list[str] = []
        self.since = 0.0

    async def tone_phone(self, number: str) -> TonePhone:
        """A phone with its tone; its operator is logged in."""
        port = self.line.settings.sip_port
        phone = TonePhone(number, TONES[number], port, PASSWORD)
        self.phones[number] = await self._stack.enter_async_context(phone)
        await self._log_in(number)
        return phone

    async def sipp_phone(self, number: str, scenario: str, **keys: str) -> SippRun:
        """A SIPp phone that behaves so, and plays back what it hears; its operator is logged in."""
        played = await self.line.players.register(number, PASSWORD)
        run = await self._play(played.port, scenario, keys)
        await self._log_in(number)
        return run

    async def sipp_agency(self, scenario: str) -> SippRun:
        """The agency 110, by SIPp."""
        # any number of calls: what is left of an earlier test's transactions comes to this port too
        return await self._play(self._floor.agency_port, scenario, {}, None)

    async def _play(
        self, port: int, scenario: str, keys: Mapping[str, str], calls: int | None = 1
    ) -> SippRun:
        work = self.line.settings.home / "sipp"
        run = SippRun(
            self.line.programs,
            work,
            scenario,
            port=port,
            echo=True,
            limit_s=60,
            keys=keys,
            rows=[("", "0", "0")],  # some of the scenarios would ring or talk for so long
            calls=calls,
        )
        return await self._stack.enter_async_context(run)

    async def _log_in(self, number: str) -> None:
        await self.line.post(f"/api/operators/1{number}/login", {"phone": number})
        self._in.append(number)

    async def all_out(self) -> None:
        for number in self._in:
            await self.line.post(f"/api/operators/1{number}/logout")

    async def state(self, number: str) -> str:
        listed = (await self.line.get("/api/operators"))["operators"]
        return str(next(one["state"] for one in listed if one["id"] == f"1{number}"))

    async def in_state(self, number: str, *states: str, within: float = 4.0) -> None:
        """An operator comes to be in one of these states."""

        async def so() -> bool:
            return await self.state(number) in states

        await eventually(so, within, f"operator at {number} {states}")

    async def citizen(self, key: str = "2") -> TonePhone:
        """A citizen dials 112 and presses a key."""
        phone = TonePhone(self.caller, CITIZEN_HZ, self.line.settings.sip_port)
        self.citizen_phone = await self._stack.enter_async_context(phone)
        self.citizen_call = await phone.dial("112")
        await eventually(lambda: phone.packets(0.3) > 5, what="the menu is heard")
        await phone.press(key)
        return phone

    async def talk(self) -> Dialog:
        """The citizen and 101 talk; they hear each other, and from now on silence counts."""
        citizen, first = await self.citizen(), self.phones["101"]
        dialog = await first.answered()
        await self.together(first)
        assert citizen.packets(0.3) > 7
        return dialog

    async def together(self, *phones: TonePhone, within: float = 6.0) -> None:
        """The citizen and these phones, and nobody else, hear each other."""
        all_hz = {self.citizen_phone.hz, *(one.hz for one in phones)}
        for one in (self.citizen_phone, *phones):
            await one.hears_only(all_hz - {one.hz}, EVERYBODY, within)
        self.since = self.since or time.monotonic()

    async def with_an_echo(self, within: float = 6.0) -> None:
        """The citizen hears its own tone, played back by SIPp: both ways work."""
        await self.citizen_phone.hears_only({CITIZEN_HZ}, EVERYBODY, within)
        self.since = self.since or time.monotonic()

    def not_in_silence(self) -> None:
        """The citizen has never heard nothing for long."""
        silence = self.citizen_phone.longest_silence(self.since)
        assert silence < SILENCE_S, f"the citizen heard nothing for {silence:.2f} s"

    async def over(self) -> CallRecord:
        """The citizen hangs up (if still there): the record, which is the fold of its events."""
        self.not_in_silence()
        if not self.citizen_call.over:
            self.citizen_phone.hang_up(self.citizen_call)
        return await self.ended()

    async def ended(self) -> CallRecord:
        """The record, once the call has ended; every operator is free again."""
        record = (await self.line.ended(1, self.caller))[0]
        history = await self.line.history(record.call_id)
        again = fold(record.call_id, history.events)
        assert again.legs == record.legs
        assert (again.holds, again.transfers) == (record.holds, record.transfers)
        for number in self._in:
            await self.in_state(number, "idle", "wrap_up", within=2.0)
        return record


def ends(record: CallRecord) -> list[tuple[str | None, str, str | None]]:
    """Of each leg of a record: the operator or the address, how it came, how it ended."""
    return [(leg.operator or leg.phone, leg.how, leg.reason) for leg in record.legs]


async def played(run: SippRun) -> None:
    """What SIPp was to play has been played to its end: at least once, and without a failure.

    A SIPp that ends at once, for it cannot read its scenario, looks to the line like a phone that
    is not there.
    """
    if run.endless:
        run.no_more_calls()
    result = await run.result()
    assert result.successful and not result.failed, result


@asynccontextmanager
async def open_floor(
    home: Path, programs: Programs, sounds: Path, callers: str, **changes: Any
) -> AsyncIterator[Floor]:
    """A line that takes REFER, with an agency 110; fire rings all, and police is number 92.

    Nothing is ever at the agency 119: Asterisk goes on sending its INVITE for half a minute.
    """
    port, dead = free_port(), free_port()
    (home / "distribution.toml").write_text(
        (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
        + f'\n[agencies.110]\nname = "Polisi"\nnumber = "sip:110@127.0.0.1:{port}"\n'
        + f'\n[agencies.119]\nname = "Ambulans"\nnumber = "sip:119@127.0.0.1:{dead}"\n'
    )
    menu = (PROJECT / "ivr" / "menu.toml").read_text("utf-8")
    plain = 'fire = { label = "KEBAKARAN" }'
    assert plain in menu
    changed = 'fire = { label = "KEBAKARAN", strategy = "ring-all" }'
    (home / "menu.toml").write_text(menu.replace(plain, changed))
    settings = {
        "refer": "on",
        "ring_timeout_s": 2.0,
        "wrap_up_s": 0.2,
        "preferred_s": 0.0,
        "distribution_file": home / "distribution.toml",
        "menu_file": home / "menu.toml",
        **changes,
    }
    async with open_line(home, programs, sounds, desks=3, **settings) as line:
        yield Floor(line, port, callers)


__all__ = ["EVERYBODY", "Floor", "PlayedPhone", "Scene", "ends", "open_floor", "played"]
