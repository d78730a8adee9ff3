"""When the incident of a call has to be coded, as data of the city."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

_LONGEST_S = 86_400.0


class IncidentRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When somebody has to have said what the incident of a call is; seconds after the call.

    `code_within_s`: so long the operator's wrap-up goes on until that is said; 0: no longer than it
    does anyhow. While the line sheds work nobody is kept. `uncoded_after_s`: the incident is
    uncoded.
    """

    code_within_s: float = 0.0
    uncoded_after_s: float = 900.0


def incident_problems(rules: IncidentRules) -> Iterator[str]:
    """What is wrong with the data, one clause each."""
    if not 0 <= rules.code_within_s <= rules.uncoded_after_s:
        yield "incidents, code_within_s must be between 0 and uncoded_after_s"
    if not 1 <= rules.uncoded_after_s <= _LONGEST_S:
        yield f"incidents, uncoded_after_s must be between 1 and {_LONGEST_S:g} seconds"
