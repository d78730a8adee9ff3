"""What the queue sorts and operators are offered: a citizen's call, or a work item."""

from __future__ import annotations

from typing import Protocol

from acd.timers import Timer


class Waiting(Protocol):
    """Something that waits for an operator.

    `category`: what it is about, if known. `waits_from`: since when, seconds since the epoch.
    `head_start_s`: served as if it had waited so much longer. `aged`: has waited beyond its cap.
    `preferred`: the operator who is to have it if free. `cap_s`: so long it waits at most for its
    turn; None: as its category says. `rings_several`: the phones of several operators may ring.
    `is_text`: a citizen writes, which is for who has no text conversation yet.
    """

    category: str | None
    waits_from: float
    head_start_s: float
    aged: bool
    preferred: str | None
    cap_s: float | None
    rings_several: bool
    is_text: bool

    @property
    def id(self) -> str:
        """What no other one has."""

    @property
    def language(self) -> str:
        """Whose speaker is wanted."""

    @property
    def offers(self) -> int:
        """How often it was offered."""

    def watch(self, timer: Timer) -> None:
        """Replace the time at which more operators may have it."""
