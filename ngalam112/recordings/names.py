"""What files of recordings are named: while they grow, and once they are filed. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

GROWING = "growing"
"""The folder, below that of all recordings, in which Asterisk writes."""

KEEPER = "recordings"
"""The part of the line that files recordings, among its processes."""

_RAW = re.compile(r"([0-9A-Za-z.-]{1,150})_([0-9]{1,11}(?:\.[0-9]{1,6})?)\.raw")


class Source(msgspec.Struct, frozen=True):
    """What a growing file is of: the channel's id, and when the call arrived (epoch seconds)."""

    asterisk_id: str
    arrived_at: float


def source_of(name: str) -> Source | None:
    """Read the name that the dialplan gave; None for any other file."""
    found = _RAW.fullmatch(name)
    return Source(found[1], float(found[2])) if found else None


def filed_name(source: Source) -> str:
    """Return where the recording is filed, below the folder: by its day and second in UTC."""
    at = datetime.fromtimestamp(source.arrived_at, UTC)
    return f"{at:%Y/%m/%d}/{at:%Y%m%dT%H%M%SZ}-{source.asterisk_id}.wav"


def gaps_file(path: Path) -> Path:
    """Return the file beside a growing one that keeps where it stood still."""
    return path.with_suffix(".gaps")
