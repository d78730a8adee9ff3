"""The dispatches of which something follows by itself: by id and incident, and when it does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from acd.timers import Timer, Timers
from incidents.dispatch import DeliveryState, Dispatch

MOST_SETTLED = 5000
"""So many that were settled are known by their ids, should a late database still have them open."""


class OpenDispatches:
    """All of one engine.

    `send(dispatch, index)`: the time of an attempt of the delivery with this index has come.
    `due(dispatch, now)`: the agreed time is over.
    """

    def __init__(
        self,
        timers: Timers,
        send: Callable[[Dispatch, int], None],
        due: Callable[[Dispatch, float], None],
    ) -> None:
        self._timers, self._send, self._due = timers, send, due
        self.by_id: dict[str, Dispatch] = {}
        self._of_incident: dict[str, list[Dispatch]] = {}
        self._timers_of: dict[str, list[Timer]] = {}
        self._on_their_way: set[tuple[str, int]] = set()  # dispatch, index of the delivery
        self._settled: dict[str, None] = {}  # the newest ones

    def of_incident(self, incident_id: str) -> list[Dispatch]:
        """Those of an incident, the oldest first."""
        return list(self._of_incident.get(incident_id, []))

    def is_new(self, one: Dispatch) -> bool:
        """Whether a row tells more than is known here."""
        known = self.by_id.get(one.id)
        if one.id in self._settled or one.settled_at is not None:
            return False
        return known is None or known.changes < one.changes

    def hold(self, one: Dispatch) -> None:
        """Know it from now on, in the place of an older one."""
        self.forget(one)
        self.by_id[one.id] = one
        self._of_incident.setdefault(one.incident_id, []).append(one)

    def arm(self, one: Dispatch, now: float) -> None:
        """Arm what the row says is to happen, and nothing else."""
        self._stop(one)
        timers = self._timers_of[one.id] = []
        for index, delivery in enumerate(one.deliveries):
            waits = delivery.state is DeliveryState.WAITING and delivery.try_at is not None
            if waits and (one.id, index) not in self._on_their_way:
                at = max(now, delivery.try_at or now)
                timers.append(self._timers.at(at, partial(self._try, one, index)))
        if one.due_at is not None:
            timers.append(self._timers.at(max(now, one.due_at), partial(self._due, one)))

    def attempt_ended(self, dispatch_id: str, index: int) -> None:
        """A message is on its way no more."""
        self._on_their_way.discard((dispatch_id, index))

    def settle(self, one: Dispatch) -> None:
        """Nothing follows by itself any more; a row that says otherwise is an old one."""
        self.forget(one)
        self._settled[one.id] = None
        if len(self._settled) > MOST_SETTLED:
            del self._settled[next(iter(self._settled))]

    def forget(self, one: Dispatch) -> None:
        """Know it no more."""
        self._stop(one)
        if self.by_id.pop(one.id, None) is None:
            return
        self._on_their_way -= {(one.id, index) for index in range(len(one.deliveries))}
        left = [other for other in self._of_incident[one.incident_id] if other.id != one.id]
        if left:
            self._of_incident[one.incident_id] = left
        else:
            del self._of_incident[one.incident_id]

    def _try(self, one: Dispatch, index: int, _now: float) -> None:
        if one.id in self.by_id:
            self._on_their_way.add((one.id, index))
            self._send(one, index)

    def _stop(self, one: Dispatch) -> None:
        for timer in self._timers_of.pop(one.id, []):
            timer.cancel()
