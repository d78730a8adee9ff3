"""Makes ids for calls, legs, bridges and playbacks; nothing is ever parsed out of one."""

from __future__ import annotations

import secrets


def new_id(now: float) -> str:
    """Return a fresh 22-character id that sorts by time (milliseconds, then 40 random bits)."""
    return f"{int(now * 1000):012x}{secrets.token_hex(5)}"
