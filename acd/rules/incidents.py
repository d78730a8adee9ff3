"""When the incident of a call has to be coded, as data of the city."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

_LONGEST_S = 86_400.0


class IncidentRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`uncoded_after_s`: so long after its call nobody needs to have said what an incident is."""

    uncoded_after_s: float = 900.0


def incident_problems(rules: IncidentRules) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    if not 1 <= rules.uncoded_after_s <= _LONGEST_S:
        yield f"incidents, uncoded_after_s must be between 1 and {_LONGEST_S:g} seconds"
