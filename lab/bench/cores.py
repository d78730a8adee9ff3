"""What a process takes of the machine, and which cores it may run on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def two_cores() -> Iterator[tuple[set[int], set[int]]]:
    """Cores for the engine and for all else; the same one if there is no other."""
    all_of_them = os.sched_getaffinity(0)
    first = {min(all_of_them)}
    try:
        yield first, all_of_them - first or first
    finally:
        os.sched_setaffinity(0, all_of_them)
