"""Removes old log files: those that were put aside, never the one that is written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def old_logs(folders: Iterable[Path], before: float) -> list[Path]:
    """Return the log files that were put aside (`name.1`, ...) and not changed since `before`."""
    found = []
    for folder in folders:
        for path in sorted(folder.glob("*.[0-9]")):
            try:
                if path.is_file() and path.stat().st_mtime < before:
                    found.append(path)
            except OSError:
                continue  # put aside further at this moment
    return found


def remove_logs(paths: Iterable[Path]) -> int:
    """Remove them; returns how many were there."""
    count = 0
    for path in paths:
        try:
            path.unlink()
            count += 1
        except FileNotFoundError:
            continue
    return count
