"""How long to wait before trying to connect again: seldom enough to cost nothing, often enough
that the line serves within a moment of Asterisk's return."""

from __future__ import annotations

import random
from collections.abc import Iterator


def reconnect_delays(first: float = 0.05, longest: float = 0.5) -> Iterator[float]:
    """Seconds to wait before each further try: doubling, with jitter, never above `longest`."""
    delay = first
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        delay = min(longest, delay * 2)
