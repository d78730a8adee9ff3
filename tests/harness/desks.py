"""Three operators, an agency and citizens at real softphones, and who of them hears whom.

Each speaks with a tone of its own, so what a phone hears tells who speaks there. What the citizen
hears is kept from the operator's answer on: a gap in it is a citizen left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from lines import PASSWORD, Line, eventually, open_line

from acd.calls.record import CallRecord, EventKind
from lab.actors.phone_facts import Transfer
from lab.actors.sipp import free_port
from lab.actors.softphone import Softphone
from lab.audio.recording import Recording, longest_gap, voices
from ngalam112.config.settings import PROJECT
from pbx.programs import Programs

DESKS = {"101": 850, "102": 1100, "103": 1450}
AGENCY_HZ = 1900
CITIZEN_HZ = 600
FREE_S = 1.0  # within which a change is to be seen in everybody's state
GAP_S = 0.5  # no citizen hears nothing for longer
RING_S = 3.0

AGENCIES = """
[agencies.110]
name = "Polresta"
number = "sip:110@127.0.0.1:{port}"
[agencies.118]
name = "Ambulans"
number = "sip:nobody@127.0.0.1:{dead}"
fallback = "sip:110@127.0.0.1:{port}"
[agencies.119]
name = "Tidak ada"
number = "sip:nobody@127.0.0.1:{dead}"
"""


class Talk:
    """A citizen and who is there: `first` has answered; `second` and `third` have not."""

    def __init__(
        self, room: Room, citizen: Softphone, first: Softphone, recording: Recording
    ) -> None:
        self.room, self.line, self.caller, self.recording = (
            room,
            room.line,
            citizen.number,
            recording,
        )
        self.citizen, self.first = citizen, first
        self.second, self.third = (one for one in room.desks if one is not first)
        self.phones = {
            "citizen": citizen,
            "first": first,
            "second": self.second,
            "third": self.third,
            "agency": room.agency,
        }
        self.tones = {name: phone.tone_hz for name, phone in self.phones.items()}
        self.call = first.current()

    async def hear(self, within: float = 8.0, **wanted: str) -> None:
        """Wait until each of them hears those whose names are given, and nobody else."""
        want = {name: set(whom.split()) for name, whom in wanted.items()}
        seen: list[dict[str, set[str]]] = []

        async def heard() -> bool:
            samples = await asyncio.gather(*(self.phones[name].listen(0.4) for name in want))
            seen.append(
                {name: voices(one, self.tones) for name, one in zip(want, samples, strict=True)}
            )
            return seen[-1] == want

        try:
            await eventually(heard, within)
        except AssertionError:
            raise AssertionError(f"wanted {want}, heard in turn {seen}") from None

    async def talk_together(self, one: str = "citizen", other: str = "first") -> None:
        """Wait until the two hear each other and nobody else, with RTP both ways at both."""
        await self.hear(**{one: other, other: one})
        await asyncio.gather(*(self.phones[name].audio_flows(packets=10) for name in (one, other)))

    async def press(self, keys: str) -> None:
        """Keys of the first operator."""
        await self.first.send_digits(keys, self.call)

    async def hand_over(self, number: str) -> None:
        """`*2`, a number, `#`: by the first operator."""
        await self.press(f"*2{number}#")

    async def consult(self, other: Softphone, number: str = "") -> str:
        """Ring the other one by keys, who answers; return the call there."""
        await self.hand_over(number or self.operator(other))
        return await other.answer()

    @staticmethod
    def operator(phone: Softphone) -> str:
        """The number of the operator at a phone."""
        return f"1{phone.number}"

    async def in_state(self, within: float = FREE_S, **wanted: str) -> None:
        """Wait until the operators there are in these states."""

        async def reached() -> bool:
            states = await self.room.states()
            return all(
                states[self.phones[name].number] in states_.split()
                for name, states_ in wanted.items()
            )

        await eventually(reached, within, f"{wanted}")

    async def free(self, *names: str) -> None:
        """Within a second their phones have no call, and they are idle or in wrap-up."""

        def no_calls() -> bool:
            return all(self.room.has_no_call(self.phones[name]) for name in names)

        await eventually(no_calls, FREE_S, f"{names} without a call")
        await self.in_state(**{name: "idle wrap_up" for name in names if name != "agency"})

    async def back_from_pause(self, phone: Softphone) -> None:
        """The operator there is ready again."""
        await self.line.post(f"/api/operators/{self.operator(phone)}/ready")

    def refers(self, to: str) -> asyncio.Task[Transfer]:
        """The first operator's phone asks for a blind transfer."""
        return asyncio.create_task(self.first.blind_transfer(to, self.call))

    async def failures(self) -> list[str]:
        """Why the handings over so far failed."""
        record = (await self.line.records(self.caller))[0]
        events = (await self.line.history(record.call_id)).events
        return [one.data["reason"] for one in events if one.kind == EventKind.TRANSFER_FAILED.value]

    async def over(self, *legs: tuple[Softphone, str], transfers: int = 0) -> CallRecord:
        """The end: one record with a leg for each of `legs` (phone, how); nothing is left.

        The first leg is by who answered first. The citizen was never without any sound.
        """
        await eventually(
            lambda: all(self.room.has_no_call(one) for one in self.phones.values()),
            within=3.0,
            what="all calls closed",
        )
        records = await self.line.ended(1, self.caller)
        assert len(records) == 1
        record = records[0]
        assert record.outcome == "answered"
        found = [(one.phone, one.how) for one in record.legs]
        assert found == [(self.room.address(phone), how) for phone, how in legs], record
        assert record.transfers == transfers
        assert all(one.left_at is not None and one.reason for one in record.legs)
        await self.room.rests()
        gap = longest_gap(self.recording.heard)
        assert gap < GAP_S, f"the citizen heard nothing for {gap:.2f} s"
        return record


class Room:
    """A line with three operators at softphones, and an agency's softphone without an account."""

    def __init__(self, line: Line, desks: list[Softphone], agency: Softphone) -> None:
        self.line, self.desks, self.agency = line, desks, agency

    @asynccontextmanager
    async def talk(self, caller: str) -> AsyncIterator[Talk]:
        """A citizen talks with the operator whose phone has rung, and both hear each other."""
        async with self.line.softphone(caller, tone_hz=CITIZEN_HZ) as citizen:
            await self.dial(citizen)
            first = await self.ringing()
            await first.answer(first.current())
            talk = Talk(self, citizen, first, await citizen.record())
            await talk.talk_together()
            yield talk

    async def dial(self, citizen: Softphone) -> str:
        """A citizen dials 112 and presses 2 (police)."""
        dialled = await citizen.dial("112")
        await citizen.established(dialled)
        await citizen.audio_flows(dialled, packets=3)
        await citizen.send_digits("2", dialled)
        return dialled

    async def ringing(self, within: float = 10.0) -> Softphone:
        """Wait for the operator whose phone rings."""

        def rings() -> Softphone | None:
            for one in self.desks:
                if any(call.state == "incoming" for call in one.calls.values()):
                    return one
            return None

        found: Softphone = await eventually(rings, within, "a phone that rings")
        return found

    async def states(self) -> dict[str, str]:
        """Each operator's state, by the phone."""
        operators = (await self.line.get("/api/operators"))["operators"]
        return {one["phone"]: one["state"] for one in operators if one["phone"]}

    @staticmethod
    def has_no_call(phone: Softphone) -> bool:
        """Whether a phone neither rings nor talks."""
        return all(one.state == "closed" for one in phone.calls.values())

    def address(self, phone: Softphone) -> str:
        """What a leg of the phone has in the record."""
        if phone is self.agency:
            return f"sip:110@127.0.0.1:{phone.baresip.port}"
        return phone.number

    async def rests(self) -> None:
        """All operators are idle at free phones, and Asterisk holds nothing."""
        await self.line.is_empty()
        numbers = tuple(one.number for one in self.desks)
        await eventually(lambda: self.line.idle(numbers), what="all idle")

    @asynccontextmanager
    async def paused(self, *phones: Softphone) -> AsyncIterator[None]:
        """These operators are away for a while."""
        for one in phones:
            await self.line.post(f"/api/operators/{Talk.operator(one)}/pause", {"reason": "prayer"})
        try:
            yield
        finally:
            for one in phones:
                await self.line.post(f"/api/operators/{Talk.operator(one)}/ready")


@asynccontextmanager
async def open_room(
    home: Path, programs: Programs, sounds: Path, **changes: Any
) -> AsyncIterator[Room]:
    """A line whose operators are offered a call at once again after one that they missed."""
    sip_port = free_port()
    agency = Softphone(programs, home / "softphones", sip_port, "110", tone_hz=AGENCY_HZ)
    distribution = (PROJECT / "acd" / "distribution.toml").read_text()
    for rest in ("0.5", "3.0", "5.0"):
        distribution = distribution.replace(
            f"rest_s = {rest}, counts = true", "rest_s = 0.0, counts = false"
        )
    plan = home / "distribution.toml"
    plan.write_text(distribution + AGENCIES.format(port=agency.baresip.port, dead=free_port()))
    settings = {
        "sip_port": sip_port,
        "distribution_file": plan,
        "ring_timeout_s": RING_S,
        "preferred_s": 0,
        "wrap_up_s": 0.2,
        "refer": "on",
        **changes,
    }
    async with AsyncExitStack() as stack:
        line = await stack.enter_async_context(open_line(home, programs, sounds, **settings))
        await stack.enter_async_context(agency)
        desks = [
            await stack.enter_async_context(line.softphone(number, PASSWORD, tone_hz=tone))
            for number, tone in DESKS.items()
        ]
        await asyncio.gather(*(log_in(one) for one in desks))
        room = Room(line, desks, agency)
        await room.rests()
        yield room


async def log_in(phone: Softphone) -> None:
    """The operator whose own phone it is dials `*11`."""
    await phone.closed(await phone.dial("*11"))
