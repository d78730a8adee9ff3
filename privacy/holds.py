"""Legal holds: what is kept as it is, whatever a purge or an erasure would do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec


class HoldKind(StrEnum):
    """What is held."""

    CALL = "call"
    INCIDENT = "incident"  # with its calls, and with what is merged into it
    NUMBER = "number"  # all of a caller
    # no hold on an erasure: what is listed by this number is counted and not shown (article 41)
    RESTRICTED = "restricted"


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `privacy_holds`; times are seconds since the epoch."""

    id: int
    kind: HoldKind
    target: str
    reason: str
    placed_by: str
    placed_at: float
    released_by: str | None = None
    released_at: float | None = None
    released_because: str = ""

    @property
    def words(self) -> str:
        """Why something stays, for whoever wants it gone."""
        return f"on legal hold {self.id} ({self.reason})"


class Holds:
    """The holds that stand, to be asked of many records."""

    def __init__(self, holds: Iterable[Hold] = ()) -> None:
        self._by = {(one.kind, one.target): one for one in holds if one.released_at is None}

    def __len__(self) -> int:
        return len(self._by)

    def over(
        self,
        *,
        calls: Iterable[str | None] = (),
        incidents: Iterable[str | None] = (),
        callers: Iterable[str | None] = (),
    ) -> Hold | None:
        """Return a hold on any of these: ids of calls and incidents, keys of numbers."""
        if not self._by:
            return None
        asked = (
            *((HoldKind.CALL, one) for one in calls),
            *((HoldKind.INCIDENT, one) for one in incidents),
            *((HoldKind.NUMBER, one) for one in callers),
        )
        found = (self._by.get((kind, one)) for kind, one in asked if one is not None)
        return next((one for one in found if one is not None), None)
