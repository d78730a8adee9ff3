"""Makes a place of what a document or the city's list says, with the names of the map. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from places.districts import Circle, Corners, Named
from places.pidf_lo import parse
from places.place import Location, Place, PlaceError, PlaceSource
from places.registered import Registered


class Map(Protocol):
    """What names points and shapes; `places.districts.Districts` does."""

    @property
    def city(self) -> str:
        """How the city is called."""

    @property
    def kecamatan(self) -> Sequence[str]:
        """The names of its kecamatan."""

    def reached(self, polygons: Iterable[Corners], circles: Iterable[Circle]) -> set[str]:
        """Return the kecamatan that shapes reach into."""

    def name(self, lat: float, lon: float) -> Named:
        """Return the names of a point."""


def of_document(document: bytes, source: PlaceSource, city: Map | None) -> Place:
    """The place that a PIDF-LO document says; raises PlaceError if it is none."""
    return _place(parse(document), source, city)


def of_registered(one: Registered, city: Map | None) -> Place:
    """The place of a fixed number."""
    location = Location(lat=one.lat, lon=one.lon, address=one.address)
    return _place(location, PlaceSource.REGISTERED, city)


def _place(found: Location, source: PlaceSource, city: Map | None) -> Place:
    named = Named("")
    if city is not None and found.lat is not None and found.lon is not None:
        named = city.name(found.lat, found.lon)
    if found.swapped and not (city is not None and named.is_near):
        if not found.address:
            raise PlaceError(f"The latitude {found.lon:g} is none, and the other order is far off.")
        return Place(source=source, text=found.address)
    return Place(
        source=source,
        lat=found.lat,
        lon=found.lon,
        radius_m=found.radius_m,
        text=found.address or named.text,
        kelurahan=named.kelurahan,
        kecamatan=named.kecamatan,
    )
