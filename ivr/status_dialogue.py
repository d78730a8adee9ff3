"""A citizen asks for a complaint by typing its number: one pure step function.

Digits and `#` look it up; `0` before any digit, silence, trouble and the third number in vain lead
to an operator. `*` begins anew. Nothing here hangs up.
"""

from __future__ import annotations

import msgspec

ASK, UNKNOWN, END = "status_ask", "status_unknown", "status_end"
PROMPTS = (ASK, UNKNOWN, END)
NAME = "status"
"""What the record says that the citizen has heard, as the name of recorded information."""

MOST_TRIES = 3
LONGEST_NUMBER = 13  # digits: a year and a running number
KEY_S = 8.0  # silence after a prompt or a key
LOOK_S = 5.0  # for the database
SAYS_S = 60.0  # a prompt that has not ended by then has a fault that Asterisk did not tell
LONGEST_S = 240.0  # all of it, whatever is pressed


class Asking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far it is. `due`: the time of the next Tick that is wanted; `until`: of the last one.

    `looks`: what was typed is being looked up, the `tries`th time. `says`: words are played.
    """

    until: float
    due: float = 0.0
    digits: str = ""
    tries: int = 0
    looks: bool = False
    says: bool = False


class Pressed(msgspec.Struct, frozen=True):
    """A key."""

    key: str


class Said(msgspec.Struct, frozen=True):
    """The words came to their end, or could not be played."""

    failed: bool = False


class Found(msgspec.Struct, frozen=True):
    """What was looked up: the prompts that tell it, none if there is no such number.

    `failed`: nobody could look.
    """

    prompts: tuple[str, ...] = ()
    failed: bool = False


class Due(msgspec.Struct, frozen=True):
    """The time has come."""


Event = Pressed | Said | Found | Due


class Say(msgspec.Struct, frozen=True):
    """Play these in place of what plays."""

    prompts: tuple[str, ...]


class Hush(msgspec.Struct, frozen=True):
    """Stop what plays."""


class LookUp(msgspec.Struct, frozen=True):
    """Find out how it stands with this number; `Found` tells."""

    digits: str


class Leave(msgspec.Struct, frozen=True):
    """Find an operator."""


Action = Say | Hush | LookUp | Leave
Stepped = tuple[Asking, list[Action]]
_with = msgspec.structs.replace


def begin(now: float) -> Stepped:
    """Ask for the number."""
    return _say(Asking(until=now + LONGEST_S), (ASK,), now)


def step(asking: Asking, event: Event, now: float) -> Stepped:
    """Decide what follows from one event."""
    match event:
        case Due() if now >= asking.due:
            return asking, [Leave()]
        case Said(failed=True):
            return asking, [Leave()]
        case Said() if asking.looks:
            # the engine that was looking it up is gone
            return _look(asking, now)
        case Said():
            return _wait(_with(asking, says=False), KEY_S, now), []
        case Found() if asking.looks:
            return _found(_with(asking, looks=False, digits=""), event, now)
        case Pressed(key):
            return _pressed(asking, key, now)
    return asking, []


def _pressed(asking: Asking, key: str, now: float) -> Stepped:
    if key == "0" and (asking.looks or not asking.digits):
        return asking, [Leave()]
    if asking.looks:
        return asking, []
    if key == "*":
        return _say(_with(asking, digits=""), (ASK,), now)
    if key == "#" and asking.digits:
        if asking.tries >= MOST_TRIES:
            return asking, [Leave()]
        return _look(_with(asking, looks=True, tries=asking.tries + 1), now)
    if key.isdecimal() and len(asking.digits) < LONGEST_NUMBER:
        hush: list[Action] = [Hush()] if asking.says else []
        typed = _with(asking, digits=asking.digits + key, says=False)
        return _wait(typed, KEY_S, now), hush
    return asking, []


def _look(asking: Asking, now: float) -> Stepped:
    return _wait(asking, LOOK_S, now), [LookUp(asking.digits)]


def _found(asking: Asking, found: Found, now: float) -> Stepped:
    if found.failed:
        return asking, [Leave()]
    if found.prompts:
        return _say(asking, (*found.prompts, END), now)
    if asking.tries >= MOST_TRIES:
        return asking, [Leave()]
    return _say(asking, (UNKNOWN, ASK), now)


def _say(asking: Asking, prompts: tuple[str, ...], now: float) -> Stepped:
    return _wait(_with(asking, says=True), SAYS_S, now), [Say(prompts)]


def _wait(asking: Asking, seconds: float, now: float) -> Asking:
    return _with(asking, due=min(asking.until, now + seconds))
