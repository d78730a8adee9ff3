"""The audio of a citizen whose SIP is SIPp's: what is heard, when, and what is spoken.

A-law, in packets of 20 ms. The words are found in what was heard by comparing it with the prompts.
"""

from __future__ import annotations

import array
import asyncio
import random
import struct
import time
import wave
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lab.actors.sipp import SippRun
from lab.machine.waiting import eventually

ALAW, KEYS = 8, 96
PACKET_S = 0.02
LATE_S = 0.06
VOICE = bytes([0x25, 0x5A] * 80)  # what the citizen says: no prompt and no music sounds like it
_STEPS = 25  # half a second tells any prompt from any other


class Packet(NamedTuple):
    """A packet of audio and when it came (seconds since the epoch)."""

    at: float
    audio: bytes


def _linear(code: int) -> int:
    code ^= 0x55
    low, segment = (code & 0x0F) << 4, (code & 0x70) >> 4
    size = low + 8 if segment == 0 else (low + 0x108) << (segment - 1)
    return size if code & 0x80 else -size


_LINEAR = [_linear(code) for code in range(256)]


class Ear(asyncio.DatagramProtocol):
    """A UDP port where a citizen hears; once it has heard something it speaks too."""

    def __init__(self) -> None:
        self.heard: list[Packet] = []
        self.port = self.said = 0
        self.sipp: SippRun | None = None  # who signals for it, where a test has to know
        self._transport: asyncio.DatagramTransport | None = None
        self._speaking: asyncio.Task[None] | None = None
        self._keys: list[bytes] = []

    async def __aenter__(self) -> Ear:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
        assert self._transport is not None
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[1] & 0x7F == ALAW:
            self.heard.append(Packet(time.time(), data[12:]))
        if self._speaking is None:
            self._speaking = asyncio.get_running_loop().create_task(self._speak(addr))

    def press(self, key: str) -> None:
        """Press a key for 100 ms (RFC 4733)."""
        code = "0123456789*#".index(key)
        steps = [struct.pack("!BBH", code, 10, 160 * step) for step in range(1, 6)]
        self._keys = steps + [struct.pack("!BBH", code, 0x8A, 800)] * 3

    async def type(self, keys: str) -> None:
        """Press keys one after the other, with a moment of voice between them."""
        for key in keys:
            self.press(key)
            said = self.said
            await eventually(
                lambda said=said: not self._keys and self.said > said + 15,  # type: ignore[misc]
                what=f"{key} is pressed",
            )

    async def _speak(self, to: tuple[str, int]) -> None:
        assert self._transport is not None
        source, begun, stamp = random.getrandbits(32), time.monotonic(), 0
        for number in range(1_000_000):
            kind, audio, at = ALAW, VOICE, number * 160
            if self._keys:
                stamp = stamp or at
                kind, audio, at = KEYS, self._keys.pop(0), stamp
            else:
                stamp = 0  # the next key is another one
            self.said = number
            head = struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, at & 0xFFFFFFFF, source)
            self._transport.sendto(head + audio, to)
            late = time.monotonic() - begun - (number + 1) * PACKET_S
            if late > LATE_S:
                begun += late  # to catch up at once would press keys faster than any phone does
            await asyncio.sleep(max(0.0, -late))

    def times_of(self, prompt: Path) -> list[float]:
        """When the citizen heard this prompt begin."""
        with wave.open(str(prompt), "rb") as audio:
            wanted = array.array("h", audio.readframes(160 * _STEPS))
        begins = range(len(self.heard) - _STEPS + 1)
        return [self.heard[at].at for at in begins if self._is_at(at, wanted)]

    def _is_at(self, begin: int, wanted: array.array[int]) -> bool:
        for step in range(_STEPS):
            got = self.heard[begin + step].audio
            want = wanted[160 * step : 160 * step + len(got)]
            # A-law keeps a sample to about one part in thirty
            if any(
                abs(_LINEAR[code] - one) > 32 + abs(one) / 16
                for code, one in zip(got, want, strict=True)
            ):
                return False
        return True

    def longest_silence(self, since: float, until: float) -> float:
        """How long nothing was to be heard between two moments, at the longest."""
        heard = [
            one.at
            for one in self.heard
            if since <= one.at <= until and any(abs(_LINEAR[code]) > 64 for code in one.audio)
        ]
        moments = [since, *heard, until]
        return max(after - before for before, after in pairwise(moments))

    def own_voice(self, since: float) -> list[float]:
        """When the citizen heard the own voice come back from the operator's phone."""
        return [one.at for one in self.heard if one.at >= since and one.audio == VOICE]
