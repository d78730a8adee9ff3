"""The engine's one clock: UTC that never steps."""

from __future__ import annotations

import time


class SteadyClock:
    """Seconds since the epoch, anchored once and then counted on the monotonic clock.

    Somebody who sets the machine's clock changes no waiting time, no wrap-up and no talk time.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The time, seconds since the epoch."""
        return time.monotonic() + self._offset
