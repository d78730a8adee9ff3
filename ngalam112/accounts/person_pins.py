"""PINs of people: kept as argon2 hashes, the slow kind, for people choose what they type."""

from __future__ import annotations

import re

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from ngalam112.accounts.pins import LEAST_DIGITS, MOST_DIGITS, PinError

# about as long as an operator's PIN: the line's one writer waits for it (argon2id, 8 MiB)
_HASHER = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1)


def hash_person_pin(pin: str, least: int = LEAST_DIGITS) -> str:
    """Hash a new PIN of `least` to 12 digits; raise PinError for anything else."""
    if not re.fullmatch(f"[0-9]{{{least},{MOST_DIGITS}}}", pin):
        raise PinError(f"A PIN is {least} to {MOST_DIGITS} digits.")
    return _HASHER.hash(pin)


def person_pin_matches(kept: str, pin: str) -> bool:
    """Whether `pin` is the one that was kept; in constant time, as argon2 compares."""
    try:
        return _HASHER.verify(kept, pin)
    except (Argon2Error, InvalidHashError):
        return False
