"""The processes of a line under test, as the kernel knows them: which they are and what they hold.

Found by the line's state folder in their environment or arguments, so those that outlive their
starter are found as well.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from lab.machine.waiting import EVERY_S, Limit

ENGINE_LOCK = "engine.lock"
_PROC = Path("/proc")
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def pids(home: Path) -> list[int]:
    """Every process of the line, but for our own."""
    # the folder's whole name: another line's may begin with it
    mark = re.compile(re.escape(str(home).encode()) + rb"(?![\w.-])")
    return [pid for pid in _all() if mark.search(_words(pid) + b"\0" + _environment(pid))]


def _all() -> Iterator[int]:
    own = os.getpid()
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            yield int(entry.name)


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def _words(pid: int) -> bytes:
    return _read(pid, "cmdline")


def _environment(pid: int) -> bytes:
    return _read(pid, "environ")


def engines(home: Path) -> list[int]:
    """The line's engines: the one that serves, and those that stand by."""
    return [pid for pid in pids(home) if b"\0ngalam112\0engine\0" in _words(pid)]


def asterisk(home: Path) -> int | None:
    """The line's Asterisk itself, not the shells and the sandbox around it."""
    found = (pid for pid in pids(home) if _read(pid, "comm").strip() == b"asterisk")
    return next((pid for pid in found if b"-rx" not in _words(pid)), None)


def serving(home: Path) -> int | None:
    """The engine that serves: who holds the lock on engine.lock."""
    return next((pid for pid, waits in _lock(home) if not waits), None)


def standing_by(home: Path) -> list[int]:
    """The engines that wait for that lock: ready to serve in the moment it is free."""
    return [pid for pid, waits in _lock(home) if waits]


def _lock(home: Path) -> Iterator[tuple[int, bool]]:
    """Who has to do with the lock, and whether they wait for it."""
    try:
        inode = str((home / ENGINE_LOCK).stat().st_ino)
    except OSError:
        return
    for line in (_PROC / "locks").read_text().splitlines():
        words = line.split()[1:]
        waits = words[0] == "->"
        kind, _, _, pid, where = words[waits : waits + 5]
        if kind == "FLOCK" and where.rpartition(":")[2] == inode:
            yield int(pid), waits


def lives(pid: int) -> bool:
    """Whether the process runs; one that has ended and was not waited for does not."""
    state = _read(pid, "stat").rpartition(b")")[2].split()
    return bool(state) and state[0] not in (b"Z", b"X")


def resident_kb(pid: int) -> int:
    """How much memory the process holds, in kB; 0 if it is gone."""
    fields = _read(pid, "statm").split()
    return int(fields[1]) * _PAGE_KB if fields else 0


def open_files(pid: int) -> list[str]:
    """What the process has open: a name for each of its descriptors; none if it is gone.

    A socket, a pipe and the like is its kind; a file is its name without the folder.
    """
    found = []
    with contextlib.suppress(OSError):
        for one in (_PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):  # it was closed just now
                found.append(one.readlink().name.partition(":")[0])
    return sorted(found)


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def sweep(home: Path, within: float = 5.0) -> list[int]:
    """End by force whatever is left of the line; return what had to be ended."""
    ended: list[int] = []
    limit = Limit(within)
    while (left := [pid for pid in pids(home) if lives(pid)]) and not limit.over:
        for pid in left:
            kill(pid)
        ended += [pid for pid in left if pid not in ended]
        time.sleep(EVERY_S)
    return ended
