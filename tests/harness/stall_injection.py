"""Lets the machine stand still for all that a program and its children can tell, from outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

MOST_LOOKS = 20


def process_tree(pid: int) -> list[int]:
    """The process and all that descend from it, parents first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (folder / "stat").read_bytes()
            parent = int(stat.rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


async def stand_still(pid: int, seconds: float) -> None:
    """Stop the whole tree of a process for so long; it ends no process, whatever happens here."""
    stopped: list[int] = []
    try:
        for _ in range(MOST_LOOKS):
            # who was just starting another one may have done so before it was stopped
            new = [one for one in process_tree(pid) if one not in stopped]
            if not new:
                break
            stopped += new
            _send(new, signal.SIGSTOP)
        await asyncio.sleep(seconds)
    finally:
        # children first: nobody is woken up to find that a child stands still
        _send(reversed(stopped), signal.SIGCONT)


async def stop_one(pid: int, seconds: float) -> None:
    """Stop this process for so long, while all others go on."""
    try:
        _send([pid], signal.SIGSTOP)
        await asyncio.sleep(seconds)
    finally:
        _send([pid], signal.SIGCONT)


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
