"""The queue: waiting calls in the order in which they are served."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from acd.calls import Call

Key = tuple[float, str]


def service_key(call: Call) -> Key:
    """Sort key of a waiting call: first come, first served, with the head start of its category.

    The key does not change while a call waits, so priority and ageing cost nothing: a call passes
    another by at most its head start, and no call is passed for longer than the largest of them.
    """
    return (call.record.arrived_at - call.head_start_s, call.id)


class WaitingQueue:
    """Waiting calls, sorted by `service_key`; a call that comes back gets its old place."""

    def __init__(self) -> None:
        self._keys: list[Key] = []
        self._calls: dict[str, Call] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Call]:
        """Iterate over the calls, the next one to be served first."""
        return (self._calls[call_id] for _, call_id in self._keys)

    def __contains__(self, call: Call) -> bool:
        return call.id in self._calls

    def add(self, call: Call) -> int:
        """Put a call in its place; returns its position, counted from 1."""
        key = service_key(call)
        if call.id not in self._calls:
            insort(self._keys, key)
            self._calls[call.id] = call
        return bisect_left(self._keys, key) + 1

    def remove(self, call: Call) -> bool:
        """Take a call out; False if it was not in the queue."""
        if self._calls.pop(call.id, None) is None:
            return False
        del self._keys[bisect_left(self._keys, service_key(call))]
        return True
