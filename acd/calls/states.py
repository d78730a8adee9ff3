"""The stages of calls, of operators' legs and of transfers, and their legal moves: one table each.

A stage changes only by the method `move`, which checks these tables. Setting the same stage again
is always legal. docs/states.md shows the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

S = TypeVar("S", bound=StrEnum)


class IllegalMove(Exception):
    """A call, a leg, a transfer or an operator cannot go from one stage to the other."""


def check(legal: Mapping[S, frozenset[S]], before: S, after: S) -> None:
    """Raise IllegalMove unless the table `legal` allows it."""
    if after not in legal[before] and after is not before:
        raise IllegalMove(f"{type(before).__name__} {before} cannot become {after}.")


class Stage(StrEnum):
    """Where a living call is. ENDED is final."""

    CLAIMED = "claimed"  # ours, but its leg has not been handed to us yet
    MENU = "menu"
    INFORMATION = "information"
    QUEUED = "queued"
    RINGING = "ringing"  # an operator's phone rings for it
    TALKING = "talking"
    ENDED = "ended"


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

    @property
    def is_offer(self) -> bool:
        """Whether the leg has not come so far as to talk with anybody."""
        return self is LegStage.RINGING or self is LegStage.CONNECTING


class Step(StrEnum):
    """How far a handing over is."""

    WAITING = "waiting"  # in the queue of a category, or a phone of it rings
    RINGING = "ringing"
    CONSULTING = "consulting"
    JOINING = "joining"


def moves(table: Mapping[S, tuple[S, ...]]) -> dict[S, frozenset[S]]:
    """The table in the form that `check` reads."""
    return {before: frozenset(after) for before, after in table.items()}


CALL_MOVES = moves(
    {
        # a call of an earlier engine begins as CLAIMED and goes to where Asterisk says that it is
        Stage.CLAIMED: (
            Stage.MENU,
            Stage.INFORMATION,
            Stage.QUEUED,
            Stage.RINGING,
            Stage.TALKING,
            Stage.ENDED,
        ),
        # back to CLAIMED: the fallback has the citizen
        Stage.MENU: (Stage.INFORMATION, Stage.QUEUED, Stage.CLAIMED, Stage.ENDED),
        Stage.INFORMATION: (Stage.MENU, Stage.QUEUED, Stage.CLAIMED, Stage.ENDED),
        Stage.QUEUED: (Stage.RINGING, Stage.TALKING, Stage.CLAIMED, Stage.ENDED),
        Stage.RINGING: (Stage.QUEUED, Stage.TALKING, Stage.CLAIMED, Stage.ENDED),
        # back to QUEUED: the operator's leg is lost; to RINGING: to be connected again
        Stage.TALKING: (Stage.QUEUED, Stage.RINGING, Stage.CLAIMED, Stage.ENDED),
        Stage.ENDED: (),
    }
)
LEG_MOVES = moves(
    {
        LegStage.RINGING: (LegStage.CONNECTING, LegStage.TALKING, LegStage.CONSULTING),
        # back to RINGING: found apart from the citizen after a reconnect, to be connected again
        LegStage.CONNECTING: (LegStage.TALKING, LegStage.CONSULTING, LegStage.RINGING),
        LegStage.TALKING: (LegStage.CONSULTING, LegStage.RINGING),
        LegStage.CONSULTING: (LegStage.CONNECTING, LegStage.TALKING, LegStage.RINGING),
    }
)
TRANSFER_MOVES = moves(
    {
        Step.RINGING: (Step.WAITING, Step.CONSULTING, Step.JOINING),
        Step.WAITING: (Step.CONSULTING, Step.JOINING),
        Step.CONSULTING: (Step.JOINING,),
        Step.JOINING: (),
    }
)
