"""A call to 112 while it lives: its stage, its legs, and the one way in which it changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from acd.ports import Journal
from acd.records import CallEvent, CallRecord, EventKind, apply
from acd.timers import Timer


class Stage(StrEnum):
    """Where a living call is. ENDED is final."""

    CLAIMED = "claimed"  # ours, but its leg has not been handed to us yet
    MENU = "menu"
    INFORMATION = "information"
    QUEUED = "queued"
    RINGING = "ringing"  # an operator's phone rings for it
    TALKING = "talking"
    ENDED = "ended"


@dataclass(slots=True)
class Call:
    """One citizen's call. `channel` is the citizen's leg."""

    channel: str
    record: CallRecord
    journal: Journal
    stage: Stage = Stage.CLAIMED
    leg: str | None = None  # the operator's leg, while one rings or talks
    bridge: str | None = None
    operator: str | None = None
    timer: Timer | None = None
    playback: str | None = None
    head_start_s: float = 0.0  # served as if it had arrived so much earlier
    resource_priority: str = ""  # of the Resource-Priority header, such as `esnet.1` or `wps.0`
    callback: bool = False  # a citizen who is called back
    silent: bool = False  # a citizen who says nothing, and may not be able to
    aged: bool = False  # has waited beyond the cap: before all others, to anybody
    preferred: str | None = None  # the operator who spoke with this caller last
    hung_up_by: str | None = None  # who was first to hang up, once somebody has
    cause: int | None = None  # the Q.850 cause that came with it

    @property
    def id(self) -> str:
        """The id of the call and of its record."""
        return self.record.call_id

    def note(self, kind: EventKind, now: float, **data: Any) -> None:
        """Let an event happen to the call: into its record and into the journal."""
        event = CallEvent(call_id=self.id, seq=self.record.events + 1, at=now, kind=kind, data=data)
        apply(self.record, event)
        self.journal.call_event(event, self.record)

    def rearm(self, timer: Timer | None) -> None:
        """Replace the call's deadline by another one, or by none."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer
