"""What an operator's keys mean in a talk: `*2` hands over, `*3` makes three, `*0` returns, `*4`
says what the call is, `*5` has an agency told of it, `*6` the citizen of the number, `*7` and `*8`
pause its recording and let it go on. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

LONGEST_NUMBER = 15
FORGET_S = 8.0  # between two keys; then what was begun is forgotten


class HandOver(msgspec.Struct, frozen=True):
    """`*2`, a number, `#`: call that one."""

    number: str


class Complete(msgspec.Struct, frozen=True):
    """`*2` once more: leave the two alone."""


class Three(msgspec.Struct, frozen=True):
    """`*3`: all talk together."""


class Return(msgspec.Struct, frozen=True):
    """`*0`: back to the citizen, without the other one."""


class Dispose(msgspec.Struct, frozen=True):
    """`*4` and a code: say what the call is, such as a prank."""

    code: str


class TellAgency(msgspec.Struct, frozen=True):
    """`*5`, an agency's number, `#`: have it told of the incident."""

    number: str


class TellNumber(msgspec.Struct, frozen=True):
    """`*6`: let the citizen hear the incident's number."""


class Record(msgspec.Struct, frozen=True):
    """`*7`: what is said now is not recorded; `*8`: it is again."""

    on: bool


Command = HandOver | Complete | Three | Return | Dispose | TellAgency | TellNumber | Record


_AT_ONCE: Mapping[str, Command] = {
    "*0": Return(),
    "*3": Three(),
    "*6": TellNumber(),
    "*7": Record(on=False),
    "*8": Record(on=True),
}


class Keys(msgspec.Struct, frozen=True):
    """What has been pressed so far, and when last."""

    pressed: str = ""
    at: float = 0.0


def press(
    keys: Keys, digit: str, underway: bool, now: float, codes: Collection[str] = ()
) -> tuple[Keys, Command | None]:
    """Decide what one more key means; `underway`: a handing over has been begun already.

    `codes`: what a call can be said to be by `*4`; none is the begin of another one. A `*` always
    begins anew, so a wrong key is corrected by beginning again.
    """
    pressed = "" if now - keys.at > FORGET_S else keys.pressed
    if digit == "*":
        return Keys("*", now), None
    match pressed + digit:
        case whole if whole in _AT_ONCE:
            return Keys(), _AT_ONCE[whole]
        case "*4":
            return Keys("*4", now), None
        case code if code.startswith("*4") and digit.isdigit():
            said = code[2:]
            goes_on = any(one != said and one.startswith(said) for one in codes)
            return (Keys(code, now), None) if goes_on else (Keys(), Dispose(said))
        case "*2" if underway:
            return Keys(), Complete()
        case "*2":
            return Keys("*2", now), None
        case "*5":
            return Keys("*5", now), None
        case number if number.startswith(("*2", "*5")) and digit == "#":
            return Keys(), _with_number(number) if len(number) > 3 else None
        case number if number.startswith(("*2", "*5")) and len(number) <= LONGEST_NUMBER + 2:
            return Keys(number, now), None
    return Keys(), None


def _with_number(keys: str) -> Command:
    number = keys[2:-1]
    return HandOver(number) if keys.startswith("*2") else TellAgency(number)
