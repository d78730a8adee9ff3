"""How many files a process of the line may have open: as many as the machine allows it."""

from __future__ import annotations

import contextlib
import resource


def allow_many_files() -> None:
    """Raise the soft limit to the hard one; children have it too.

    A shell gives 1,024, and 300 talks of two legs need 2,400 in Asterisk.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # a container may forbid it; the line starts with what it has
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
