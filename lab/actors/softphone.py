"""A softphone that a test drives as a person would: dial, answer, hold, digits, transfers.

It is a real one (baresip, see `lab.actors.baresip`), with real RTP and no sound hardware. Its
microphone is a tone, so that another softphone can tell whom it hears. With a password it
registers with digest; without one it is a citizen's phone, which may dial 112.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from lab.actors.baresip import NO_PLAYER, Baresip
from lab.actors.phone_facts import (
    Audio,
    PhoneCall,
    PhoneEvent,
    SipMessage,
    SoftphoneError,
    Transfer,
    follow_calls,
    follow_transfer,
    parse_audio,
    refer_to,
)
from lab.audio.recording import RATE, Recording
from lab.audio.tones import tone_share
from lab.machine.waiting import comes_true
from pbx.programs import Programs

DIGIT_S = 0.3
"""From one digit to the next: baresip presses each for 0.18 s and tells its end for 0.06 s."""

STALE_S = 0.25
"""How much audio from before waits in baresip when one begins to listen (0.16 s, measured)."""

_REGISTERED_S = 5.0
_folders = itertools.count(1)


class Softphone:
    """One phone: `async with Softphone(programs, work, line_port, "101", password) as phone:`."""

    def __init__(
        self,
        programs: Programs,
        work: Path,
        line_port: int,
        number: str,
        password: str = "",
        *,
        tone_hz: int = 400,
        host: str = "127.0.0.1",
    ) -> None:
        folder = work / f"softphone-{number}-{next(_folders)}"
        self.number, self.tone_hz = number, tone_hz
        self.baresip = Baresip(programs, folder, number, host=host, tone_hz=tone_hz)
        self._password, self._line = password, f"{host}:{line_port}"
        self._taken: set[str] = set()
        self._one_at_a_time = asyncio.Lock()
        self._recordings = itertools.count(1)
        self._recording: Recording | None = None

    async def __aenter__(self) -> Softphone:
        try:
            await self.baresip.start()
            account = f"<sip:{self.number}@{self._line}>;audio_codecs=pcma"
            if self._password:
                await self.baresip.command(
                    "uanew", f"{account};auth_pass={self._password};regint=600"
                )
                await self._registered()
            else:
                await self.baresip.command("uanew", f"{account};regint=0")
        except BaseException:
            await self.baresip.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.baresip.stop()

    async def _registered(self) -> None:
        def told() -> PhoneEvent | None:
            ends = ("REGISTER_OK", "REGISTER_FAIL")
            return next((one for one in self.events if one.kind in ends), None)

        event = await self.baresip.until(told, _REGISTERED_S, "answer to REGISTER")
        if event.kind != "REGISTER_OK":
            raise SoftphoneError(f"Softphone {self.number} could not register: {event.param}")

    @property
    def events(self) -> Sequence[PhoneEvent]:
        """All events so far, oldest first."""
        return self.baresip.events

    @property
    def messages(self) -> Sequence[SipMessage]:
        """All SIP messages so far, sent and received."""
        return self.baresip.messages

    @property
    def calls(self) -> dict[str, PhoneCall]:
        """All calls so far by their Call-ID, in the order in which they began."""
        return follow_calls(self.events)

    async def wait_for(
        self, kind: str, *, call: str = "", param: str = "", within: float = 10.0
    ) -> PhoneEvent:
        """Wait for an event, of this call if one is named; one that has been counts too."""

        def told() -> PhoneEvent | None:
            return next(
                (
                    event
                    for event in self.events
                    if event.kind == kind and call in ("", event.call) and param in event.param
                ),
                None,
            )

        return await self.baresip.until(told, within, f"{kind} {param}".strip())

    async def dial(self, number: str) -> str:
        """Dial, and return the id of the call at once; see `established` and `closed`."""
        said = await self.baresip.command("dial", self.uri(number))
        return said.removeprefix("call id:").strip()

    def uri(self, number: str) -> str:
        """The SIP address of a number of the line, or the address that was given."""
        return number if ":" in number else f"sip:{quote(number, safe='*+')}@{self._line}"

    async def incoming(self, within: float = 10.0) -> PhoneCall:
        """Wait for a call that rings here and was not returned before."""

        def ringing() -> PhoneCall | None:
            news = (one for one in self.calls.values() if one.id not in self._taken)
            return next((one for one in news if one.state == "incoming"), None)

        call = await self.baresip.until(ringing, within, "incoming call")
        self._taken.add(call.id)
        return call

    async def answer(self, call: str = "", within: float = 10.0) -> str:
        """Answer the call that rings (wait for one if need be) and return its id."""
        call = call or (await self.incoming(within)).id
        await self.baresip.command("accept", call)
        await self.established(call, within)
        return call

    async def established(self, call: str, within: float = 10.0) -> PhoneCall:
        """Wait until a call is answered; SoftphoneError with the reason if it ends instead."""
        seen = await self._state(call, ("established", "closed"), within)
        if seen.state == "closed":
            raise SoftphoneError(f"Softphone {self.number}: the call ended: {seen.reason}")
        return seen

    async def closed(self, call: str, within: float = 10.0) -> PhoneCall:
        """Wait until a call has ended."""
        return await self._state(call, ("closed",), within)

    async def _state(self, call: str, states: tuple[str, ...], within: float) -> PhoneCall:
        def reached() -> PhoneCall | None:
            seen = self.calls.get(call)
            return seen if seen is not None and seen.state in states else None

        return await self.baresip.until(reached, within, f"call {call} {' or '.join(states)}")

    def current(self, call: str = "") -> str:
        """The id of this call, or of the youngest that lives; SoftphoneError if there is none."""
        living = [one.id for one in self.calls.values() if one.state != "closed"]
        if call or living:
            return call or living[-1]
        raise SoftphoneError(f"Softphone {self.number} has no call.")

    async def hang_up(self, call: str = "", within: float = 5.0) -> None:
        """Hang up, or decline or cancel what is not answered yet."""
        call, before = self.current(call), len(self.messages)
        await self.baresip.command("hangup", call)
        # baresip tells only of ends that come from the other side
        self.baresip.note(PhoneEvent(kind="CALL_CLOSED", call=call, param="hung up here"))

        def over() -> SipMessage | None:
            news = (one for one in self.messages[before:] if one.header("call-id") == call)
            return next((one for one in news if one.code >= (300 if one.sent else 200)), None)

        await self.baresip.until(over, within, "answer to hanging up")

    async def hold(self, call: str = "", within: float = 5.0) -> None:
        """Hold by re-INVITE (sendonly); return when the line has accepted it."""
        await self._reinvite("hold", call, within)

    async def resume(self, call: str = "", within: float = 5.0) -> None:
        """Take the call back by re-INVITE (sendrecv); a call that talks is held first."""
        await self._reinvite("resume", call, within)

    async def _reinvite(self, command: str, call: str, within: float) -> None:
        call, before = self.current(call), len(self.messages)
        # resume says "Invalid argument" whenever there was no other call to hold
        await self.baresip.attempt(command, call)

        def answer() -> int | None:
            for one in self.messages[before:]:
                ours = one.header("call-id") == call and one.method == "INVITE"
                if ours and not one.sent and one.code >= 200:
                    return one.code
            return None

        code = await self.baresip.until(answer, within, f"answer to {command}")
        if code >= 300:
            raise SoftphoneError(f"Softphone {self.number} could not {command}: {code}")

    async def send_digits(self, digits: str, call: str = "") -> None:
        """Press digits one after the other (RFC 4733).

        What another softphone hears are its CALL_DTMF_START events; of a digit that is pressed
        twice running, baresip tells once (it sends both).
        """
        call = self.current(call)
        for digit in digits:
            async with self._one_at_a_time:
                await self.baresip.command("callfind", call)
                await self.baresip.command("sndcode", digit)
            await asyncio.sleep(DIGIT_S)

    async def blind_transfer(
        self, to: str, call: str = "", *, notify: bool = True, within: float = 20.0
    ) -> Transfer:
        """Send a REFER to a number or address, and return what became of it.

        When the line notifies that the other side answered, baresip hangs up. It does so after a
        failure as well, and if the REFER is refused (other softphones keep the call). To see what
        follows a failure, ask not to be notified: `notify=False` sends Refer-Sub: false (RFC 4488)
        and returns the answer to the REFER alone; the call lives until the line ends it. But where
        the engine decides on transfers, that ends an Asterisk before 22.11 (asterisk#2021).
        """
        call, before = self.current(call), len(self.messages)
        async with self._one_at_a_time:
            await self.baresip.command("callfind", call)
            # baresip writes this behind "Refer-To: " as it stands
            more = "" if notify else "\r\nRefer-Sub: false"
            await self.baresip.command("transfer", self.uri(to) + more)

        def over() -> Transfer | None:
            seen = follow_transfer(self.messages[before:], call)
            told = seen.ended or not seen.is_open or (seen.answer and not notify)
            return seen if told else None

        transfer = await self.baresip.until(over, within, f"end of the transfer to {to}")
        if not transfer.is_open:
            await self.closed(call, within)
        return transfer

    async def attended_transfer(
        self, second: str, first: str = "", *, notify: bool = True, within: float = 20.0
    ) -> Transfer:
        """Connect the other sides of two calls: REFER in `first`, Replaces of `second`.

        What is said of `blind_transfer` holds here too.
        """
        others = [one.id for one in self.calls.values() if one.state == "established"]
        first = first or next(one for one in others if one != second)
        to = refer_to(self.messages, second)
        return await self.blind_transfer(to, first, notify=notify, within=within)

    async def audio(self, call: str = "") -> Audio:
        """The RTP packets of a call so far; only while it lives.

        baresip counts what comes from the first eight sources; each piece of music or talk of the
        line is one.
        """
        call = self.current(call)
        async with self._one_at_a_time:
            await self.baresip.command("callfind", call)
            return parse_audio(await self.baresip.command("audio_debug"))

    async def audio_flows(self, call: str = "", packets: int = 25, within: float = 5.0) -> Audio:
        """Wait until this many more packets went out, and came in; 25 are half a second."""
        call = self.current(call)
        begun = now = await self.audio(call)

        async def flows() -> bool:
            nonlocal now
            now = await self.audio(call)
            return min(now.sent - begun.sent, now.received - begun.received) >= packets

        found, limit = await comes_true(flows, within, every=0.1)
        if not found:
            raise SoftphoneError(
                f"Softphone {self.number}: no RTP both ways within {limit}: {begun}, {now}"
            )
        return Audio(now.sent - begun.sent, now.received - begun.received)

    async def record(self) -> Recording:
        """Write what comes in to a file from now on, for `listen` and for whoever reads it.

        Only while the phone has one call: each of several would write over the others.
        """
        recording = Recording(self.baresip.folder / f"heard-{next(self._recordings)}.wav")
        await self.baresip.command("auplay", f"aufile,{recording.path}")
        self._recording = recording
        return recording

    async def stop_recording(self) -> None:
        """Hear without keeping it, as at the beginning."""
        self._recording = None
        await self.baresip.command("auplay", NO_PLAYER)

    async def listen(self, for_s: float = 1.0) -> bytes:
        """What comes in during some time: samples of 16 bits, 8000 a second."""
        if self._recording is not None:
            return await self._recording.listen(for_s)
        recording = await self.record()
        await asyncio.sleep(STALE_S + for_s)
        await self.stop_recording()
        return recording.heard[2 * int(STALE_S * RATE) :]

    async def hears(self, tone_hz: int, for_s: float = 1.0) -> float:
        """Listen for some time; how much of what comes in is this tone, from 0 to 1."""
        return tone_share(await self.listen(for_s), RATE, tone_hz)
