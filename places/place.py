"""A place as it is kept, and which of two places of one call counts. Pure.

Coordinates are WGS 84 degrees; a radius is in metres.
"""

from __future__ import annotations

from enum import StrEnum
from math import inf

import msgspec

LONGEST_TEXT = 200  # characters of a place in words
_NEAR_ENOUGH_M = 100.0


class PlaceError(Exception):
    """What is said of a place cannot be used; the message says why."""


class PlaceSource(StrEnum):
    """How a place came to be known."""

    VALUE = "value"  # in the INVITE itself (PIDF-LO, RFC 6442)
    REFERENCE = "reference"  # fetched from where the INVITE says
    REGISTERED = "registered"  # the city's list of fixed numbers


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says of a place: a point, words, or both.

    `radius_m`: how far from the point the citizen may be; None if that is not said. `swapped`:
    longitude stood before latitude, as it must not.
    """

    lat: float | None = None
    lon: float | None = None
    radius_m: float | None = None
    address: str = ""
    swapped: bool = False


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a citizen is. `text`: in words, for people; an address, or the names on the map."""

    source: PlaceSource
    lat: float | None = None
    lon: float | None = None
    radius_m: float | None = None
    text: str = ""
    kelurahan: str | None = None
    kecamatan: str | None = None


def is_precise(place: Place | None) -> bool:
    """Whether a place of this very call is so near that nothing better need be asked for."""
    return (
        place is not None
        and place.lat is not None
        and place.source is not PlaceSource.REGISTERED
        and (place.radius_m or 0.0) <= _NEAR_ENOUGH_M
    )


def counts_more(new: Place, old: Place | None) -> bool:
    """Whether a place that is told now takes the place of the one that is known.

    What the network says of this call comes before the list of fixed numbers, a point before mere
    words, and a small radius before a large one; of two alike the later.
    """
    return old is None or _rank(new) <= _rank(old)


def _rank(place: Place) -> tuple[bool, bool, float]:
    radius = place.radius_m or 0.0
    return (
        place.source is PlaceSource.REGISTERED,
        place.lat is None,
        inf if place.lat is None else radius,
    )


def readable(text: str, longest: int = LONGEST_TEXT) -> str:
    """Text of somebody else, on one line, without control signs, cut: safe to keep and to show."""
    cut = text[: 4 * longest]
    return " ".join("".join(one if one.isprintable() else " " for one in cut).split())[:longest]
