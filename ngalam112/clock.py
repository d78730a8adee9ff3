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
        """The time, seconds since the epoch, in whole microseconds as the database keeps them.

        So a record that is computed again from stored events is the one that was stored.
        """
        return round(time.monotonic() + self._offset, 6)
