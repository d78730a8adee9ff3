"""Makes ids for calls, legs, bridges and playbacks; nothing is ever parsed out of one."""

from __future__ import annotations

from random import getrandbits


def new_id(now: float) -> str:
    """Return a fresh 22-character id that sorts by time (milliseconds, then 40 random bits)."""
    # never a secret, so the system need not be asked for each one
    return f"{int(now * 1000):012x}{getrandbits(40):010x}"
