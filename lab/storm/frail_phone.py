"""An operator's phone that can die, reboot or lose its connection: SIP and RTP, on loopback.

SIPp cannot do that: it neither registers and is called on one TCP connection, nor forgets a call
that goes on. What such a phone does with each call is planned (`lab.storm.plan`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import random
import re
import secrets
import socket
import struct
import time
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from lab.storm.frailty import Trouble
from lab.storm.kinds import TCP
from lab.storm.plan import FrailTurn

HOST, _END = "127.0.0.1", "\r\n"
REGISTERED_S, _REFRESH_S = 300, 100.0
_ANSWER_S, _AGAIN_S = 5.0, 0.5  # so long it asks, and so often it asks again
_SPEAK_S = 0.2  # enough to be told from a phone that is dead
_TRIES = 5  # of coming back
_PORTS = range(54_000, 60_998, 2)  # for audio: none that SIPp offers and does not bind


class PhoneFailed(Exception):
    """The phone could not do what its turn says; the message says what."""


class _Call:
    """One call as the phone knows it. `over`: it has ended; `taken`: the 200 was acknowledged."""

    def __init__(self, invite: str, tag: str) -> None:
        self.invite, self.tag = invite, tag
        self.answer = ""  # the last one, which is sent again if the INVITE is
        self.over, self.taken = asyncio.Event(), asyncio.Event()

    @property
    def audio(self) -> int:
        """The port to which the phone sends audio."""
        found = re.search(r"(?m)^m=audio (\d+)", self.invite)
        return int(found[1]) if found else 0


def header(message: str, name: str) -> str:
    """The first header of this name; "" if there is none."""
    found = re.search(rf"(?im)^{name}\s*:\s*(.*?)\r?$", message)
    return found[1].strip() if found else ""


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, phone: FrailPhone) -> None:
        self._phone = phone

    def datagram_received(self, data: bytes, _: object) -> None:
        self._phone.received(data.decode("utf-8", "replace"))


class _Stream(asyncio.Protocol):
    """Messages of a connection, each as long as it says (RFC 3261, 18.3)."""

    def __init__(self, phone: FrailPhone) -> None:
        self._phone, self._held = phone, b""

    def data_received(self, data: bytes) -> None:
        self._held = (self._held + data).lstrip(b"\r\n")
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].decode("utf-8", "replace")
            size = end + 4 + int(header(head, "(?:Content-Length|l)") or 0)
            if len(self._held) < size:
                return
            text = self._held[:size].decode("utf-8", "replace")
            self._held = self._held[size:].lstrip(b"\r\n")
            self._phone.received(text)


class FrailPhone:
    """`async with FrailPhone(...) as phone`: registered, and taking calls as `turns` say.

    `troubles`: what has happened to it; `taken`: the turns of the calls it was offered.
    """

    def __init__(
        self, number: str, password: str, line_port: int, transport: str, turns: Sequence[FrailTurn]
    ) -> None:
        self.number, self._password, self._line = number, password, (HOST, line_port)
        self._tcp = transport == TCP
        self._turns = itertools.cycle(turns)
        self.taken: list[FrailTurn] = []
        self.troubles: list[Trouble] = []
        self._me = f"sip:{number}@{HOST}:{line_port}"
        self._stream: asyncio.Transport | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._port = 0
        self._registration, self._cseq = secrets.token_hex(8), 0
        self._calls: dict[str, _Call] = {}
        self._answers: dict[tuple[str, str], asyncio.Future[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._media = self._audio_port()

    async def __aenter__(self) -> FrailPhone:
        try:
            await self._come()
        except BaseException:
            await self.stop()
            raise
        self._do(self._refresh())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Take no calls any more."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._unplug()
        self._media.close()

    # --- its ways to the line -----------------------------------------------------------------

    @staticmethod
    def _audio_port() -> socket.socket:
        audio = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        audio.setblocking(False)
        for port in random.sample(_PORTS, len(_PORTS)):
            with contextlib.suppress(OSError):
                audio.bind((HOST, port))
                return audio
        audio.close()
        raise PhoneFailed("There is no free port for a phone's audio.")

    async def _come(self) -> None:
        """Open the way to the line, and register; with TCP from a new port, else from the same."""
        loop = asyncio.get_running_loop()
        if self._tcp:
            self._stream, _ = await loop.create_connection(lambda: _Stream(self), *self._line)
        else:
            self._datagrams, _ = await loop.create_datagram_endpoint(
                lambda: _Datagrams(self), local_addr=(HOST, self._port)
            )
        wire = self._stream or self._datagrams
        assert wire is not None
        self._port = wire.get_extra_info("sockname")[1]
        await self._register()

    @property
    def _is_there(self) -> bool:
        return self._stream is not None or self._datagrams is not None

    def _unplug(self) -> None:
        """Send and hear nothing more, and say nothing of it."""
        for wire in (self._stream, self._datagrams):
            if wire is not None:
                wire.abort()
        self._stream = self._datagrams = None

    async def _register(self) -> None:
        answer, proof = "", ""
        for _ in range(3):  # the first nonce may be stale (RFC 3261, 22.2)
            more = f"Expires: {REGISTERED_S}{_END}{proof}"
            answer = await self._ask("REGISTER", self._me, self._registration, "1", "", more)
            if not answer.startswith("SIP/2.0 401"):
                break
            proof = self._authorization(answer)
        if not answer.startswith("SIP/2.0 200"):
            said = answer.partition(_END)[0] or "nothing"
            raise PhoneFailed(f"Phone {self.number} could not register; the line says {said}.")

    def _authorization(self, answer: str) -> str:
        given = dict(re.findall(r'(\w+)="([^"]*)"', header(answer, "WWW-Authenticate")))
        realm, nonce, cnonce = given["realm"], given["nonce"], secrets.token_hex(4)
        secret = _md5(f"{self.number}:{realm}:{self._password}")
        asked = _md5(f"REGISTER:{self._me}")
        proof = _md5(f"{secret}:{nonce}:00000001:{cnonce}:auth:{asked}")
        fields = f'username="{self.number}", realm="{realm}", nonce="{nonce}", uri="{self._me}"'
        fields += f', response="{proof}", qop=auth, nc=00000001, cnonce="{cnonce}", algorithm=MD5'
        if "opaque" in given:
            fields += f', opaque="{given["opaque"]}"'
        return f"Authorization: Digest {fields}{_END}"

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_S)
            if self._is_there:
                with contextlib.suppress(PhoneFailed):
                    await self._register()

    # --- what it says -------------------------------------------------------------------------

    def _send(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text.encode())
        elif self._datagrams is not None:
            self._datagrams.sendto(text.encode(), self._line)

    def _contact(self) -> str:
        return f"<sip:{self.number}@{HOST}:{self._port}{';transport=tcp' if self._tcp else ''}>"

    async def _ask(
        self, method: str, target: str, call_id: str, tag: str, to: str, more: str = ""
    ) -> str:
        """Send a request until it is answered; returns the final answer, "" for none."""
        self._cseq += 1
        via = f"SIP/2.0/{'TCP' if self._tcp else 'UDP'} {HOST}:{self._port}"
        text = _END.join(
            (
                f"{method} {target} SIP/2.0",
                f"Via: {via};branch=z9hG4bK{secrets.token_hex(8)};rport",
                f"From: <{self._me}>;tag={tag}",
                f"To: {to or f'<{self._me}>'}",
                f"Call-ID: {call_id}",
                f"CSeq: {self._cseq} {method}",
                f"Contact: {self._contact()}",
                f"Max-Forwards: 70{_END}{more}Content-Length: 0{_END}{_END}",
            )
        )
        reply: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        key = call_id, f"{self._cseq} {method}"
        self._answers[key] = reply
        try:
            for _ in range(round(_ANSWER_S / _AGAIN_S)):
                self._send(text)
                if (await asyncio.wait([reply], timeout=_AGAIN_S))[0]:
                    return reply.result()
        finally:
            del self._answers[key]
        return ""

    def _reply(self, message: str, status: str, tag: str = "", body: str = "") -> str:
        to = header(message, "To")
        head = [
            f"SIP/2.0 {status}",
            *re.findall(r"(?im)^via\s*:.*?(?=\r?$)", message),
            f"From: {header(message, 'From')}",
            f"To: {to}" + (f";tag={tag}" if tag and ";tag=" not in to else ""),
            f"Call-ID: {header(message, 'Call-ID')}",
            f"CSeq: {header(message, 'CSeq')}",
            f"Contact: {self._contact()}",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(body)}",
        ]
        text = _END.join(head) + _END * 2 + body
        self._send(text)
        return text

    def _sdp(self) -> str:
        lines = (
            "v=0",
            f"o=- 1 1 IN IP4 {HOST}",
            "s=-",
            f"c=IN IP4 {HOST}",
            "t=0 0",
            f"m=audio {self._media.getsockname()[1]} RTP/AVP 8",
            "a=rtpmap:8 PCMA/8000",
        )
        return _END.join((*lines, ""))

    # --- what it hears ------------------------------------------------------------------------

    def received(self, message: str) -> None:
        """Do what a message of the line asks for."""
        call_id, method = header(message, "Call-ID"), message.partition(" ")[0]
        call = self._calls.get(call_id)
        if method == "SIP/2.0":
            reply = self._answers.get((call_id, header(message, "CSeq")))
            if reply is not None and not reply.done() and int(message[8:11]) >= 200:
                reply.set_result(message)
        elif method == "INVITE" and call is None and ";tag=" not in header(message, "To"):
            self._do(self._take(message, call_id))
        elif call is None:
            # the phone has been started anew, or the call is over here
            if method != "ACK":
                self._reply(message, "481 Call/Transaction Does Not Exist")
        else:
            self._in_call(call, method, message)

    def _in_call(self, call: _Call, method: str, message: str) -> None:
        if method == "ACK":
            call.taken.set()
        elif method == "INVITE" and header(message, "CSeq") == header(call.invite, "CSeq"):
            self._send(call.answer)
        elif method == "INVITE":
            self._reply(message, "200 OK", call.tag, self._sdp())
        else:
            self._reply(message, "200 OK", call.tag)
            if method == "CANCEL" and not call.taken.is_set():
                call.answer = self._reply(call.invite, "487 Request Terminated", call.tag)
            if method in ("BYE", "CANCEL"):
                call.over.set()

    # --- what it does with a call -------------------------------------------------------------

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(what)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take(self, invite: str, call_id: str) -> None:
        turn = next(self._turns)
        self.taken.append(turn)
        call = self._calls[call_id] = _Call(invite, secrets.token_hex(4))
        try:
            await self._serve(turn, call, call_id)
        finally:
            self._calls.pop(call_id, None)
        if turn.fate.when == "after":
            await self._suffer(turn, call)

    async def _serve(self, turn: FrailTurn, call: _Call, call_id: str) -> None:
        call.answer = self._reply(call.invite, "180 Ringing", call.tag)
        if await _within(call.over, turn.ring_ms / 1000):
            return
        if turn.fate.when == "ringing":
            await self._suffer(turn, call)
        if call.over.is_set() or not await self._answered(call):
            return
        with self._speaking(call):
            if await _within(call.over, turn.talk_ms / 1000):
                return
            if turn.fate.when == "talking":
                await self._suffer(turn, call)
            if not call.over.is_set():
                await self._hang_up(call, call_id)

    async def _answered(self, call: _Call) -> bool:
        """Answer; whether the line has acknowledged it."""
        call.answer = self._reply(call.invite, "200 OK", call.tag, self._sdp())
        for _ in range(round(_ANSWER_S / _AGAIN_S)):
            if await _within(call.taken, _AGAIN_S):
                return True
            if call.over.is_set():
                return False
            self._send(call.answer)
        return False

    async def _hang_up(self, call: _Call, call_id: str) -> None:
        contact = re.search(r"<([^>]*)>", header(call.invite, "Contact"))
        target = contact[1] if contact else self._me
        await self._ask("BYE", target, call_id, call.tag, header(call.invite, "From"))

    async def _suffer(self, turn: FrailTurn, call: _Call) -> None:
        """Let happen what the turn says. A phone that forgets its calls has none afterwards."""
        talked = call.taken.is_set() and not call.over.is_set()
        trouble = Trouble(phone=self.number, fate=turn.fate.name, at=time.time(), talked=talked)
        self.troubles.append(trouble)
        self._unplug()
        if turn.fate.forgets:
            for one in self._calls.values():
                one.over.set()
            self._calls.clear()
            self._registration = secrets.token_hex(8)
        await asyncio.sleep(turn.away_ms / 1000)
        for left in range(_TRIES - 1, -1, -1):
            try:
                await self._come()
                break
            except (OSError, PhoneFailed) as error:
                self._unplug()
                if not left:
                    trouble.failed = str(error)
                    return
                await asyncio.sleep(_AGAIN_S)
        trouble.back_at = time.time()

    @contextlib.contextmanager
    def _speaking(self, call: _Call) -> Iterator[None]:
        """Send audio to the other side as long as the block goes on and the phone is well."""
        speaking = asyncio.ensure_future(self._speak(call))
        try:
            yield
        finally:
            speaking.cancel()

    async def _speak(self, call: _Call) -> None:
        ssrc = secrets.randbits(31)
        for number in itertools.count():
            if call.over.is_set():
                return
            head = struct.pack("!BBHII", 0x80, 8, number & 0xFFFF, number * 1600, ssrc)
            with contextlib.suppress(OSError):
                self._media.sendto(head + b"\xd5" * 160, (HOST, call.audio))
            await asyncio.sleep(_SPEAK_S)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it comes within so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
