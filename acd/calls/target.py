"""Where a citizen is handed over to, or whom a phone calls: an operator, a category, an agency."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What a citizen is handed to."""

    OPERATOR = "operator"
    CATEGORY = "category"
    AGENCY = "agency"
    CITIZEN = "citizen"  # who called before


class Target(msgspec.Struct, frozen=True):
    """Where to. `to`: what was dialled; `addresses`: what to ring, one after the other."""

    kind: Kind
    to: str
    name: str
    addresses: tuple[str, ...] = ()
    operator: str | None = None
