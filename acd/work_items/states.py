"""Where a work item is, and the legal moves: one table (`acd.calls.states.check`)."""

from __future__ import annotations

from enum import StrEnum

from acd.calls.states import moves


class ItemState(StrEnum):
    """Where a work item is. CLOSED is final."""

    WAITING = "waiting"  # for its time
    QUEUED = "queued"  # for an operator, among the calls
    OFFERED = "offered"  # an operator's phone rings for it
    RINGING = "ringing"  # an operator has it; whom it is about is rung
    TALKING = "talking"  # an operator has it, and works on it
    CLOSED = "closed"


ITEM_MOVES = moves(
    {
        ItemState.WAITING: (
            ItemState.QUEUED,
            ItemState.OFFERED,
            ItemState.RINGING,
            ItemState.CLOSED,
        ),
        ItemState.QUEUED: (
            ItemState.WAITING,
            ItemState.OFFERED,
            ItemState.RINGING,
            ItemState.CLOSED,
        ),
        # TALKING: where nobody has to be rung
        ItemState.OFFERED: (
            ItemState.QUEUED,
            ItemState.WAITING,
            ItemState.RINGING,
            ItemState.TALKING,
            ItemState.CLOSED,
        ),
        ItemState.RINGING: (ItemState.WAITING, ItemState.TALKING, ItemState.CLOSED),
        # back to WAITING or QUEUED: the talk was cut off
        ItemState.TALKING: (ItemState.WAITING, ItemState.QUEUED, ItemState.CLOSED),
        ItemState.CLOSED: (),
    }
)


class ItemOutcome(StrEnum):
    """How a work item was closed."""

    REACHED = "reached"  # an operator has talked with whom it is about
    GIVEN_UP = "given_up"  # all tries were in vain, or nobody took it in time
    DISCHARGED = "discharged"  # the citizen has dialled again, and that call counts
    MISDIAL = "misdial"  # hung up at once, and never dialled again
    UNREACHABLE = "unreachable"  # there is no number that may be dialled
    BY_HAND = "by_hand"  # an operator or a supervisor has closed it, with a reason
