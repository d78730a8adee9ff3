"""Says how busy the machine is: how many programs want a processor at the same time.

The load average is a minute late; what counts here is whether one more program would slow down
those that run. Of proc_loadavg(5), the number before the slash.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

MOST_A_CORE = 2.0
"""So many programs that want to run, for each processor, slow nobody down for long."""
_LOOKS, _APART_S = 12, 0.025


def wanting_to_run() -> int:
    """How many threads run or wait for a processor now, the one that asks not counted."""
    return int(Path("/proc/loadavg").read_text().split()[3].partition("/")[0]) - 1


def has_room() -> bool:
    """Look for 0.3 s whether one more program finds a processor soon."""
    found = []
    for _ in range(_LOOKS):
        found.append(wanting_to_run())
        time.sleep(_APART_S)
    return sum(found) / len(found) < MOST_A_CORE * (os.cpu_count() or 1)
