"""A recording as a stream: one that is filed, or one that grows, until its call ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from ngalam112.recordings.audio import FRAME, RATE, wav_header
from ngalam112.recordings.names import source_of

_BLOCK = 64 * 1024
_LOOK_S = 0.25
_NO_END = 40 * 3600 * RATE
"""Frames that a header tells of a file whose length is not known."""
_OVER_S = 5.0


def growing_of(folder: Path, asterisk_id: str) -> Path | None:
    """Return the growing file of a channel; None if there is none. Raises an OSError."""
    names = (path for path in folder.iterdir() if path.suffix == ".raw")
    found = ((path, source_of(path.name)) for path in names)
    return next((path for path, of in found if of and of.asterisk_id == asterisk_id), None)


def growing_now(folder: Path) -> Iterator[Path]:
    """Yield all that grow, or have ended and are not filed yet. Raises an OSError."""
    for path in sorted(folder.iterdir()):
        if source_of(path.name) is not None:
            yield path


def blocks(path: Path, *, follow: bool) -> Iterator[bytes]:
    """Yield a growing file as WAV; `follow`: until it has not grown for seconds, or is filed.

    Without it the header tells how much there is. Raises an OSError.
    """
    with path.open("rb") as file:
        frames = path.stat().st_size // FRAME
        yield wav_header(_NO_END if follow else frames)
        left, grew_at = frames * FRAME, time.monotonic()
        while follow or left > 0:
            if some := file.read(_BLOCK if follow else min(left, _BLOCK)):
                left -= len(some)
                grew_at = time.monotonic()
                yield some
            elif time.monotonic() - grew_at > _OVER_S:
                return
            else:
                time.sleep(_LOOK_S)


def whole(path: Path) -> Iterator[bytes]:
    """Yield a file that is filed as it is. Raises an OSError."""
    with path.open("rb") as file:
        while some := file.read(_BLOCK):
            yield some
