"""RTP endpoints: UDP ports where citizens and operators hear real audio, each packet timed.

A process of its own, so that nothing that the play does can make an endpoint late: `python -m
lab.chaos.rtp_endpoints CITIZENS PHONES LISTENERS MOST` prints its ports as one line of JSON, hears
until its standard input is closed, and prints what was heard. Citizens and phones speak all the
time once they hear something, but no more than MOST packets (0: no limit); citizens and listeners
press a key. Moments are of time.monotonic().
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import selectors
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pbx.processes import end, start

HOST = "127.0.0.1"
# Above all ports that SIPp offers for audio (`lab/actors/sipp.py`) and does not bind: what
# Asterisk sends to one of those would come to an endpoint, and take its voice away from whom it
# talks with. Even ones, for reports on the audio go to the next port.
PORTS = range(54_000, 60_998, 2)
ALAW, KEYS = 8, 96
PACKET_S = 0.02
VOICE = bytes([0x25, 0x5A] * 80)  # what everybody says: no prompt and no music sounds like it
KEY_AFTER = 50  # packets heard: a second of the menu
POLICE = 2  # the key
_KEY_ENDS = 0x80  # the bit in the second byte of a key's packet
_BUFFER = 1 << 20
_QUIET = 200  # of 32,768: below it nobody hears anything


def _loud(code: int) -> int:
    code ^= 0x55
    low, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    size = low + 8 if segment == 0 else (low + 0x108) << (segment - 1)
    return int(size > _QUIET)


_LOUD = bytes(_loud(code) for code in range(256))


class Heard(msgspec.Struct):
    """What came to one port: moments of all audio that can be heard, and of the other's voice.

    `numbers`, `stamps`: the sequence number and the time stamp of each packet of `voices`.
    `released`: when the key that was pressed there was let go, which is when Asterisk can know it.
    """

    port: int
    sounds: list[float] = []
    voices: list[float] = []
    numbers: list[int] = []
    stamps: list[int] = []
    released: float | None = None


def _bound() -> socket.socket:
    """A socket at a port that nobody has; raises OSError if there is none."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    endpoint.setblocking(False)
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError):
            endpoint.bind((HOST, port))
            return endpoint
    endpoint.close()
    raise OSError(f"no port of {PORTS[0]} to {PORTS[-1]} is free for an endpoint")


class _Endpoint:
    def __init__(self, *, speaks: bool, presses: bool, most: int = 0) -> None:
        self.socket = _bound()
        self.heard = Heard(self.socket.getsockname()[1])
        self._speaks, self._presses = speaks, presses
        self._left = most or sys.maxsize
        self._keys: list[bytes] = []
        self._packets = self._sent = self._key_stamp = 0
        self._to: tuple[str, int] | None = None
        self._source = os.urandom(4)

    def receive(self, now: float) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, source = self.socket.recvfrom(2048)
                if data[1] & 0x7F == ALAW:
                    self._to = source
                    self._note(data, now)

    def _note(self, packet: bytes, now: float) -> None:
        self._packets += 1
        audio = packet[12:]
        if audio == VOICE:
            number, stamp = struct.unpack_from("!HI", packet, 2)
            self.heard.voices.append(now)
            self.heard.numbers.append(number)
            self.heard.stamps.append(stamp)
        if any(audio.translate(_LOUD)):
            self.heard.sounds.append(now)
        if self._presses and self._packets == KEY_AFTER:
            steps = [struct.pack("!BBH", POLICE, 10, 160 * step) for step in range(1, 6)]
            self._keys = steps + [struct.pack("!BBH", POLICE, 0x8A, 800)] * 3

    def speak(self) -> None:
        """Send one packet, if there is anything to say and somebody to say it to."""
        self._sent += 1
        kind, audio, stamp = ALAW, VOICE, self._sent * 160
        if self._keys:
            self._key_stamp = self._key_stamp or stamp
            kind, audio, stamp = KEYS, self._keys.pop(0), self._key_stamp
            if self.heard.released is None and audio[1] & _KEY_ENDS:
                self.heard.released = time.monotonic()
        elif not self._speaks:
            return
        if self._to is not None and self._left:
            self._left -= 1
            head = struct.pack("!BBHI", 0x80, kind, self._sent & 0xFFFF, stamp & 0xFFFFFFFF)
            with contextlib.suppress(OSError):  # the other side's port is closed: it has hung up
                self.socket.sendto(head + self._source + audio, self._to)


def _hear(endpoints: Sequence[_Endpoint]) -> None:
    """Hear and speak until standard input is closed."""
    chooser = selectors.DefaultSelector()
    for endpoint in endpoints:
        chooser.register(endpoint.socket, selectors.EVENT_READ, endpoint)
    chooser.register(sys.stdin, selectors.EVENT_READ)
    due = time.monotonic()
    while True:
        for key, _ in chooser.select(max(0.0, due - time.monotonic())):
            if key.data is None:
                return
            key.data.receive(time.monotonic())
        if time.monotonic() >= due:
            due += PACKET_S
            for endpoint in endpoints:
                endpoint.speak()


def main() -> None:
    """Be the endpoints."""
    with contextlib.suppress(OSError):
        os.nice(-10)  # an endpoint that is late would hear gaps that are none
    citizens, phones, listeners, most = map(int, sys.argv[1:5])
    endpoints = [_Endpoint(speaks=True, presses=True, most=most) for _ in range(citizens)]
    endpoints += [_Endpoint(speaks=True, presses=False, most=most) for _ in range(phones)]
    endpoints += [_Endpoint(speaks=False, presses=True) for _ in range(listeners)]
    sys.stdout.write(
        msgspec.json.encode([endpoint.heard.port for endpoint in endpoints]).decode() + "\n"
    )
    sys.stdout.flush()
    _hear(endpoints)
    sys.stdout.write(msgspec.json.encode([endpoint.heard for endpoint in endpoints]).decode())


class RtpEndpoints:
    """The endpoints as a child process.

    `async with RtpEndpoints(2, 2) as endpoints: ...; await endpoints.heard()`.

    `most`: how many packets each of those who speak sends at most; 0 is no limit.
    """

    def __init__(
        self, citizens: int = 0, phones: int = 0, listeners: int = 0, *, most: int = 0
    ) -> None:
        self._counts = (citizens, phones, listeners, most)
        self._process: asyncio.subprocess.Process | None = None
        self.ports: list[int] = []

    @property
    def citizens(self) -> list[int]:
        """The ports of those who speak as citizens."""
        return self.ports[: self._counts[0]]

    @property
    def phones(self) -> list[int]:
        """The ports of operators' phones."""
        return self.ports[self._counts[0] :][: self._counts[1]]

    @property
    def listeners(self) -> list[int]:
        """The ports of citizens who say nothing."""
        return self.ports[self._counts[0] + self._counts[1] :]

    async def __aenter__(self) -> RtpEndpoints:
        if not any(self._counts[:3]):
            return self  # nobody is heard: no process is needed
        self._process = await start(
            sys.executable,
            "-m",
            "lab.chaos.rtp_endpoints",
            *map(str, self._counts),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdout is not None
        self.ports = msgspec.json.decode(await self._process.stdout.readline(), type=list[int])
        return self

    async def __aexit__(self, *_: object) -> None:
        await end(self._process, within=2.0)

    async def heard(self) -> dict[int, Heard]:
        """Stop hearing; return what came to each port."""
        if self._process is None:
            return {}
        out, _ = await self._process.communicate(b"")
        return {one.port: one for one in msgspec.json.decode(out, type=list[Heard])}


if __name__ == "__main__":
    main()
