"""What a softphone hears: all of it from a moment on, and who of several speaks.

Samples of 16 bits, 8000 a second. Where no audio came in at all, the samples are zero; a line
that is silent but there is not (A-law has no zero).
"""

from __future__ import annotations

import array
import math
from collections.abc import Mapping
from pathlib import Path

from lab.audio.tones import tone_share
from lab.machine.waiting import comes_true

RATE = 8000
MUSIC, NOTHING = "music", "nothing"

_HEADER = 44  # bytes of a WAV file before its samples
_AUDIBLE = 0.2  # of the power; three who talk together leave about a half to each
_QUIET = 30.0  # a line without anybody's voice; music is several hundred


class Recording:
    """The file into which a softphone writes what it hears, read while it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def heard(self) -> bytes:
        """All samples so far; the last quarter of a second may still be on its way."""
        data = self.path.read_bytes() if self.path.exists() else b""
        return data[_HEADER : len(data) // 2 * 2]

    async def listen(self, for_s: float, within: float = 5.0) -> bytes:
        """Wait for so much more, and return that; less if the call ends meanwhile."""
        begun, wanted = len(self.heard), 2 * int(for_s * RATE)
        await comes_true(lambda: len(self.heard) - begun >= wanted, within + for_s)
        return self.heard[begun:]


def voices(samples: bytes, tones: Mapping[str, int]) -> set[str]:
    """Whose tones are heard; if nobody's, MUSIC (or words), or NOTHING."""
    found = {name for name, hz in tones.items() if tone_share(samples, RATE, hz) > _AUDIBLE}
    if found:
        return found
    values = array.array("h", samples)
    power = sum(value * value for value in values) / len(values) if values else 0.0
    return {MUSIC} if math.sqrt(power) > _QUIET else {NOTHING}


def longest_gap(samples: bytes) -> float:
    """For how many seconds running no audio came in, at the longest."""
    longest = run = 0
    for value in array.array("h", samples):
        run = 0 if value else run + 1
        longest = max(longest, run)
    return longest / RATE
