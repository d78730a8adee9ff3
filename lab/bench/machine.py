"""On what was measured: the machine, and the versions of all that took part."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path

from pbx.programs import Programs


def describe(programs: Programs) -> dict[str, str]:
    """Return names and values, for people and for the kept result."""
    found = {
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
    }
    for name in ("asterisk", "sipp", "postgres"):
        found[name] = ".".join(map(str, programs.version(name)))
    found["python"] = platform.python_version()
    found["uvloop"] = version("uvloop")
    found["sqlite"] = sqlite3.sqlite_version
    return found


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
