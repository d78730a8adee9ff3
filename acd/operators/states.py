"""What an operator is doing, and the legal moves: one table (`acd.calls.states.check`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from acd.calls.states import CALL_MOVES, LEG_MOVES, TRANSFER_MOVES, S


class State(StrEnum):
    """What the operator is doing, as the calls tell."""

    IDLE = "idle"
    OFFERED = "offered"
    TALKING = "talking"
    HOLDING = "holding"  # talks with a citizen who is on hold
    CALLING = "calling"  # is on a call of their own: to a colleague, or back to a citizen
    WRAP_UP = "wrap_up"


OPERATOR_MOVES: dict[State, frozenset[State]] = {
    State.IDLE: frozenset(
        (State.OFFERED, State.TALKING, State.HOLDING, State.CALLING, State.WRAP_UP)
    ),
    State.OFFERED: frozenset(
        (State.IDLE, State.TALKING, State.HOLDING, State.CALLING, State.WRAP_UP)
    ),
    # OFFERED out of a talk: parted from the citizen, and about to be connected again
    State.TALKING: frozenset((State.HOLDING, State.IDLE, State.WRAP_UP, State.OFFERED)),
    State.HOLDING: frozenset((State.TALKING, State.IDLE, State.WRAP_UP, State.OFFERED)),
    State.CALLING: frozenset((State.IDLE, State.TALKING)),
    # a stored wrap-up, but Asterisk says that the talk goes on
    State.WRAP_UP: frozenset((State.IDLE, State.TALKING, State.HOLDING, State.OFFERED)),
}


def page() -> str:
    """The tables of calls, legs, transfers and operators, as docs/states.md has them."""
    parts = [
        "# States and their legal moves",
        "Drawn by `python -m acd.operators.states` from `acd/calls/states.py` and\n"
        "`acd/operators/states.py`; a test holds the two against each other. Every change\n"
        "goes through these tables: an illegal one raises `IllegalMove` and changes nothing.\n"
        "To stay is always legal.",
        _table("A call", CALL_MOVES),
        _table("A leg of an operator or an agency", LEG_MOVES),
        _table("A transfer", TRANSFER_MOVES),
        _table("An operator", OPERATOR_MOVES),
    ]
    return "\n\n".join(parts) + "\n"


def _table(title: str, moves: Mapping[S, frozenset[S]]) -> str:
    kind = type(next(iter(moves)))
    rows = [
        f"| {before} | {', '.join(one for one in kind if one in after) or 'nothing: final'} |"
        for before, after in moves.items()
    ]
    return "\n".join([f"## {title}", "| from | to |", "|---|---|", *rows])


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - the page is what it is run for
