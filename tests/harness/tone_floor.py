"""A line on which everybody has a tone of their own, or plays back what it hears (SIPp).

Who hears whom is told by the tones; a SIPp phone is heard as the echo of the citizen's own tone.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from lines import PASSWORD, Line, eventually, open_line
from tone_phone import FRAME, LISTEN_S, LOOK_S, RATE, Dialog, TonePhone, from_now

from acd.calls.record import CallRecord, EventKind, fold
from lab.actors.sipp import SippRun, free_port
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

CITIZEN_HZ = 600
AGENCY = "110"
TONES = {"101": 1000, "102": 1400, "103": 1800, AGENCY: 2200}
EVERYBODY = {CITIZEN_HZ, *TONES.values()}
SILENCE_S = 0.5  # no citizen who is up hears nothing for longer
NOT_AT_ONCE_S = 0.6  # who hangs up within half a second of the answer has not taken the call
FREE_S = 1.0  # within which a change is to be seen at phones and in operators' states


AGENCIES = """
[agencies.110]
name = "Polisi"
number = "sip:110@127.0.0.1:{port}"
[agencies.118]
name = "Ambulans"
number = "sip:118@127.0.0.1:{dead}"
fallback = "sip:110@127.0.0.1:{port}"
[agencies.119]
name = "Tidak ada"
number = "sip:119@127.0.0.1:{dead}"
"""


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

    async def all_idle(self, *numbers: str) -> None:
        """The operators there come to be idle, at phones that are free."""
        await eventually(lambda: self.line.idle(numbers), what=f"{numbers} idle")


class Scene:
    """What one test sets up, and looks at."""

    def __init__(self, floor: Floor, stack: AsyncExitStack, caller: str) -> None:
        self._floor, self.line, self._stack, self.caller = floor, floor.line, stack, caller
        self.phones: dict[str, TonePhone] = {}
        self._in: list[str] = []
        self.since = 0.0

    async def tone_phone(self, number: str, answers: bool = True) -> TonePhone:
        """A phone with its tone; its operator is logged in."""
        port = self.line.settings.sip_port
        phone = TonePhone(number, TONES[number], port, PASSWORD)
        phone.answers = answers
        self.phones[number] = await self._stack.enter_async_context(phone)
        await self._log_in(number)
        return phone

    async def agency(self, answers: bool = True) -> TonePhone:
        """The agency 110, which has no account, with its tone."""
        port = self.line.settings.sip_port
        phone = TonePhone(AGENCY, TONES[AGENCY], port, port=self._floor.agency_port)
        phone.answers = answers
        self.phones[AGENCY] = await self._stack.enter_async_context(phone)
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

    async def pause(self, *numbers: str) -> None:
        """The operators there are away, until they are `ready`."""
        for number in numbers:
            await self.line.post(f"/api/operators/1{number}/pause", {"reason": "prayer"})

    async def ready(self, number: str) -> None:
        """The operator there is ready again."""
        await self.line.post(f"/api/operators/1{number}/ready")

    async def all_out(self) -> None:
        for number in self._in:
            await self.line.post(f"/api/operators/1{number}/logout")

    async def state(self, number: str) -> str:
        listed = (await self.line.get("/api/operators"))["operators"]
        return str(next(one["state"] for one in listed if one["id"] == f"1{number}"))

    async def in_state(self, number: str, *states: str, within: float = FREE_S) -> None:
        """An operator comes to be in one of these states."""

        async def so() -> bool:
            return await self.state(number) in states

        await eventually(so, within, f"operator at {number} {states}")

    async def citizen(self, key: str = "2") -> TonePhone:
        """A citizen dials 112 and presses a key."""
        self.citizen_phone, self.citizen_call = await self.caller_with(self.caller, key)
        return self.citizen_phone

    async def caller_with(self, number: str, key: str) -> tuple[TonePhone, Dialog]:
        """Whoever has this number dials 112 and presses a key; the phone and its call."""
        phone = TonePhone(number, CITIZEN_HZ, self.line.settings.sip_port)
        await self._stack.enter_async_context(phone)
        call = await phone.dial("112")
        await eventually(lambda: phone.packets(0.3) > 5, what="the menu is heard")
        await phone.press(key)
        return phone, call

    @property
    def another_caller(self) -> str:
        """The number of a second citizen of this scene; it does not hold the first one's."""
        return f"07{self.caller[2:]}"

    async def talk(self) -> Dialog:
        """The citizen and 101 talk and hear each other; from the answer on silence counts."""
        citizen, first = await self.citizen(), self.phones["101"]
        dialog = await first.answered()
        self.since = time.monotonic()
        await self.together(first)
        await eventually(lambda: citizen.packets(0.3) > 7, what="audio flows to the citizen")
        return dialog

    async def hear(
        self, wanted: Mapping[TonePhone, Iterable[TonePhone]], within: float = 6.0
    ) -> None:
        """In one moment from now on, each of these phones hears those given and nobody else.

        Who is to hear no one hears music or words.
        """
        want = {phone: {one.hz for one in others} for phone, others in wanted.items()}

        def heard() -> bool:
            return all(
                phone.hears(*EVERYBODY) == tones
                if tones
                else phone.hears_sound_of_nobody(EVERYBODY)
                for phone, tones in want.items()
            )

        try:
            await eventually(from_now(heard), within, every=LOOK_S)
        except AssertionError:
            names = {phone.hz: phone.name for phone in [*want, *self.phones.values()]}
            last = {
                phone.name: (
                    [names.get(hz, hz) for hz in phone.hears(*EVERYBODY)],
                    phone.packets(LISTEN_S),
                )
                for phone in want
            }
            told = {
                phone.name: [names.get(hz, hz) for hz in tones] for phone, tones in want.items()
            }
            raise AssertionError(f"wanted {told}; heard last, and packets: {last}") from None

    async def together(self, *phones: TonePhone, within: float = 6.0) -> None:
        """The citizen and these phones, and nobody else, hear each other."""
        all_of_them = [self.citizen_phone, *phones]
        await self.hear(
            {one: [other for other in all_of_them if other is not one] for one in all_of_them},
            within,
        )
        self.since = self.since or time.monotonic()

    async def music_goes_on(self, seconds: float = 1.0) -> None:
        """The citizen hears music, and goes on hearing it for so long."""
        citizen = self.citizen_phone
        await citizen.hears_music(EVERYBODY)
        wanted = citizen.packets_in_all() + round(seconds * RATE / FRAME)
        await goes_on(seconds)
        await eventually(lambda: citizen.packets_in_all() >= wanted, what=f"{seconds} s of music")
        assert citizen.hears_sound_of_nobody(EVERYBODY, seconds)

    async def apart(self, one: TonePhone, other: TonePhone, within: float = 6.0) -> None:
        """The two hear each other and nobody else, and the citizen hears music."""
        await self.hear({one: [other], other: [one], self.citizen_phone: []}, within)

    async def ring(self, phone: TonePhone, number: str) -> Dialog:
        """101 rings this one by keys; it rings there, and nobody has moved."""
        known = len(phone.dialogs)
        await self.phones["101"].press(f"*2{number}#")
        await eventually(lambda: len(phone.dialogs) > known, what=f"{phone.name} rings")
        return phone.dialogs[-1]

    async def with_an_echo(self, within: float = 6.0) -> None:
        """The citizen hears its own tone, played back by SIPp: both ways work."""
        await self.citizen_phone.hears_only({CITIZEN_HZ}, EVERYBODY, within)
        self.since = self.since or time.monotonic()

    async def free(self, *phones: TonePhone) -> None:
        """Soon these phones have no call, and their operators are idle or in wrap-up."""
        await eventually(
            lambda: all(one.has_no_call() for one in phones),
            FREE_S,
            f"{[one.name for one in phones]} without a call",
        )
        for one in phones:
            if one.name in self._in:
                await self.in_state(one.name, "idle", "wrap_up", within=FREE_S)

    async def waits(self, count: int) -> None:
        """So many calls come to wait for an operator."""

        async def so() -> bool:
            return bool((await self.line.get("/api/status"))["queue"]["length"] == count)

        await eventually(so, FREE_S, f"{count} calls wait")

    async def failures(self) -> list[str]:
        """Why the handings over so far failed."""
        (record,) = await self.line.records(self.caller)
        events = (await self.line.history(record.call_id)).events
        return [one.data["reason"] for one in events if one.kind is EventKind.TRANSFER_FAILED]

    async def have_failed(self, *reasons: str) -> None:
        """The handings over come to have failed for these reasons, in this order."""

        async def so() -> bool:
            return await self.failures() == list(reasons)

        await eventually(so, 4.0, f"failures {reasons}")

    def not_in_silence(self) -> None:
        """The citizen has never heard nothing for long."""
        silence = self.citizen_phone.longest_silence(self.since)
        assert silence < SILENCE_S, f"the citizen heard nothing for {silence:.2f} s"

    def citizen_hangs_up(self) -> None:
        """The citizen, who was never in silence, hangs up."""
        self.not_in_silence()
        self.citizen_phone.hang_up(self.citizen_call)

    async def over(self) -> CallRecord:
        """The citizen hangs up (if still there), all are free soon; the record of the call."""
        self.not_in_silence()
        if not self.citizen_call.over:
            self.citizen_phone.hang_up(self.citizen_call)
        await self.free(*self.phones.values())
        return await self.ended()

    async def ended(self) -> CallRecord:
        """The one record, once the call has ended; nobody has a call, every operator is free.

        The record is the fold of its events.
        """
        phones = [self.citizen_phone, *self.phones.values()]
        await eventually(
            lambda: all(one.has_no_call() for one in phones), 3.0, "all calls are closed"
        )
        (record,) = await self.line.ended(1, self.caller)
        assert record.outcome == "answered"
        assert all(leg.left_at is not None and leg.reason for leg in record.legs)
        assert all(leg.operator in (None, f"1{leg.phone}") for leg in record.legs)
        history = await self.line.history(record.call_id)
        again = fold(record.call_id, history.events)
        assert again.legs == record.legs
        assert (again.holds, again.transfers) == (record.holds, record.transfers)
        numbers = tuple(self._in)
        await eventually(lambda: self.line.idle(numbers), 2.0, "all are idle, their phones free")
        return record


async def goes_on(seconds: float) -> None:
    """What is, stays so for a while: the other side must notice that it is not at once."""
    until = time.monotonic() + seconds
    await eventually(lambda: time.monotonic() >= until, what=f"{seconds} s are over")


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
    """A line that takes REFER, with agencies; fire rings all, police is number 92, power is 94.

    Nothing is ever at the agency 119, nor at the first number of 118, whose second is that of 110:
    Asterisk goes on sending its INVITE for half a minute. Who has missed an offer gets the next one
    at once. Nobody is at the phone 104.
    """
    port, dead = free_port(), free_port()
    distribution = (PROJECT / "acd" / "distribution.toml").read_text("utf-8")
    for rest in ("0.5", "3.0", "5.0"):
        counts = f"rest_s = {rest}, counts = true"
        assert counts in distribution
        distribution = distribution.replace(counts, "rest_s = 0.0, counts = false")
    (home / "distribution.toml").write_text(distribution + AGENCIES.format(port=port, dead=dead))
    menu = (PROJECT / "ivr" / "menu.toml").read_text("utf-8")
    plain = 'fire = { label = "KEBAKARAN" }'
    assert plain in menu
    changed = 'fire = { label = "KEBAKARAN", strategy = "ring-all" }'
    (home / "menu.toml").write_text(menu.replace(plain, changed))
    settings = {
        "refer": "on",
        "ring_timeout_s": 2.0,
        "wrap_up_s": 0.05,
        "preferred_s": 0.0,
        "distribution_file": home / "distribution.toml",
        "menu_file": home / "menu.toml",
        **changes,
    }
    async with open_line(home, programs, sounds, **settings) as line:
        yield Floor(line, port, callers)


__all__ = [
    "AGENCY",
    "EVERYBODY",
    "FREE_S",
    "NOT_AT_ONCE_S",
    "Floor",
    "Scene",
    "TonePhone",
    "ends",
    "goes_on",
    "open_floor",
    "played",
]
