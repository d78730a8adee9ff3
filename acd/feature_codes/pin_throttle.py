"""Checks PINs: whoever guesses has to wait, longer each time, and the log tells of it.

Wrong PINs are counted for the phone at which they are shown and for the operator whose they are
said to be, and are kept for the next engine. A right PIN takes back only what the same operator got
wrong at the same phone: with one's own PIN nobody gets more guesses at that of another.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec
import structlog

from acd.calls.journal import Journal
from acd.operators.operator import Operator
from acd.operators.roster import Roster

log = structlog.get_logger("acd")

WRONG_AT_A_PHONE = 3
WRONG_FOR_AN_OPERATOR = 6
"""More than at a phone: one that guesses must not keep others from their own phones at once."""
FIRST_WAIT_S, LONGEST_WAIT_S = 60.0, 3600.0
FORGOTTEN_S = 86_400.0
"""So long after the last wrong PIN nothing is known of it any more."""
GUESSES = "pins"
"""The key of the fact that is kept for the next engine."""

SUPERVISOR = "supervisor "
"""Before the number under which a supervisor's wrong PINs are counted: it may be an operator's."""

PinMatches = Callable[[Operator, str], bool]
SupervisorPin = Callable[[str, str], bool | None]
"""Whether a PIN is that of the supervisor with this number; None: nobody has it."""


class Answer(Enum):
    """What came of a PIN."""

    RIGHT = "right"
    WRONG = "wrong"
    WAITS = "waits"  # it was guessed too often, whatever is shown now


class Guesses(msgspec.Struct):
    """Wrong PINs of one operator at one phone; `operator` is empty for a number that nobody has."""

    phone: str
    operator: str
    count: int = 0
    last: float = 0.0


class _Kept(msgspec.Struct):
    guesses: list[Guesses] = []
    phones: dict[str, float] = {}  # until when each waits
    operators: dict[str, float] = {}


def wait_s(count: int, limit: int) -> float:
    """Seconds to wait after so many wrong PINs; 0 unless this one fills another `limit` of them."""
    if count == 0 or count % limit:
        return 0.0
    doubled = min(count // limit - 1, 16)
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**doubled)


def _waits(until: float, now: float) -> bool:
    # what is further away was kept before the clock was set back
    return now < until <= now + LONGEST_WAIT_S


class PinThrottle:
    """Counts wrong PINs. `wrong`: how many there were since the start of this engine."""

    def __init__(self, roster: Roster, pin_matches: PinMatches, journal: Journal) -> None:
        self._roster, self._pin_matches, self._journal = roster, pin_matches, journal
        self._kept = _Kept()
        self.wrong = 0
        # set by whoever knows the line's people
        self.supervisor_pin: SupervisorPin = lambda number, pin: None

    def remember(self, facts: dict[str, Any]) -> None:
        """Know what an earlier engine kept; what makes no sense is left out."""
        try:
            self._kept = msgspec.convert(facts.get(GUESSES) or {}, _Kept)
        except msgspec.ValidationError as error:
            log.error("guesses_not_understood", error=str(error))

    def waits(self, phone: str, now: float) -> bool:
        """Whether the phone may show no PIN for the time being."""
        return _waits(self._kept.phones.get(phone, 0.0), now)

    def waiting(self, now: float) -> int:
        """How many phones and operators wait."""
        kept = self._kept
        times = (until for some in (kept.phones, kept.operators) for until in some.values())
        return sum(_waits(until, now) for until in times)

    def prove(self, phone: str, number: str, pin: str, now: float) -> Answer:
        """Judge a PIN that was shown at a phone; one of an operator that is not is wrong too."""
        if self.waits(phone, now) or _waits(self._kept.operators.get(number, 0.0), now):
            log.warning("phone_waits", phone=phone)
            return Answer.WAITS
        one = self._roster.operators.get(number)
        if one is not None and self._pin_matches(one, pin):
            self._forgive(phone, one.id)
            return Answer.RIGHT
        return self._refuse(phone, "" if one is None else one.id, now)

    def prove_supervisor(self, phone: str, number: str, pin: str, now: float) -> Answer:
        """Judge the PIN of a supervisor, who need be no operator, and is counted apart."""
        key = f"{SUPERVISOR}{number}"
        if self.waits(phone, now) or _waits(self._kept.operators.get(key, 0.0), now):
            log.warning("phone_waits", phone=phone)
            return Answer.WAITS
        right = self.supervisor_pin(number, pin)
        if right:
            self._forgive(phone, key)
            return Answer.RIGHT
        return self._refuse(phone, "" if right is None else key, now)

    def _forgive(self, phone: str, operator: str) -> None:
        kept = self._kept
        left = [one for one in kept.guesses if (one.phone, one.operator) != (phone, operator)]
        if len(left) < len(kept.guesses):
            kept.guesses = left
            self._keep()

    def _refuse(self, phone: str, operator: str, now: float) -> Answer:
        self.wrong += 1
        kept = self._kept
        self._forget(now)
        at = (phone, operator)
        one = next((one for one in kept.guesses if (one.phone, one.operator) == at), None)
        if one is None:
            kept.guesses.append(one := Guesses(phone, operator))
        one.count, one.last = one.count + 1, now
        at_phone = sum(some.count for some in kept.guesses if some.phone == phone)
        # the number is told only if it is somebody's: it might be a PIN that went astray
        log.warning("wrong_pin", phone=phone, operator=operator or None, in_a_row=at_phone)
        phone_s = wait_s(at_phone, WRONG_AT_A_PHONE)
        if phone_s:
            kept.phones[phone] = now + phone_s
            log.warning("phone_waits", phone=phone, seconds=phone_s)
        if operator:
            of_operator = sum(some.count for some in kept.guesses if some.operator == operator)
            operator_s = wait_s(of_operator, WRONG_FOR_AN_OPERATOR)
            if operator_s:
                kept.operators[operator] = now + operator_s
                log.warning("pin_is_guessed", operator=operator, wrong=of_operator, phone=phone)
        self._keep()
        return Answer.WAITS if phone_s else Answer.WRONG

    def _forget(self, now: float) -> None:
        kept = self._kept
        kept.guesses = [one for one in kept.guesses if now < one.last + FORGOTTEN_S]
        for some in (kept.phones, kept.operators):
            for key in [key for key, until in some.items() if not _waits(until, now)]:
                del some[key]

    def _keep(self) -> None:
        kept = self._kept
        known = kept.guesses or kept.phones or kept.operators
        self._journal.keep(GUESSES, msgspec.to_builtins(kept) if known else None)
