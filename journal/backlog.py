"""What waits for the database, in order: in memory, then in the files only, then on no disk at all.

Decides what is kept in memory and what is given up where there is no room left. Reads files, writes
none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from journal.entries import Entry, decoded
from journal.lines import LEAD
from journal.segments import Place, Segments


class Unsaved(NamedTuple):
    """An entry that is in no file. `whom`: the id of the call or other row that it tells of."""

    n: int
    whom: str
    line: bytes


class Read(NamedTuple):
    """What was found in the files: `wanted` entries were to be there."""

    wanted: int
    found: list[Entry]
    place: Place


class Waiting:
    """The entries that the database does not have. `drained`: it has all up to this one.

    `most`: entries that are kept in memory too. `bytes_unsaved`: of the lines that are in no file.
    """

    def __init__(self, most: int) -> None:
        self.drained = 0
        self.bytes_unsaved = 0
        self.given = 0  # the last entry that was given out to be written
        self.unsaved: deque[Unsaved] = deque()
        self.tail: deque[Entry] = deque()
        self._most = most
        self._gap, self._place = 0, Place(0, 0)  # in the files only, from this place on
        self._loaded = 0  # the last entry that was read from a file

    def __len__(self) -> int:
        return len(self.tail) + self._gap + len(self.unsaved)

    @property
    def must_read(self) -> bool:
        """Whether the next entries are in a file only."""
        return not self.tail and self._gap > 0

    @property
    def has_gap(self) -> bool:
        """Whether there are entries that are in a file only."""
        return self._gap > 0

    def saved(self, entry: Entry, place: Place) -> None:
        """A new entry is in a file, at this place."""
        if not self._gap and len(self.tail) < self._most:
            self.tail.append(entry)
        else:
            self.in_file(1, place)

    def in_file(self, count: int, place: Place) -> None:
        """So many further entries are in the files only, from this place on."""
        self._place = self._place if self._gap else place
        self._gap += count

    def not_saved(self, entry: Unsaved) -> None:
        """A new entry could be written nowhere."""
        self.unsaved.append(entry)
        self.bytes_unsaved += len(entry.line)

    def all_saved(self, place: Place) -> None:
        """What could be written nowhere is in a file by now, from this place on."""
        if self.unsaved:
            self.in_file(len(self.unsaved), place)
            self.unsaved.clear()
            self.bytes_unsaved = 0

    def read(self, files: Segments, count: int) -> Read:
        """Read the next entries; may be called in a thread, for it changes nothing."""
        wanted, found, place = min(count, self._gap), list[Entry](), self._place
        before = max(self.drained, self._loaded)
        for line in files.read(place):
            if len(found) == wanted:
                break
            place, entry = line.end, decoded(line.body)
            if isinstance(entry, Entry) and entry.n > before:
                found.append(entry)
                before = entry.n
        return Read(wanted, found, place)

    def loaded(self, read: Read) -> int:
        """Take up what was read; returns how many entries were not to be found any more."""
        self._place = read.place
        self.tail.extend(read.found)
        self._gap -= read.wanted
        if read.found:
            self._loaded = read.found[-1].n
        return read.wanted - len(read.found)

    def first(self, count: int) -> list[Entry]:
        """The first entries, as far as `must_read` let."""
        found = list(islice(self.tail, count))
        if not self._gap:
            found += in_memory(islice(self.unsaved, count - len(found)))
        if found:
            self.given = found[-1].n
        return found

    def done(self, entries: Sequence[Entry]) -> None:
        """The database has these, which were the first ones."""
        last, count = entries[-1].n, len(entries)
        self.drained = last
        while self.tail and self.tail[0].n <= last:
            self.tail.popleft()
            count -= 1
        while self.unsaved and self.unsaved[0].n <= last:
            self.bytes_unsaved -= len(self.unsaved.popleft().line)
            count -= 1
        self._gap -= count  # they have found their way into a file meanwhile

    def give_up(self, most_bytes: int, living: Container[str]) -> int:
        """Forget what is on no disk down to so many bytes; returns how many entries that were.

        The oldest of what has ended first, then the oldest of all; what is on its way stays.
        """
        before = len(self.unsaved)
        for spared in (living, ()):
            rest: deque[Unsaved] = deque()
            for one in self.unsaved:
                if self.bytes_unsaved <= most_bytes or one.n <= self.given or one.whom in spared:
                    rest.append(one)
                else:
                    self.bytes_unsaved -= len(one.line)
            self.unsaved = rest
        return before - len(self.unsaved)


def in_memory(unsaved: Iterable[Unsaved]) -> list[Entry]:
    """Return the entries themselves."""
    read = (decoded(one.line[LEAD:]) for one in unsaved)
    return [entry for entry in read if isinstance(entry, Entry)]
