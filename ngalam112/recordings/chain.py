"""The chain of recordings: each row vouches for its file and for all rows before it. Pure."""

from __future__ import annotations

import hashlib

BEGIN = "0" * 64
"""What stands in the place of the row before the first one."""


def link(before: str, sha256: str, asterisk_id: str) -> str:
    """Return the chain's value of a row: SHA-256 of that before, of the file's and of the call.

    `before`, `sha256`: 64 hexadecimal digits; so a line feed parts the three without a doubt.
    """
    return hashlib.sha256(f"{before}\n{sha256}\n{asterisk_id}".encode()).hexdigest()
