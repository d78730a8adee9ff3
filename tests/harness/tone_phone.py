"""A small SIP phone with a tone of its own, for tests of who hears whom, and how long nobody does.

It is a citizen who dials 112, an agency, or an operator's phone that registers, answers or
refuses, holds, dials a second call, presses keys and sends REFER. What it hears is judged by the
tones of the others. UDP on loopback only.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import re
import secrets
import struct
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from lines import eventually

from lab.machine.stalls import stalls, united

RATE, FRAME = 8000, 160
QUIET = 30.0  # the mean power of a line on which nobody speaks is below; music is several hundred
LISTEN_S = 0.2  # so much audio is judged at a time
LOOK_S = 0.04  # from one look at what is heard to the next: a look is work, and all phones share us
_KEYS = "0123456789*#"
_KEY_FRAMES = 6  # Asterisk makes a key of less than 80 ms longer, and loses one that comes then
# Measured on a busy machine (load 11 on two cores): with 0.06 a key was lost once, and the voice of
# who pressed was not heard for up to 1.3 s.
_GAP_S = 0.16
_END = "\r\n"


def _to_alaw(sample: int) -> int:
    sign = 0x80 if sample >= 0 else 0
    left = min(abs(sample) >> 4, 0x7FF)
    shift = max(left.bit_length() - 5, 0)
    low = (left >> max(shift, 1)) & 0x0F if shift else (left >> 1) & 0x0F
    segment = max(left.bit_length() - 5, 0)
    return (sign | segment << 4 | low) ^ 0x55


def _from_alaw(code: int) -> int:
    code ^= 0x55
    segment, low = code >> 4 & 0x07, code & 0x0F
    value = (low << 4) + 8 if segment == 0 else ((low << 4) + 0x108) << (segment - 1)
    return value if code & 0x80 else -value


_FROM_ALAW = [_from_alaw(code) for code in range(256)]


def _tone(hz: int) -> bytes:
    """A second of it; a whole number of Hz, so that it can be repeated without a step."""
    turn = 2 * math.pi * hz / RATE
    return bytes(_to_alaw(int(6000 * math.sin(turn * at))) for at in range(RATE))


def loudness(samples: list[int], hz: int) -> float:
    """How loud a tone is in samples (Goertzel)."""
    turn = 2 * math.cos(2 * math.pi * hz / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = before * before + last * last - turn * before * last
    return 2 * math.sqrt(max(0.0, power)) / max(1, len(samples))


def from_now(check: Callable[[], bool]) -> Callable[[], bool]:
    """A check of what is heard, which is not true before all that it judges came after now."""
    begun = time.monotonic()
    return lambda: time.monotonic() - begun >= LISTEN_S and check()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _header(message: str, name: str) -> str:
    found = re.search(rf"(?im)^{name}\s*:\s*(.*?)\r?$", message)
    return found[1].strip() if found else ""


class Dialog:
    """One dialog: what its requests need, and what has come in it."""

    def __init__(self, call_id: str, local: str, remote: str, target: str) -> None:
        self.call_id, self.local, self.remote, self.target = call_id, local, remote, target
        self.cseq, self.audio = 1, ("", 0)
        self.invite = self.replied = ""
        self.rings = self.up = self.over = self.acknowledged = False
        self.came: list[str] = []

    def tag(self, whose: str) -> str:
        found = re.search(r"tag=([^;\s>]+)", whose)
        return found[1] if found else ""

    @property
    def replaces(self) -> str:
        """For a Refer-To: that the dialog be taken over; seen from the far end."""
        to, by = self.tag(self.remote), self.tag(self.local)
        call_id = self.call_id.replace("@", "%40")
        return f"Replaces={call_id}%3Bto-tag%3D{to}%3Bfrom-tag%3D{by}"

    def notified(self) -> list[str]:
        """What the NOTIFYs told, such as `100` and `200`."""
        told = [re.search(r"\r\n\r\nSIP/2.0 (\d+)", one) for one in self.came]
        return [one[1] for one in told if one]


class _Sip(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[str], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, _addr: object) -> None:
        self._received(data.decode("utf-8", "replace"))


class _Rtp(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.keys = ""
        self.other: tuple[str, int] | None = None  # with whom it talks; a call on hold is not heard
        self._last_key = b""

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if addr != self.other:
            return
        if data[1] & 0x7F == 8:
            self.heard.append((time.monotonic(), data[12:]))
        elif data[1] & 0x7F == 101 and data[4:8] != self._last_key:
            self._last_key = data[4:8]  # all packets of one key have the time of its beginning
            self.keys += _KEYS[data[12]]


class TonePhone:
    """`async with TonePhone("101", hz, sip_port) as phone`."""

    def __init__(
        self, name: str, hz: int, line_port: int, password: str = "", *, port: int = 0
    ) -> None:
        self.name, self.hz, self._line = name, hz, ("127.0.0.1", line_port)
        self._password, self._port = password, port
        self.dialogs: list[Dialog] = []
        self.answers = True
        self.says = "127.0.0.1"  # its address, as it gives it: behind a NAT it knows another one
        self.refuses = ""  # the status with which it answers a call at once, such as 486 Busy Here
        self._replies: dict[tuple[str, str], asyncio.Future[str]] = {}
        self._dialling: set[asyncio.Task[None]] = set()
        self._keys: list[list[bytes]] = []
        self._key_at = 0
        self._late: list[tuple[float, float]] = []

    async def __aenter__(self) -> Self:
        loop, here = asyncio.get_running_loop(), "127.0.0.1"
        self._sip, _ = await loop.create_datagram_endpoint(
            lambda: _Sip(self._received), local_addr=(here, self._port)
        )
        self._media, self._rtp = await loop.create_datagram_endpoint(_Rtp, local_addr=(here, 0))
        self._port = self._sip.get_extra_info("sockname")[1]
        self._rtp_port = self._media.get_extra_info("sockname")[1]
        self._speaking = asyncio.create_task(self._speak())
        if self._password:
            me = f"sip:{self.name}@127.0.0.1:{self._line[1]}"
            own = Dialog(f"{secrets.token_hex(8)}@127.0.0.1", f"<{me}>;tag=1", f"<{me}>", me)
            try:
                answer = await self._ask(own, "REGISTER", f"Expires: 600{_END}")
                assert answer.startswith("SIP/2.0 200"), answer
            except BaseException:
                await self.__aexit__(None, None, None)
                raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _tb: TracebackType | None,
    ) -> None:
        for dialog in self.dialogs:
            if dialog.up and not dialog.over:
                self.request(dialog, "BYE")
        ours = {self._speaking, *self._dialling}
        for task in ours:
            task.cancel()
        await asyncio.gather(*ours, return_exceptions=True)
        self._sip.close()
        self._media.close()

    # --- audio --------------------------------------------------------------------------------

    async def _speak(self) -> None:
        voice, ssrc, due = _tone(self.hz), secrets.randbits(31), time.monotonic()
        numbers = itertools.count()
        for count in itertools.count():
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if (now := time.monotonic()) - due > 0.1:
                self._late.append((due, now))
                due = now  # to catch up at once would press keys faster than any phone does
            if (other := self._rtp.other) is None:
                continue
            kind, at = 8, count * FRAME % RATE
            payloads = [voice[at : at + FRAME]]
            if self._keys:
                kind, payloads = 101, self._keys.pop(0)
                if payloads[0][2:] == struct.pack("!H", FRAME):
                    self._key_at = count * FRAME  # a new key begins
            stamp = (self._key_at if kind == 101 else count * FRAME) & 0xFFFFFFFF
            for payload in payloads:
                head = struct.pack("!BBHII", 0x80, kind, next(numbers) & 0xFFFF, stamp, ssrc)
                self._media.sendto(head + payload, other)

    async def press(self, keys: str) -> None:
        """Press keys, one after the other (RFC 4733)."""
        for key in keys:
            event = _KEYS.index(key)
            for turn in range(1, _KEY_FRAMES):
                self._keys.append([struct.pack("!BBH", event, 10, FRAME * turn)])
            # the end of a key is told three times
            self._keys.append([struct.pack("!BBH", event, 0x8A, FRAME * _KEY_FRAMES)] * 3)
            while self._keys:
                await asyncio.sleep(0.01)
            await asyncio.sleep(_GAP_S)

    @property
    def keys(self) -> str:
        """The keys that the others have pressed, as they came here."""
        return self._rtp.keys

    def _samples(self, seconds: float) -> list[int]:
        since = time.monotonic() - seconds
        came = itertools.takewhile(lambda one: one[0] >= since, reversed(self._rtp.heard))
        codes = b"".join(payload for _, payload in reversed(list(came)))
        return [_FROM_ALAW[code] for code in codes]

    def hears(self, *tones: int, seconds: float = LISTEN_S) -> set[int]:
        """Which of these tones it has heard in the last moment."""
        samples = self._samples(seconds)
        if len(samples) < RATE * seconds * 0.5:
            return set()
        return {hz for hz in tones if loudness(samples, hz) > 1000}

    def hears_sound_of_nobody(self, of: set[int], seconds: float = LISTEN_S) -> bool:
        """Whether it hears something, music or words, and none of these tones."""
        samples = self._samples(seconds)
        if len(samples) < RATE * seconds * 0.5 or self.hears(*of, seconds=seconds):
            return False
        return math.sqrt(sum(one * one for one in samples) / len(samples)) > QUIET

    async def hears_only(self, wanted: set[int], of: set[int], within: float = 6.0) -> None:
        """It comes to hear these tones, and none of the others."""
        try:
            await eventually(from_now(lambda: self.hears(*of) == wanted), within, every=LOOK_S)
        except AssertionError:
            raise AssertionError(
                f"{self.name} hears {self.hears(*of)}, not {wanted}, in "
                f"{self.packets(LISTEN_S)} packets"
            ) from None

    async def hears_music(self, of: set[int], within: float = 6.0) -> None:
        """It comes to hear something that is nobody's tone."""
        await eventually(
            from_now(lambda: self.hears_sound_of_nobody(of)),
            within,
            f"{self.name} hears music",
            every=LOOK_S,
        )

    def packets(self, seconds: float) -> int:
        """How many packets of audio came in the last moment."""
        since = time.monotonic() - seconds
        return sum(at >= since for at, _ in self._rtp.heard)

    def packets_in_all(self) -> int:
        """How many packets of audio have come so far."""
        return len(self._rtp.heard)

    def longest_silence(self, since: float) -> float:
        """The longest time without any audio since a moment (of time.monotonic), in seconds.

        The time in which our own process was kept from running does not count: the others speak
        out of the same process, so nobody could be heard. Nor does the time in which the machine
        stood still, if somebody watches it (`lab.machine.stalls`).
        """
        at = [since, *(one for one, _ in self._rtp.heard if one >= since), time.monotonic()]
        return max(self._not_late(*one) for one in itertools.pairwise(at))

    def _not_late(self, begin: float, end: float) -> float:
        late = ((max(begin, since), min(end, to)) for since, to in self._late)
        lost = united([*(one for one in late if one[0] < one[1]), *stalls(begin, end)])
        return end - begin - sum(to - since for since, to in lost)

    # --- what it does -------------------------------------------------------------------------

    async def dial(self, number: str, within: float = 10.0) -> Dialog:
        """Call a number; returns once it is answered."""
        dialog = self._new(number)
        await self._call(dialog, within)
        assert dialog.up, f"{self.name} dials {number}: {dialog.replied}"
        return dialog

    async def dial_until_it_rings(self, number: str) -> Dialog:
        """Call a number; returns once it rings there. `up` and `over` tell what comes of it."""
        dialog = self._new(number)
        task = asyncio.create_task(self._call(dialog, 30.0))
        self._dialling.add(task)
        await eventually(lambda: dialog.rings or task.done(), what=f"{self.name} hears it ring")
        assert not task.done(), f"{self.name} dials {number}: {dialog.replied}"
        return dialog

    def _new(self, number: str) -> Dialog:
        here = f"sip:{number}@127.0.0.1:{self._line[1]}"
        who = f"<sip:{self.name}@127.0.0.1>;tag={secrets.token_hex(4)}"
        dialog = Dialog(f"{secrets.token_hex(8)}@127.0.0.1", who, f"<{here}>", here)
        self.dialogs.append(dialog)
        return dialog

    async def _call(self, dialog: Dialog, within: float) -> None:
        asked = dialog.target
        answer = await self._ask(dialog, "INVITE", body=self._sdp(), within=within)
        dialog.replied = answer.partition(_END)[0]
        dialog.up = answer.startswith("SIP/2.0 200")
        dialog.over = dialog.over or not dialog.up
        self._side(dialog, answer, asked)
        self.request(dialog, "ACK", cseq=dialog.cseq)

    def _side(self, dialog: Dialog, answer: str, asked: str) -> None:
        """What the other side says of itself, once it rings or answers."""
        dialog.remote = _header(answer, "To")
        contact = re.search(r"<([^>]*)>", _header(answer, "Contact"))
        dialog.target = contact[1] if contact else asked

    async def answered(self, count: int = 1) -> Dialog:
        """The newest call, once it has been called and has answered `count` times."""
        await eventually(
            lambda: len([one for one in self.dialogs if one.up]) >= count,
            what=f"{self.name} answers",
        )
        return self.dialogs[-1]

    async def refer(self, dialog: Dialog, to: str, replaces: Dialog | None = None) -> str:
        """Ask that the other side be handed to `to`; returns the status."""
        where = f"sip:{to}@127.0.0.1:{self._line[1]}"
        where += f"?{replaces.replaces}" if replaces else ""
        return (await self._ask(dialog, "REFER", f"Refer-To: <{where}>{_END}")).split()[1]

    async def hold(self, dialog: Dialog, on: bool = True) -> None:
        """Re-INVITE: hold, or talk again."""
        body = self._sdp("sendonly" if on else "sendrecv", dialog.cseq + 1)
        answer = await self._ask(dialog, "INVITE", body=body)
        assert answer.startswith("SIP/2.0 200"), answer
        self.request(dialog, "ACK", cseq=dialog.cseq)

    def has_no_call(self) -> bool:
        """Whether it neither rings nor talks."""
        return all(one.over for one in self.dialogs)

    def rings(self) -> bool:
        """Whether a call waits here to be answered."""
        return any(one.invite and not one.up and not one.over for one in self.dialogs)

    def hang_up(self, dialog: Dialog) -> None:
        """BYE."""
        dialog.over = True
        self.request(dialog, "BYE")

    # --- SIP ----------------------------------------------------------------------------------

    def _sdp(self, direction: str = "sendrecv", version: int = 1) -> str:
        return _END.join(
            [
                "v=0",
                f"o=- 1 {version} IN IP4 127.0.0.1",
                "s=-",
                "c=IN IP4 127.0.0.1",
                "t=0 0",
                f"m=audio {self._rtp_port} RTP/AVP 8 101",
                "a=rtpmap:8 PCMA/8000",
                "a=rtpmap:101 telephone-event/8000",
                f"a={direction}",
                "",
            ]
        )

    def _write(self, head: list[str], body: str) -> bytes:
        if body:
            head.append("Content-Type: application/sdp")
        head.append(f"Content-Length: {len(body)}")
        sent = (_END.join(head) + _END * 2 + body).encode()
        self._sip.sendto(sent, self._line)
        return sent

    def request(
        self, dialog: Dialog, method: str, extra: str = "", body: str = "", cseq: int = 0
    ) -> bytes:
        """Send a request in a dialog; returns what was sent."""
        if not cseq:
            dialog.cseq += 1
        head = [
            f"{method} {dialog.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.says}:{self._port};branch=z9hG4bK{secrets.token_hex(8)};rport",
            f"From: {dialog.local}",
            f"To: {dialog.remote}",
            f"Call-ID: {dialog.call_id}",
            f"CSeq: {cseq or dialog.cseq} {method}",
            f"Contact: <sip:{self.name}@{self.says}:{self._port}>",
            "Max-Forwards: 70",
            *extra.split(_END)[: extra.count(_END)],
        ]
        return self._write(head, body)

    async def _ask(
        self, dialog: Dialog, method: str, extra: str = "", body: str = "", within: float = 5.0
    ) -> str:
        key = dialog.call_id, f"{dialog.cseq + 1} {method}"
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._replies[key] = reply
        sent = self.request(dialog, method, extra, body)
        async with asyncio.timeout(within):
            while not (await asyncio.wait([reply], timeout=0.5))[0]:
                self._sip.sendto(sent, self._line)  # as UDP wants it, until there is an answer
        answer = reply.result()
        if " 401 " not in answer.split(_END)[0] or "Authorization" in extra:
            return answer
        if method == "INVITE":
            self.request(dialog, "ACK", cseq=dialog.cseq)
        extra += self._authorization(answer, method, dialog.target)
        return await self._ask(dialog, method, extra, body, within)

    def _authorization(self, answer: str, method: str, uri: str) -> str:
        asked = _header(answer, "WWW-Authenticate")
        given = dict(re.findall(r'(\w+)="([^"]*)"', asked))
        realm, nonce, cnonce = given["realm"], given["nonce"], secrets.token_hex(4)
        secret = _md5(f"{self.name}:{realm}:{self._password}")
        proof = _md5(f"{secret}:{nonce}:00000001:{cnonce}:auth:{_md5(f'{method}:{uri}')}")
        fields = f'username="{self.name}", realm="{realm}", nonce="{nonce}", uri="{uri}"'
        fields += f', response="{proof}", qop=auth, nc=00000001, cnonce="{cnonce}", algorithm=MD5'
        if "opaque" in given:
            fields += f', opaque="{given["opaque"]}"'
        return f"Authorization: Digest {fields}{_END}"

    def _received(self, message: str) -> None:
        call_id = _header(message, "Call-ID")
        if (found := re.search(r"m=audio (\d+)", message)) and int(found[1]):
            self._rtp.other = ("127.0.0.1", int(found[1]))
        dialog = next((one for one in self.dialogs if one.call_id == call_id), None)
        method = message.split(maxsplit=1)[0]
        if method == "SIP/2.0":
            self._told(message, call_id, dialog)
        elif method == "INVITE" and dialog is None:
            self._called(message, call_id)
        elif method == "ACK":
            if dialog is not None:
                dialog.acknowledged = True
        elif dialog is not None and method == "INVITE" and message == dialog.invite:
            self._sip.sendto(dialog.replied.encode(), self._line)  # sent again: so is the answer
        else:
            if dialog is not None:
                dialog.came.append(message)
                dialog.over = dialog.over or method in ("BYE", "CANCEL")
            self._reply(message, "200 OK")
            if method == "CANCEL" and dialog is not None:
                self._reply(dialog.invite, "487 Request Terminated", dialog)

    def _told(self, message: str, call_id: str, dialog: Dialog | None) -> None:
        status = int(message.split()[1])
        reply = self._replies.get((call_id, _header(message, "CSeq")))
        if status >= 200:
            if reply is not None and not reply.done():
                reply.set_result(message)
        elif status >= 180 and dialog is not None and "tag=" in _header(message, "To"):
            self._side(dialog, message, dialog.target)
            dialog.rings = True

    def _called(self, message: str, call_id: str) -> None:
        local = f"{_header(message, 'To')};tag={secrets.token_hex(4)}"
        target = re.search(r"<([^>]*)>", _header(message, "Contact"))
        assert target is not None
        dialog = Dialog(call_id, local, _header(message, "From"), target[1])
        dialog.invite = message
        self.dialogs.append(dialog)
        if self.refuses:
            self.refuse(dialog, self.refuses)
            return
        dialog.replied = self._reply(message, "180 Ringing", dialog)
        if self.answers:
            self.answer(dialog)

    def answer(self, dialog: Dialog) -> None:
        """200 OK to a call that rings here."""
        dialog.up = True
        dialog.replied = self._reply(dialog.invite, "200 OK", dialog, self._sdp())

    def refuse(self, dialog: Dialog, status: str) -> None:
        """Refuse a call that has come in; one that has moved is at a feature code of the line."""
        dialog.over = True
        moved = status.startswith("302")
        dialog.replied = self._reply(
            dialog.invite, status, dialog, contact="*12" if moved else self.name
        )

    def _reply(
        self,
        message: str,
        status: str,
        dialog: Dialog | None = None,
        body: str = "",
        contact: str = "",
    ) -> str:
        via = re.findall(r"(?im)^(?:via)\s*:.*?(?=\r?$)", message)
        head = [
            f"SIP/2.0 {status}",
            *via,
            f"From: {_header(message, 'From')}",
            f"To: {dialog.local if dialog else _header(message, 'To')}",
            f"Call-ID: {_header(message, 'Call-ID')}",
            f"CSeq: {_header(message, 'CSeq')}",
            f"Contact: <sip:{contact or self.name}@127.0.0.1:{self._port}>",
        ]
        return self._write(head, body).decode()
