"""An incident's number as a citizen hears it: digit by digit, out of pieces. Pure."""

from __future__ import annotations

from acd.languages import in_language
from incidents.numbers import year_and_running

NUMBER_IS, RUNNING, AGAIN = "incident_number", "incident_running", "incident_again"
DIGITS = tuple(f"digit_{digit}" for digit in range(10))
PROMPTS = (NUMBER_IS, RUNNING, AGAIN, *DIGITS)


def spoken_number(number: str, language: str) -> tuple[str, ...]:
    """Return the prompts that say it: "your number is: year 2 0 2 6, number 1 2 3"; then again.

    Nothing for what is no number.
    """
    found = year_and_running(number)
    if found is None:
        return ()
    year, running = found
    digits = (*_digits(year), RUNNING, *_digits(running))
    return tuple(in_language(one, language) for one in (NUMBER_IS, *digits, AGAIN, *digits))


def _digits(number: int) -> tuple[str, ...]:
    return tuple(DIGITS[int(digit)] for digit in str(number))
