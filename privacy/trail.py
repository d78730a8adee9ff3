"""Who has looked at what: what one line of the access trail says. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Looked(StrEnum):
    """What somebody has looked at. The target is its id; of a number, its key."""

    CALL = "call"
    INCIDENT = "incident"
    TEXT = "text"
    CALLBACK = "callback"
    NUMBER = "number"
    LIST = "list"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """The row of `access_trail`. `at`: seconds since the epoch. `source`: cli or api."""

    id: str
    at: float
    who: str
    source: str
    kind: Looked
    target: str
    command: str
