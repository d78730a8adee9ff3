"""What citizens may ask of the line by UU 27/2022, by when it is due, and its states: one table.

Correction within 3x24 h (article 30), access within 3x24 h (32; refused where it would expose
others, 33), restriction (41), erasure (43, 44). All times are seconds since the epoch.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from acd.calls.states import check, moves
from acd.numbers.caller import same_caller
from privacy.errors import NoTelephoneNumber, NotKnown, NotLegal

DUE_S = 3 * 24 * 3600.0
"""3x24 hours, counted from the moment at which the line was asked."""

ABOUT = "request"
"""What its steps are about, in the table of steps."""

LONGEST_CALLER = 32
"""Characters of the key of a number (a column's length)."""


class RequestKind(StrEnum):
    """What is asked for."""

    ACCESS = "access"
    CORRECTION = "correction"
    RESTRICTION = "restriction"
    ERASURE = "erasure"


class RequestState(StrEnum):
    """How far a request is."""

    RECEIVED = "received"
    IN_HAND = "in_hand"
    DONE = "done"
    REFUSED = "refused"

    @property
    def is_over(self) -> bool:
        """Whether nobody has to do anything more."""
        return self in (RequestState.DONE, RequestState.REFUSED)


REQUEST_MOVES = moves(
    {
        RequestState.RECEIVED: (RequestState.IN_HAND, RequestState.DONE, RequestState.REFUSED),
        RequestState.IN_HAND: (RequestState.DONE, RequestState.REFUSED),
        RequestState.DONE: (),
        RequestState.REFUSED: (),
    }
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `privacy_requests`; the fields are the columns.

    `caller`: the key of the number; `number`: as it was said. `taken_by`: who took it down.
    `verified`: how it was seen that the number is the person's. `due_at`: stored, so that a later
    change of the rule moves nobody's deadline. `entries`: how many steps it has.
    """

    id: int
    kind: RequestKind
    caller: str
    number: str
    state: RequestState = RequestState.RECEIVED
    received_at: float = 0.0
    due_at: float = 0.0
    taken_by: str = ""
    verified: str = ""
    closed_at: float | None = None
    entries: int = 0

    def is_overdue(self, now: float) -> bool:
        """Whether it should have been answered by now."""
        return self.closed_at is None and now > self.due_at


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a request or a breach: what was done, by whom, in which words."""

    seq: int
    at: float
    kind: str
    by: str
    text: str = ""


def kind_of(name: str) -> RequestKind:
    """Return the kind of that name; raises NotKnown."""
    try:
        return RequestKind(name)
    except ValueError:
        names = ", ".join(RequestKind)
        raise NotKnown(
            f"There is no kind of request {name[:32]!r}; choose one of {names}."
        ) from None


def caller_of(number: str, country: str) -> str:
    """Return the key that all spellings of a number share; raises NoTelephoneNumber."""
    found = same_caller(number, country)
    if found is None:
        raise NoTelephoneNumber(
            f"{number[:32]!r} is no telephone number; give it as +62812..., or 0812...."
        )
    return found[:LONGEST_CALLER]


def check_by_hand(request: Request, state: RequestState) -> None:
    """Raise NotLegal where only the line itself can say that a request is done."""
    if request.kind is RequestKind.ERASURE and state is RequestState.DONE:
        raise NotLegal(
            f"Request {request.id} asks for an erasure, and is done once nothing is left: "
            f"`ngalam112 privacy erase --number {request.number} --request {request.id}`."
        )


def check_move(request: Request, state: RequestState, text: str) -> None:
    """Raise NotLegal unless the request may come to this state, with these words.

    Who refuses or ends one says why, or what was done: it is what the authority asks for.
    """
    if state in REQUEST_MOVES[request.state]:
        if state.is_over and not text.strip():
            raise NotLegal(f"Say in words why request {request.id} is {state}: give --reason.")
        check(REQUEST_MOVES, request.state, state)
        return
    raise NotLegal(f"Request {request.id} is {request.state} already and cannot become {state}.")
