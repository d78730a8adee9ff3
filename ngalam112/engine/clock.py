"""The engine's one clock: UTC that never steps, from one engine to the next."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

CLOCK = "clock"
"""The key of the fact where the clock of an engine is anchored (`Anchor`)."""

STEP_S = 1.0
"""A difference from the machine's clock that is larger comes of somebody who has set that."""

_OLDEST_S = 86_400.0  # a channel that seems to be older tells of a clock that was set
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Anchor(msgspec.Struct, frozen=True):
    """What is added to the monotonic clock of one boot of the machine to have UTC."""

    boot: str
    offset: float


class SteadyClock:
    """Seconds since the epoch, anchored once and then counted on the monotonic clock.

    Somebody who sets the machine's clock changes no waiting time, no wrap-up and no talk time.
    """

    def __init__(self) -> None:
        self.anchor = Anchor(_boot(), time.time() - time.monotonic())

    def go_on_from(self, kept: Any) -> None:
        """Be anchored where an earlier engine was, if the machine has not been started since.

        `kept`: the fact that it left. To be called before anything was told the time.
        """
        try:
            anchor = msgspec.convert(kept, Anchor)
        except msgspec.ValidationError:
            return
        if anchor.boot == self.anchor.boot:
            self.anchor = anchor

    def stepped(self, kept: Any) -> float:
        """How far this clock is ahead of an earlier engine's that ran in the same boot, in seconds.

        `kept`: the fact that it left. 0 where nobody can know, as after a start of the machine.
        """
        try:
            anchor = msgspec.convert(kept, Anchor)
        except msgspec.ValidationError:
            return 0.0
        return self.anchor.offset - anchor.offset if anchor.boot == self.anchor.boot else 0.0

    def now(self) -> float:
        """The time, seconds since the epoch, in whole microseconds as the database keeps them.

        So a record that is computed again from stored events is the one that was stored.
        """
        return self.at(time.monotonic())

    def at(self, monotonic: float) -> float:
        """The time at a moment of the monotonic clock."""
        return round(monotonic + self.anchor.offset, 6)

    def ahead(self) -> float:
        """How far the machine's clock is ahead of this one, in seconds; negative if behind."""
        return time.time() - time.monotonic() - self.anchor.offset


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        # without it no two engines can know that they count the same seconds
        return f"unknown, {time.time_ns()}"


def age_s(created: str) -> float:
    """How old a channel is, by the wall clock of both, which is Asterisk's own."""
    try:
        age = time.time() - datetime.fromisoformat(created).timestamp()
    except ValueError:
        return 0.0
    return age if 0 <= age < _OLDEST_S else 0.0
