"""One message of CAP 1.2 (OASIS Standard CAP-v1.2, July 2010), as far as the line uses it. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

Ring = tuple[tuple[float, float], ...]
"""The corners of a polygon: latitude and longitude in degrees (WGS 84), closed."""

Circle = tuple[float, float, float]
"""Latitude and longitude of the middle, and the radius in km."""


class Kind(StrEnum):
    """What a message is for (`msgType`)."""

    ALERT = "Alert"
    UPDATE = "Update"
    CANCEL = "Cancel"
    ACK = "Ack"
    ERROR = "Error"


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """Where a warning holds. `text`: in words; `geocodes`: pairs of a code's name and its value."""

    text: str
    polygons: tuple[Ring, ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[tuple[str, str], ...] = ()


class Information(msgspec.Struct, frozen=True, kw_only=True):
    """What is warned of, in one language. Times are seconds since the epoch.

    `begins`: the onset, else when the information is effective, else None. `all_clear`: the danger
    is over.
    """

    language: str
    event: str
    urgency: str
    severity: str
    certainty: str
    begins: float | None = None
    expires: float | None = None
    headline: str = ""
    description: str = ""
    all_clear: bool = False
    areas: tuple[Area, ...] = ()


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One CAP document. `actual`: no exercise, test or draft.

    `references`: sender and identifier of the messages that it replaces or cancels. `infos`: in
    the one language that people here read best.
    """

    identifier: str
    sender: str
    sent: float
    kind: Kind
    actual: bool = True
    references: tuple[tuple[str, str], ...] = ()
    infos: tuple[Information, ...] = ()
