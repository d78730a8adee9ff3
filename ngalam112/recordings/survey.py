"""One look at the disk of the recordings: what grows there, what has ended, how much is free.

All of it may hang with the disk, so it is called in a thread that may be given up.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path

import msgspec

from ngalam112.recordings.names import GROWING, Source, source_of

QUIET_S = 2.0
"""What was written to so lately has not ended: Asterisk writes about once a second."""
_FORGOTTEN_S = 3600.0
"""... on a disk that does not tell whether somebody has a file open (no leases, as NFS)."""
_PROBE = ".probe"
_PROBE_BYTES = 4096


class Raw(msgspec.Struct, frozen=True):
    """A growing file. `written_at`: when it was last written to. `ended`: nobody writes it."""

    path: Path
    source: Source
    size: int
    written_at: float
    ended: bool


class Survey(msgspec.Struct, frozen=True):
    """What one look has found, the oldest call first; `free`: bytes that may still be written."""

    files: list[Raw]
    free: int


def survey(folder: Path, now: float) -> Survey:
    """Look at the folder of recordings. Raises an OSError."""
    with os.scandir(folder / GROWING) as entries:
        files = [raw for entry in entries if (raw := _raw(entry, now)) is not None]
    disk = os.statvfs(folder)
    files.sort(key=lambda raw: raw.source.arrived_at)
    return Survey(files, disk.f_bavail * disk.f_frsize)


def _raw(entry: os.DirEntry[str], now: float) -> Raw | None:
    source = source_of(entry.name)
    if source is None:
        return None
    try:
        found = entry.stat(follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            return None
        path, quiet_s = Path(entry.path), now - found.st_mtime
        ended = quiet_s > QUIET_S and not _is_written(path, quiet_s)
    except FileNotFoundError:
        return None  # filed in this moment
    return Raw(path, source, found.st_size, found.st_mtime, ended)


def _is_written(path: Path, quiet_s: float) -> bool:
    """Whether somebody has the file open to write it, by the kernel's word (fcntl, F_SETLEASE)."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN or quiet_s < _FORGOTTEN_S
    finally:
        os.close(file)
    return False


def probe(folder: Path) -> None:
    """Write some bytes through to the disk. Raises an OSError."""
    path = folder / _PROBE
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, bytes(_PROBE_BYTES))
        os.fsync(file)
    finally:
        os.close(file)
