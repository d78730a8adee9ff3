"""Keeps what the board knows: the newest snapshot, the alarms, and since when none has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ngalam112.alarms.rules import Alarms, Limits, Seen
from ngalam112.cli.live.board import NUMBERED
from ngalam112.cli.live.view import Replay, Snapshot, View
from ngalam112.terminal import safe


class Watching:
    """What is known of the line. `clock(at)` tells epoch seconds as a time of day."""

    def __init__(self, limits: Limits, clock: Callable[[float], str]) -> None:
        self._limits, self._clock, self._alarms = limits, clock, Alarms()
        self._snapshot: Snapshot | None = None
        self._came_at: float | None = None
        self.silent_since, self.why = "", ""
        self.selected = ""
        self.replay: Replay | None = None

    @property
    def alarms(self) -> dict[str, str]:
        """Those that are on, in the order in which they began: as seen here, then as kept.

        Of its disk and of recordings only the engine tells.
        """
        here = {key: text for key, (_, text) in self._alarms.on.items()}
        return here | {one["alarm"]: one["text"] for one in self._kept if one["alarm"] not in here}

    @property
    def acknowledged(self) -> dict[str, str]:
        """Who has acknowledged which of them, by key."""
        return {one["alarm"]: one["acknowledged_by"] for one in self._kept if _is_known(one)}

    def not_acknowledged(self) -> dict[str, str]:
        """The keys of those that nobody has acknowledged, by their ids."""
        return {one["id"]: one["alarm"] for one in self._kept if not _is_known(one)}

    @property
    def _kept(self) -> Sequence[Mapping[str, Any]]:
        # an engine of a version before keeps none, and neither does a replay
        found: Sequence[Mapping[str, Any]] = (self._snapshot or {}).get("alarms", ())
        return found

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest one, or None before the first."""
        return self._snapshot

    def came(self, snapshot: Snapshot, now: float) -> None:
        """A snapshot has come."""
        self._snapshot, self._came_at = snapshot, now
        self.silent_since = self.why = ""
        people = [one["id"] for one in snapshot["people"]]
        if self.selected not in people:
            self.selected = people[0] if people else ""
        if self.replay is None:
            self._alarms.look(_seen(snapshot), self._limits, now)

    def silent(self, why: str, now: float) -> None:
        """None has come."""
        if not self.silent_since:
            self.silent_since = self._clock(self._came_at or now)
        self.why = safe(why)
        self._alarms.look(Seen(status=None, down=self.why), self._limits, now)

    def select(self, step: int) -> None:
        """Select the operator so many below."""
        people = [one["id"] for one in (self._snapshot or {"people": []})["people"]]
        if people:
            at = people.index(self.selected) if self.selected in people else 0
            self.selected = people[min(max(0, at + step), len(people) - 1)]

    def chosen(self) -> dict[str, Any] | None:
        """The operator who is selected."""
        people = (self._snapshot or {"people": []})["people"]
        return next((one for one in people if one["id"] == self.selected), None)

    def numbered(self) -> dict[str, Mapping[str, Any]]:
        """The first calls of the queue, by the numbers that the board shows."""
        waiting = (self._snapshot or {"waiting": []})["waiting"][:NUMBERED]
        return {str(n): one for n, one in enumerate(waiting, 1) if one["kind"] == "call"}

    def view(self) -> View:
        """What the board is made from."""
        return View(
            snapshot=self._snapshot,
            silent_since=self.silent_since,
            alarms=self.alarms,
            acknowledged=self.acknowledged,
            selected=self.selected,
            replay=self.replay,
        )


def _is_known(alarm: Mapping[str, Any]) -> bool:
    return alarm["acknowledged_by"] is not None


def _seen(snapshot: Snapshot) -> Seen:
    people = snapshot["people"]
    phones = [{"number": one["phone"], "device": one["device"]} for one in people]
    return Seen(status=snapshot, operators=people, phones=phones)
