"""The agreed times of complaints and of information, as data of the city."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

MOST_DAYS = 250
"""Working days: about a year."""


class ComplaintRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The agreed times, in working days; 0: there is no such time.

    As shipped those of SP4N-LAPOR. `forward_days`: a complaint has to be with an agency.
    `information_forward_days`: a question; most are answered in the call. `agency_days`: the agency
    has to report. `close_days`: without a reply of the citizen to the follow-up it is closed.
    """

    forward_days: int = 3
    information_forward_days: int = 0
    agency_days: int = 5
    close_days: int = 10


def complaint_problems(rules: ComplaintRules) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    for name, days in msgspec.structs.asdict(rules).items():
        if not 0 <= days <= MOST_DAYS:
            yield f"complaints, {name} must be between 0 and {MOST_DAYS} working days"
