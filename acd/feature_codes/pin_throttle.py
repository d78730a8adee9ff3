"""Checks PINs: a phone that guesses has to wait, and the log tells of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import structlog

from acd.operators.operator import Operator
from acd.operators.roster import Roster

log = structlog.get_logger("acd")

WRONG_PINS = 3
PHONE_WAITS_S = 60.0

PinMatches = Callable[[Operator, str], bool]


class Answer(Enum):
    """What came of a PIN."""

    RIGHT = "right"
    WRONG = "wrong"
    WAITS = "waits"  # the phone has guessed too often, whatever it shows now


class PinThrottle:
    """Counts the wrong PINs in a row of each phone. In memory: a new engine counts anew."""

    def __init__(self, roster: Roster, pin_matches: PinMatches) -> None:
        self._roster, self._pin_matches = roster, pin_matches
        self._wrong: dict[str, tuple[int, float]] = {}  # phone -> how many, the last one's time

    def waits(self, phone: str, now: float) -> bool:
        """Whether the phone may show no PIN for the time being."""
        count, last = self._wrong.get(phone, (0, 0.0))
        return count >= WRONG_PINS and now < last + PHONE_WAITS_S

    def prove(self, phone: str, number: str, pin: str, now: float) -> Answer:
        """Judge a PIN that was shown at a phone; one of an operator that is not is wrong too."""
        if self.waits(phone, now):
            log.warning("phone_waits", phone=phone)
            return Answer.WAITS
        one = self._roster.operators.get(number)
        if one is not None and self._pin_matches(one, pin):
            self._wrong.pop(phone, None)
            return Answer.RIGHT
        count = self._wrong.get(phone, (0, 0.0))[0] % WRONG_PINS + 1
        self._wrong[phone] = (count, now)
        # the number is told only if it is somebody's: it might be a PIN that went astray
        log.warning("wrong_pin", phone=phone, operator=one.id if one else None, in_a_row=count)
        if count < WRONG_PINS:
            return Answer.WRONG
        log.warning("phone_waits", phone=phone, seconds=PHONE_WAITS_S)
        return Answer.WAITS
