"""What the next engine has to know of a living call beside its record: facts, kept at each change.

The record says what has happened; these say what is under way: whose phone rings, where the citizen
is in the menu, what was said to who waits. They are for the next engine only and for no table.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from acd.calls.target import Target

T = TypeVar("T")

CALL = "call:"
"""The key of a call's facts is this and the call's id."""

CLAIM = "claim:"
"""The key of a claim is this and the id of the citizen's channel, until the call has a record."""


OPERATOR_CALL = "operator_call:"
"""The key of a call that a phone has made is this and the phone's channel."""

IN_VAIN = "transfer_failed"
"""What an operator's phone hears when nobody answers whom it has called."""


class OfferCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A phone that rings for a call, or has answered and has not talked with the citizen yet.

    `since`: when it began to ring, seconds since the epoch.
    """

    leg: str
    phone: str
    operator: str | None = None
    since: float = 0.0


class CallCheckpoint(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What is under way for one call.

    `dialogue`: where the citizen is in the menu; only `ivr` knows what it means. `playback`:
    the prompt that plays in it. `waits_since`: when the citizen called first, if this call is
    one of several. `aged`, `interrupted`: served before all others; not told yet that the
    operator was lost. `ask_for_key`: a silent citizen who has not been asked yet to press a
    key. `said`, `turns`: the last figure that a waiting citizen was told, and how often the
    music has begun again. `words`: the playback of such a figure. `notices`: those that were
    heard, of which `notice` plays since `notice_since`; `notice_heard_at`: when enough of one
    was. `held`: legs that hold the citizen, and since when. `refers`: legs whose phones have
    sent REFER and wait to be told what comes of it. `references`: where the place of the
    citizen is being fetched. `behind`: beyond a limit of its number or of its `address`, from which
    SIP comes. `hang_up`: the citizen's channel, if the call has ended and that
    was asked to be hung up, until it is gone; then nothing else is told.
    """

    offers: list[OfferCheckpoint] = []
    held: dict[str, float] = {}
    refers: list[str] = []
    dialogue: Any = None
    playback: str | None = None
    resource_priority: str = ""
    waits_since: float | None = None
    silent: bool = False
    ask_for_key: bool = False
    preferred: str | None = None
    aged: bool = False
    interrupted: bool = False
    said: int | None = None
    turns: int = 0
    words: str | None = None
    notices: tuple[str, ...] = ()
    notice: str | None = None
    notice_since: float = 0.0
    notice_heard_at: float | None = None
    references: list[str] = []
    behind: bool = False
    address: str = ""
    hang_up: str = ""


class OperatorCallCheckpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that a phone has made, while it rings or goes on.

    `leg`: whom it called, at `address`. `rings_until`: when ringing is given up, seconds since the
    epoch. `bridge`: where the two talk. `item`: the callback for which a citizen is called.
    `in_vain`: the prompt that the channel hears if nobody answers. `wrap_up_s`: what the operator
    has after it, as the citizen whose talk goes on here has hung up.
    """

    phone: str
    operator: str | None = None
    leg: str
    address: str
    target: Target
    rings_until: float = 0.0
    bridge: str | None = None
    item: str | None = None
    in_vain: str = IN_VAIN
    wrap_up_s: float = 0.0


class ClaimCheckpoint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that the engine has asked for, until it is there: all that is left if it never comes.

    `at`: when it was asked for, seconds since the epoch.
    """

    number: str = ""
    name: str = ""
    called: str = ""
    withheld: bool = False
    at: float = 0.0
    trunk: str = ""


def call_checkpoints(facts: dict[str, Any]) -> dict[str, CallCheckpoint]:
    """Return the facts of each call, by its id; what makes no sense is left out."""
    return of_kind(facts, CALL, CallCheckpoint)


def to_hang_up(calls: dict[str, CallCheckpoint]) -> dict[str, str]:
    """Return the citizens' channels that have to go because their calls have ended, and the ids."""
    return {one.hang_up: call_id for call_id, one in calls.items() if one.hang_up}


def claim_checkpoints(facts: dict[str, Any]) -> dict[str, ClaimCheckpoint]:
    """Return the claims, by the citizen's channel; what makes no sense is left out."""
    return of_kind(facts, CLAIM, ClaimCheckpoint)


def operator_call_checkpoints(facts: dict[str, Any]) -> dict[str, OperatorCallCheckpoint]:
    """Return the calls that phones have made, by the phone's channel; without what is senseless."""
    return of_kind(facts, OPERATOR_CALL, OperatorCallCheckpoint)


def of_kind(facts: dict[str, Any], prefix: str, kind: type[T]) -> dict[str, T]:
    """Return the facts whose key begins so, by the rest of it; what makes no sense is left out."""
    found = {}
    for key, value in facts.items():
        if key.startswith(prefix):
            try:
                found[key.removeprefix(prefix)] = msgspec.convert(value, kind)
            except msgspec.ValidationError:
                continue
    return found
