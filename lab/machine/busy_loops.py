"""Processes that never sleep, beside whatever is to be shown on a machine without time."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

_LOOP = "while True: pass"


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep so many processes busy, at the ordinary priority, for as long as the block lasts."""
    # whoever ends this process by force ends the loops as well
    argv = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-c", _LOOP]
    loops = [subprocess.Popen(argv) for _ in range(count)]
    try:
        yield
    finally:
        for one in loops:
            one.kill()
            one.wait()
