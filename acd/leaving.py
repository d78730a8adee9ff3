"""What the database is about to know otherwise, and nobody may change for that while. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from acd.timers import Timers


class BeingErased(Exception):
    """Somebody wants to change a record that is being erased at this moment."""


class Leaving:
    """Ids of records that an erasure was promised to be the only one to change, until a time."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._until: dict[str, float] = {}

    def __contains__(self, id: str) -> bool:
        return id in self._until

    def add(self, ids: Iterable[str], until: float) -> None:
        """Let nobody else change these until then; asked again, it is until the later time."""
        chosen = dict.fromkeys(ids, until)
        self._until |= chosen
        self._timers.at(until, lambda now: self._over(chosen, now))

    def _over(self, ids: Iterable[str], now: float) -> None:
        for id in ids:
            if self._until.get(id, now + 1.0) <= now:
                del self._until[id]
