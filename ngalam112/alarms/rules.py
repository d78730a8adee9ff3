"""Which alarms there are, from what is seen of the line at one moment. Pure.

An alarm is named by its key; it begins with the first look that finds it, and ends with the first
that does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

CHANGED_S = 60.0
"""So long a change of engines is an alarm: nothing has to be done, but somebody should know."""
CLOCK_S = 1.0
MOST_PHONES = 20
"""So many phones that cannot be reached have an alarm each; the others are one alarm."""
CHANGE = "another engine serves now; the log of the one before tells why"
KINDS = (
    *("wait", "operators", "phone", "phones", "admission", "dispatches", "engine", "change"),
    *("recordings", "asterisk", "ami", "trunk", "database", "warnings", "journal", "lost"),
    *("clock", "disk"),
)
"""The first word of each alarm's key."""
_SEEN = ("disk", "engine", "change")
"""What is seen without an engine's answer."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From when on there is an alarm. `wait_s`: a citizen has waited longer. `disk_percent`: less
    of the disk with the line's state is free.
    """

    wait_s: float = 20.0
    disk_percent: float = 5.0


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One look. `status`, `operators`, `phones`: what the API tells, or None if it does not, for
    the reason `down`. `disk_percent`: how much is free.
    """

    status: Mapping[str, Any] | None
    operators: Sequence[Mapping[str, Any]] = ()
    phones: Sequence[Mapping[str, Any]] = ()
    down: str = ""
    disk_percent: float | None = 100.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm has begun or ended at `at` (epoch seconds). `seconds`: how long it was on."""

    at: float
    alarm: str
    began: bool
    text: str
    seconds: float = 0.0


def found(seen: Seen, limits: Limits) -> dict[str, str]:
    """Return the alarms of one look: a sentence for each, by its key."""
    return dict(_found(seen, limits))


def _found(seen: Seen, limits: Limits) -> Iterator[tuple[str, str]]:
    if seen.disk_percent is None:
        yield "disk", "the disk of the state folder does not answer; see the disk"
    elif seen.disk_percent < limits.disk_percent:
        yield "disk", f"{seen.disk_percent:.1f} % of the disk is free; make room"
    if seen.status is None:
        yield "engine", seen.down
        return
    engine, queue = seen.status["engine"], seen.status["queue"]
    yield from _links(engine)
    yield from _trunk(seen.status.get("trunk") or {})
    yield from _kept(engine)
    if queue["longest_wait_s"] > limits.wait_s:
        waits = f"a citizen has waited for more than {limits.wait_s:g} s"
        yield "wait", f"{waits}; {queue['length']} are in the queue"
    if seen.status["load"]["at_door"]:
        waiting = seen.status["load"]["at_door"]
        yield "admission", f"the line is full: {waiting} citizens wait to be taken in"
    if not seen.status["operators"]["status"].get("ready"):
        yield "operators", "no operator is ready"
    yield from _phones(seen)
    if late := seen.status["dispatches"].get("overdue"):
        yield "dispatches", f"{late} agencies have not accepted in time: ngalam112 incident alarms"
    if seen.status["warnings"]["feed"] == "away":
        yield "warnings", "the feed of public warnings is away"
    # an engine of a version before has no word on it
    if said := (seen.status.get("recordings") or {}).get("alarms"):
        yield "recordings", "; ".join(said)


def _links(engine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not engine["ari"]:
        yield "asterisk", "the engine has no connection to Asterisk (ARI); calls are not served"
    if not engine["ami"]:
        yield "ami", "the engine has no connection to AMI; it does not hear of phones"


def _trunk(trunk: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # an engine of a version before has no word on it
    for host in trunk.get("down", ()):
        yield f"trunk {host}", f"{host} does not answer OPTIONS; calls may not arrive"
    if (minutes := trunk.get("silent_min")) is not None:
        yield "trunk", f"no call has come for more than {minutes:g} minutes; see the trunk"


def _kept(engine: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if engine["database_away_since"] or not engine["database"]:
        since = engine["database_away_since"] or "now"
        yield "database", f"the database is away since {since}; the journal keeps what happens"
    if engine["journal_failing_since"]:
        since = engine["journal_failing_since"]
        yield "journal", f"the journal cannot be written since {since}; see the disk"
    if engine["entries_lost"]:
        yield "lost", "entries could be kept nowhere and are lost; see the engine's log"
    if abs(engine["clock_ahead_s"]) > CLOCK_S:
        yield "clock", "the machine's clock was set; followed once all is idle"


def _phones(seen: Seen) -> Iterator[tuple[str, str]]:
    devices = {one["number"]: one["device"] for one in seen.phones}
    away = sorted(
        {
            one["phone"]
            for one in seen.operators
            if one["status"] == "ready" and devices.get(one["phone"]) == "unreachable"
        }
    )
    for phone in away[:MOST_PHONES]:
        yield f"phone {phone}", f"phone {phone}, whose operator is ready, cannot be reached"
    if (more := len(away) - MOST_PHONES) > 0:
        yield "phones", f"{more} more phones of ready operators cannot be reached"


class Alarms:
    """Those that are on, and since when."""

    def __init__(self) -> None:
        self.on: dict[str, tuple[float, str]] = {}  # key -> since, what was said first
        self._engine: int | None = None
        self._changed_at: float | None = None

    def look(self, seen: Seen, limits: Limits, now: float) -> list[Change]:
        """Take a look in; returns what has begun, then what has ended."""
        now_on = found(seen, limits)
        if seen.status is None:
            # of what an engine tells nobody knows whether it is over
            now_on = {key: text for key, (_, text) in self.on.items() if key not in _SEEN} | now_on
        if self._has_changed(seen, now):
            now_on["change"] = CHANGE
        changes = [
            Change(at=now, alarm=key, began=True, text=text)
            for key, text in now_on.items()
            if key not in self.on
        ]
        for key in [one for one in self.on if one not in now_on]:
            since, text = self.on.pop(key)
            over = Change(at=now, alarm=key, began=False, text=text, seconds=max(0.0, now - since))
            changes.append(over)
        for one in changes:
            if one.began:
                self.on[one.alarm] = now, one.text
        return changes

    def _has_changed(self, seen: Seen, now: float) -> bool:
        if seen.status is not None:
            pid = seen.status["engine"]["pid"]
            if self._engine not in (None, pid):
                self._changed_at = now
            self._engine = pid
        return self._changed_at is not None and now - self._changed_at < CHANGED_S
