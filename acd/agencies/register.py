"""The agencies as the engine knows them: by id, and those in use by what operators dial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from acd.agencies.agency import Agency, agency_of, by_id
from acd.agencies.changes import in_use

AGENCIES = "agencies"
"""The key of the fact by which the next engine knows all agencies, the database being away."""


class Register:
    """All agencies; changed as a whole, on the writer's turn.

    `by_number` has those in use. Whoever holds an agency, or its addresses, keeps what it has.
    """

    def __init__(self, agencies: Iterable[Agency] = ()) -> None:
        self.by_id: Mapping[str, Agency] = {}
        self.by_number: Mapping[str, Agency] = {}
        self.know(agencies)

    def know(self, agencies: Iterable[Agency]) -> None:
        """Have these agencies from now on, in place of all others."""
        self.by_id = by_id(agencies)
        self.by_number = {one.number: one for one in in_use(self.by_id.values())}

    def find(self, name: str) -> Agency | None:
        """The agency in use that has this number or id."""
        found = self.by_number.get(name) or self.by_id.get(name)
        return found if found is not None and found.retired_at is None else None

    def fact(self) -> list[dict[str, Any]]:
        """What the next engine is told."""
        return [one.row() for one in self.by_id.values()]


def of_facts(facts: Mapping[str, Any]) -> list[Agency]:
    """Return the agencies that the last engine knew; those that make no sense are left out."""
    found = []
    rows = facts.get(AGENCIES)
    for row in rows if isinstance(rows, list) else []:
        try:
            found.append(agency_of(row))
        except msgspec.ValidationError:
            continue  # a later version's; the database has it
    return found
