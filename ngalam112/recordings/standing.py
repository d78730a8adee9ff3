"""How it stands with the recordings: decided from one look, told in a file, read by the engine."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

import msgspec

AWAY_S = 15.0
"""After so long without a word whoever files recordings counts as away."""


class Stop(StrEnum):
    """Why no further call is recorded."""

    NO = ""
    FULL = "full"
    HANGS = "hangs"
    FAILS = "fails"
    MANY = "many"


_WORDS = {
    Stop.FULL: "the disk of the recordings is nearly full: further calls are not recorded; "
    "make room",
    Stop.HANGS: "the disk of the recordings does not answer: further calls are not recorded; "
    "see the disk",
    Stop.FAILS: "the disk of the recordings takes nothing: further calls are not recorded; "
    "see the disk",
    Stop.MANY: "as many calls are recorded as NGALAM112_RECORDINGS_MOST allows; "
    "others are not recorded",
}


_UNBOUND = (
    "Asterisk began while the disk of the recordings did not answer: no call is recorded"
    " until it is started again; do that when few calls are up"
)


class Standing(msgspec.Struct, kw_only=True):
    """What is told each second or so. `at`: when (epoch seconds).

    `growing`: calls that are recorded now. `stalled`: of those, how many nothing is written of.
    `waiting`: ended, and not filed yet. `filed`, `incomplete`: since the start; of the latter
    seconds are missing. `failing`: why the last one could not be filed; "" if it could.
    `unbound`: Asterisk was started while the disk did not answer, and cannot write there.
    """

    at: float = 0.0
    stop: Stop = Stop.NO
    growing: int = 0
    stalled: int = 0
    waiting: int = 0
    filed: int = 0
    incomplete: int = 0
    free_mb: int = 0
    failing: str = ""
    unbound: bool = False

    def alarms(self, now: float) -> list[str]:
        """What is wrong, a sentence each."""
        if now - self.at > AWAY_S:
            return ["nobody files the recordings of calls: `ngalam112 recordings keep` is away"]
        found = [_WORDS[self.stop]] if self.stop is not Stop.NO else []
        if self.unbound:
            found.append(_UNBOUND)
        if self.stalled:
            found.append(f"nothing is written of {self.stalled} calls that should be recorded")
        if self.failing:
            found.append(f"a recording cannot be filed: {self.failing}")
        return found


def decided(free: int, growing: int, *, least_free: int, most: int) -> Stop:
    """Return whether further calls may be recorded, by bytes that are free and calls recorded."""
    if free < least_free:
        return Stop.FULL
    return Stop.MANY if growing >= most else Stop.NO


def write_standing(path: Path, standing: Standing) -> None:
    """Tell it to whoever reads the file; never half of it. Raises an OSError."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(msgspec.json.encode(standing))
    fresh.replace(path)


def read_standing(path: Path) -> Standing:
    """Return what was told last; one of long ago where nothing was, or it cannot be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Standing)
    except (OSError, msgspec.DecodeError):
        return Standing()
