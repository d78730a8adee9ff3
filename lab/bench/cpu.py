"""CPU time of processes, of all their threads, as the kernel counts it."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(stat: str) -> float:
    """Read user and system time out of the text of /proc/<pid>/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def cpu_of(pid: int) -> float:
    """How many CPU seconds the process has used so far; raises OSError if it is gone."""
    return cpu_seconds(Path(f"/proc/{pid}/stat").read_text())
