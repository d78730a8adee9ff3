"""Operators' PINs: kept as salted scrypt hashes, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import os
import re

from acd.operators.operator import Operator

LEAST_DIGITS, MOST_DIGITS = 6, 12
# about 5 ms: the line's one writer waits for it, and a PIN has few digits whatever the cost
_COST = {"n": 2**11, "r": 8, "p": 1}


class PinError(ValueError):
    """A PIN cannot be used."""


def hash_pin(pin: str, least: int = LEAST_DIGITS) -> str:
    """Hash a new PIN of `least` to 12 digits; raise PinError for anything else."""
    if not re.fullmatch(f"[0-9]{{{least},{MOST_DIGITS}}}", pin):
        raise PinError(f"A PIN is {least} to {MOST_DIGITS} digits.")
    salt = os.urandom(16)
    return f"scrypt${salt.hex()}${hashlib.scrypt(pin.encode(), salt=salt, **_COST).hex()}"


def pin_matches(operator: Operator, pin: str) -> bool:
    """Whether `pin` is the operator's."""
    method, _, rest = operator.pin_hash.partition("$")
    salt, _, known = rest.partition("$")
    try:
        grains = bytes.fromhex(salt)
    except ValueError:
        return False
    if method != "scrypt" or not known:
        return False
    tried = hashlib.scrypt(pin.encode(), salt=grains, **_COST)
    return hmac.compare_digest(tried.hex(), known)
