"""Which process is which part of a line: small files in `<home>/run/`.

A file holds one line, `<pid> <start> <state>`. `start` is the process's start time in clock ticks
since the boot (field 22 of /proc/<pid>/stat), so a pid that was given to another process since is
not mistaken for ours. `state` is one word, such as an engine's: starting, waiting, taking_over,
serving. Who starts a part writes its file, and an engine keeps its own up to date.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec


class Process(msgspec.Struct, frozen=True):
    """A process that lives, and what it said of itself last."""

    pid: int
    start: int
    state: str = "starting"


def started_at(pid: int) -> int | None:
    """When a process started, in ticks since the boot; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    # the name, in brackets, may hold anything
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ("Z", "X") else int(fields[19])


def write(path: Path, pid: int, state: str = "starting") -> None:
    """Say that `pid` is the part of which this is the file; nothing if it has ended already.

    A full disk is no reason to stop: the file then says what it said before, or nothing.
    """
    start = started_at(pid)
    if start is None:
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.write_text(f"{pid} {start} {state}\n", "ascii")
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()


def read(path: Path) -> Process | None:
    """Return the process that the file names, if it still lives."""
    try:
        pid, start, state = path.read_text("ascii").split()
        process = Process(int(pid), int(start), state)
    except (OSError, ValueError):
        return None
    return process if started_at(process.pid) == process.start else None


def remove(path: Path, pid: int) -> None:
    """Take the file away, unless it names another process by now."""
    try:
        if path.read_text("ascii").split()[:1] == [str(pid)]:
            path.unlink()
    except OSError:
        pass


def engines(run: Path) -> dict[str, Process]:
    """The engines of a line that live, by their names ("1", "2"); `run` is its folder of files."""
    found = {}
    for path in sorted(run.glob("engine-*.pid")):
        process = read(path)
        if process is not None:
            found[path.stem.removeprefix("engine-")] = process
    return found
