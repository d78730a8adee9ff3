"""A leg of a call: an operator's or an agency's, from ringing to its end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acd.timers import Timer

if TYPE_CHECKING:
    from acd.calls import Call
    from acd.transfers import Transfer


class LegStage(StrEnum):
    """Where a leg is."""

    RINGING = "ringing"
    CONNECTING = "connecting"  # answered; the switch has been told to join it to the citizen
    TALKING = "talking"  # hears the citizen
    CONSULTING = "consulting"  # talks apart, while the citizen hears the others or music

    @property
    def hears_citizen(self) -> bool:
        """Whether the leg is in the citizen's bridge."""
        return self is LegStage.TALKING


@dataclass(slots=True, eq=False)
class Leg:
    """One leg. `operator`: None for an agency, and for a phone that nobody sits at.

    `phone`: the number of the phone, or the agency's address. `transfer`: the handing over that it
    is rung for, if it is not an offer out of the queue. `refused_at`: when its phone was last told
    that a REFER has failed.
    """

    id: str
    call: Call
    phone: str
    operator: str | None = None
    stage: LegStage = LegStage.RINGING
    transfer: Transfer | None = None
    talks_since: float = 0.0
    held_since: float | None = None
    refused_at: float | None = None
    timer: Timer | None = None

    def rearm(self, timer: Timer | None) -> None:
        """Replace the leg's deadline by another one, or by none."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer
