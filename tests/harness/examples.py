"""How often a property is tried: in full by `make test FULL=1`, else half as often.

Machines that go through whole lines (`tests/unit/state_machines`, dispatcher, journal, lanes) are
tried in full always: their faults need many steps. Each run has other examples than the one before.
"""

from __future__ import annotations

import os

from hypothesis import settings

FULL = os.environ.get("NGALAM112_TESTS") == "full"


def of(most: int) -> int:
    """How many examples of `most`."""
    return most if FULL else (most + 1) // 2


# an example may take as long as the machine makes it; no bound on time is meant there
settings.register_profile("ngalam112", deadline=None, max_examples=of(100))
settings.load_profile("ngalam112")
