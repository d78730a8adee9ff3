"""Counts what a journal has that the database has not, for who reads the database beside it.

Nothing is written, and the folder need not be ours: an engine may be at work in it.
"""

from __future__ import annotations

from pathlib import Path

from journal.entries import glanced, summary_of
from journal.segments import Place, Segments


def unwritten(folder: Path) -> int:
    """Return how many entries wait for the database; raises OSError if the folder cannot be read.

    An entry that was written twice is counted once. 0 where there is no journal.
    """
    files = Segments(folder)
    drained = files.checkpoint()
    numbers = sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdigit())
    seen, count = drained, 0
    for number in numbers:
        summary = summary_of(files.summary(number))
        if summary is not None and summary.first > seen:  # one of many, the database long away
            seen, count = summary.last, count + summary.count
            continue
        for line in files.read_one(Place(number, 0)):
            entry = glanced(line.body)
            if entry is not None and entry.n > seen:
                seen, count = entry.n, count + 1
    return count
