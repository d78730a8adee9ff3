"""How long to wait before trying to connect again."""

from __future__ import annotations

import random
from collections.abc import Iterator


def reconnect_delays(first: float = 0.05, longest: float = 2.0) -> Iterator[float]:
    """Seconds to wait before each further try: doubling, with jitter, never above `longest`."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        delay = min(longest, delay * 2)
