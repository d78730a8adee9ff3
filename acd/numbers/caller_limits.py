"""How many calls one number, or one address, may have at once before its next ones are behind.

No call is refused for that: it waits for admission behind all others, and counts as having arrived
later (`acd.queueing.admission_order`, `acd.queueing.queue`).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

MOST_AT_ONCE = 100_000
_LONGEST_BEHIND_S = 600.0


class CallerLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Calls at once that are served in their turn; 0: any number of them.

    `at_once_per_number`: of one telephone number, but for numbers that many people call from
    (`Nuisance.never`); whose number is not known is nobody here. `at_once_per_address`: of one
    address that SIP comes from. A trunk's is everybody's, so none is set as shipped. `behind_s`: a
    call beyond that counts as having arrived so much later.
    """

    at_once_per_number: int = 10
    at_once_per_address: int = 0
    behind_s: float = 60.0


def caller_limit_problems(limits: CallerLimits) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    for name in ("at_once_per_number", "at_once_per_address"):
        if not 0 <= getattr(limits, name) <= MOST_AT_ONCE:
            yield f"limits, {name} must be between 0 (no limit) and {MOST_AT_ONCE}"
    if not 0 <= limits.behind_s <= _LONGEST_BEHIND_S:
        yield f"limits, behind_s must be between 0 and {_LONGEST_BEHIND_S:g} seconds"
