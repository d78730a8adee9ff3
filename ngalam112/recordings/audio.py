"""WAV out of what Asterisk writes: two channels of 16 bits at 8,000 samples a second, unheaded.

The left channel is what the citizen says, the right one what the citizen hears.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO

import msgspec

RATE, CHANNELS, FRAME = 8000, 2, 4
BYTES_S = RATE * FRAME
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_LARGEST = 0xFFFFFFFF - _HEADER.size
_BLOCK = 1024 * 1024


class Gap(msgspec.Struct, frozen=True):
    """Time in which nothing was written: before the frame `at`, so many `frames` of silence."""

    at: int
    frames: int


class Written(msgspec.Struct, frozen=True):
    """What became of it: the SHA-256 of the whole file, its bytes, and its length in frames."""

    sha256: str
    size: int
    frames: int


def wav_header(frames: int) -> bytes:
    """Return the 44 bytes before so many frames (RIFF WAVE, PCM).

    A file that is longer than 37 hours says 37 hours: its format has no larger number.
    """
    size = min(frames * FRAME, _LARGEST)
    form = (16, 1, CHANNELS, RATE, BYTES_S, FRAME, 16)
    return _HEADER.pack(b"RIFF", 36 + size, b"WAVE", b"fmt ", *form, b"data", size)


def write_wav(source: BinaryIO, frames: int, gaps: Sequence[Gap], to: BinaryIO) -> Written:
    """Write so many frames of `source` as WAV, with silence where there are gaps.

    `gaps`: in their order; one behind the end counts as at the end. Raises an OSError.
    """
    digest, size = hashlib.sha256(), 0
    length = frames + sum(gap.frames for gap in gaps)
    for some in chain([wav_header(length)], _pieces(source, frames, gaps)):
        digest.update(some)
        size += to.write(some)
    return Written(digest.hexdigest(), size, length)


def _pieces(source: BinaryIO, frames: int, gaps: Iterable[Gap]) -> Iterator[bytes]:
    done = 0
    for gap in gaps:
        yield from _read(source, min(gap.at, frames) - done)
        done = max(done, min(gap.at, frames))
        yield from _silence(gap.frames)
    yield from _read(source, frames - done)


def _read(source: BinaryIO, frames: int) -> Iterator[bytes]:
    left = frames * FRAME
    while left > 0:
        some = source.read(min(left, _BLOCK))
        if not some:
            raise OSError("the recording has become shorter while it was read")
        left -= len(some)
        yield some


def _silence(frames: int) -> Iterator[bytes]:
    left = frames * FRAME
    while left > 0:
        yield bytes(min(left, _BLOCK))
        left -= _BLOCK
