"""When an answer that was not delivered is sent again: pure."""

from __future__ import annotations

PAUSES_S = (2.0, 5.0, 15.0, 30.0, 60.0)
"""Between one try and the next; after the last one the answer counts as not delivered."""

NO_ANSWER = 408
"""The status of a request that nobody has answered (RFC 3261, 8.1.3.1)."""

# what may be otherwise in a moment: nobody answers, not there now, busy, no room, a fault there
_PASSING = frozenset({NO_ANSWER, 480, 486, 491, 500, 502, 503, 504, 600})


def is_delivered(status: int) -> bool:
    """Whether a final status of SIP says that the message has arrived, or will."""
    return 200 <= status < 300


def pause_before_next(attempts: int, status: int) -> float | None:
    """After how many seconds to try again, after so many attempts; None: it is of no use."""
    if status not in _PASSING or attempts > len(PAUSES_S):
        return None
    return PAUSES_S[attempts - 1]
