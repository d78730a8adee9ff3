"""Who sits at the command line, as the system knows them."""

from __future__ import annotations

import os
import pwd


def person() -> str:
    """Return the user's name; of who works by sudo, their own."""
    user = os.getuid()
    behind = os.environ.get("SUDO_USER", "") if user == 0 else ""
    if behind:
        return behind
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
