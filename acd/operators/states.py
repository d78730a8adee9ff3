"""What an operator is doing, and the legal moves: one table (`acd.calls.states.check`)."""

from __future__ import annotations

from enum import StrEnum

from acd.calls.states import moves


class State(StrEnum):
    """What the operator is doing, as the calls tell."""

    IDLE = "idle"
    OFFERED = "offered"
    TALKING = "talking"
    HOLDING = "holding"  # talks with a citizen who is on hold
    CALLING = "calling"  # on a call without a citizen, or about to call one back
    WRAP_UP = "wrap_up"


OPERATOR_MOVES = moves(
    {
        State.IDLE: (State.OFFERED, State.TALKING, State.HOLDING, State.CALLING, State.WRAP_UP),
        State.OFFERED: (State.IDLE, State.TALKING, State.HOLDING, State.CALLING, State.WRAP_UP),
        # OFFERED out of a talk: apart from the citizen, to be connected again
        # ... CALLING: the citizen has hung up, and the operator talks on with an agency
        State.TALKING: (State.HOLDING, State.IDLE, State.WRAP_UP, State.OFFERED, State.CALLING),
        State.HOLDING: (State.TALKING, State.IDLE, State.WRAP_UP, State.OFFERED, State.CALLING),
        # whoever dials while the calls are still being restored may have a citizen all the same
        State.CALLING: (State.IDLE, State.OFFERED, State.TALKING, State.HOLDING, State.WRAP_UP),
        # a stored wrap-up, but Asterisk says that the talk goes on
        State.WRAP_UP: (State.IDLE, State.TALKING, State.HOLDING, State.OFFERED),
    }
)
