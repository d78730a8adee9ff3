"""Names a point by the city's map: kelurahan and kecamatan, or how far outside and which way.

The map is a GeoJSON file (RFC 7946): a polygon for each kelurahan, with its name and that of its
kecamatan. Its own members `name`, `outside` and `directions` say how the city is called and how
a point outside of it is put into words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from places.place import PlaceError, readable

if TYPE_CHECKING:
    from shapely import Polygon, STRtree
    from shapely.geometry.base import BaseGeometry

# Lines of neighbours do not meet exactly: a gap between two, or a few steps outside, is no outside.
GAP_M = 150.0
# Neighbours' shapes overlap by as much where somebody else has drawn them.
INSIDE_M = 300.0
_FAR_M = 100_000.0
_M_PER_DEGREE = 111_320.0
LARGEST_MAP = 20 * 1024 * 1024

COMPASS = (
    "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest",
)  # fmt: skip

Corners = Sequence[tuple[float, float]]
"""Of a polygon: latitude and longitude in degrees, the first one again last."""
Circle = tuple[float, float, float]
"""Latitude and longitude of the middle, and the radius in km."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Named(msgspec.Struct, frozen=True):
    """The names of a point; outside of the city only `text` says something.

    `far_m`: how far outside of the city, 0 inside.
    """

    text: str
    kelurahan: str | None = None
    kecamatan: str | None = None
    far_m: float = 0.0

    @property
    def is_near(self) -> bool:
        """Whether somebody at this point may well call this city's line."""
        return self.far_m <= _FAR_M


class _Names(msgspec.Struct):
    kelurahan: Name
    kecamatan: Name


class _Feature(msgspec.Struct):
    properties: _Names
    geometry: dict[str, Any]


class _Map(msgspec.Struct):
    features: Annotated[list[_Feature], msgspec.Meta(min_length=1, max_length=5000)]
    name: Name
    outside: Annotated[str, msgspec.Meta(max_length=100)] = "{km} km {direction} of {city}"
    directions: tuple[Name, Name, Name, Name, Name, Name, Name, Name] = COMPASS


class _Ring:
    """The border of somebody's polygon, on the plane.

    It is not made valid: for a border that crosses itself often that takes minutes.
    """

    def __init__(self, corners: list[tuple[float, float]]) -> None:
        import shapely

        self._corners = corners
        self._line = shapely.LineString(corners)

    def reaches(self, part: BaseGeometry) -> bool:
        """Whether the ring and a prepared polygon without holes have points in common.

        If the border does not meet the polygon, any point of that lies inside, or none.
        """
        if part.intersects(self._line):
            return True
        point = part.representative_point()
        x, y, inside = point.x, point.y, False
        ax, ay = self._corners[-1]
        for bx, by in self._corners:
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                inside = not inside
            ax, ay = bx, by
        return inside


class Districts:
    """The city's map in memory. Made by `load_districts`; asked from one thread."""

    def __init__(self, found: _Map) -> None:
        import shapely

        self._map = found
        self._names = [one.properties for one in found.features]
        corners = [shapely.from_geojson(json.dumps(one.geometry)) for one in found.features]
        # a plane is enough for a city: metres east and north, as they are in its middle
        middle = shapely.union_all([one.envelope for one in corners]).centroid
        self._scale = (_M_PER_DEGREE * math.cos(math.radians(middle.y)), _M_PER_DEGREE)
        shapes = [self._plane(shapely.make_valid(one)) for one in corners]
        self._tree: STRtree = shapely.STRtree(shapes)
        self._shapes: list[BaseGeometry] = shapes
        self._outline = _without_gaps(shapes)
        shapely.prepare(self._outline)
        self._middle = self._outline.centroid
        self._inner: dict[str, list[BaseGeometry]] | None = None

    @property
    def city(self) -> str:
        """How the city is called."""
        return self._map.name

    @property
    def kecamatan(self) -> list[str]:
        """The names of the kecamatan, in the map's order."""
        return list(dict.fromkeys(one.kecamatan for one in self._names))

    def name(self, lat: float, lon: float) -> Named:
        """Return the names of a point."""
        import shapely

        point = shapely.Point(lon * self._scale[0], lat * self._scale[1])
        nearest = self._tree.query_nearest(point, all_matches=False)
        index = int(nearest[0])
        away = float(self._shapes[index].distance(point))
        if away <= GAP_M or self._outline.intersects(point):
            names = self._names[index]
            text = f"{names.kelurahan}, {names.kecamatan}"
            return Named(text, names.kelurahan, names.kecamatan)
        return Named(self._outside(point.x, point.y, away), far_m=away)

    def reached(self, polygons: Iterable[Corners], circles: Iterable[Circle]) -> set[str]:
        """Return the kecamatan into which shapes reach, more than INSIDE_M behind the border.

        `polygons`: rings of latitude and longitude, which may cross themselves (what lies inside is
        then decided by even and odd). `circles`: latitude, longitude and radius in km.
        """
        if self._inner is None:
            self._inner = dict(self._inner_parts())
        rings, rounds = list(map(self._ring, polygons)), list(map(self._round, circles))
        return {
            name
            for name, parts in self._inner.items()
            if any(
                any(one.reaches(part) for one in rings)
                or any(part.distance(middle) <= radius for middle, radius in rounds)
                for part in parts
            )
        }

    def _inner_parts(self) -> Iterator[tuple[str, list[BaseGeometry]]]:
        """Of each kecamatan, what is more than INSIDE_M behind its border."""
        import shapely

        for name in self.kecamatan:
            own = [
                shape
                for shape, names in zip(self._shapes, self._names, strict=True)
                if names.kecamatan == name
            ]
            whole = _without_gaps(own)
            inner = whole.buffer(-INSIDE_M)
            parts = list(shapely.get_parts(whole if inner.is_empty else inner))
            shapely.prepare(parts)
            yield name, parts

    def _ring(self, corners: Corners) -> _Ring:
        return _Ring([(lon * self._scale[0], lat * self._scale[1]) for lat, lon in corners])

    def _round(self, circle: Circle) -> tuple[BaseGeometry, float]:
        import shapely

        lat, lon, radius_km = circle
        return shapely.Point(lon * self._scale[0], lat * self._scale[1]), radius_km * 1000

    def _outside(self, x: float, y: float, away: float) -> str:
        east, north = x - self._middle.x, y - self._middle.y
        eighth = round(math.atan2(east, north) / (math.pi / 4)) % 8
        km = max(1, round(away / 1000))
        # by replacing, and not by `format`: the text is data and may hold any sign
        words = {"{km}": str(km), "{city}": self._map.name}
        text = self._map.outside.replace("{direction}", self._map.directions[eighth])
        for mark, word in words.items():
            text = text.replace(mark, word)
        return readable(text)

    def _plane(self, shape: BaseGeometry) -> BaseGeometry:
        import shapely

        flat: BaseGeometry = shapely.transform(shape, lambda corners: corners * self._scale)
        return flat


def _without_gaps(shapes: list[BaseGeometry]) -> BaseGeometry:
    """The outline of the city, without the gaps between its polygons and with no hole."""
    import shapely

    joined = shapely.union_all([one.buffer(GAP_M) for one in shapes]).buffer(-GAP_M)
    parts: list[Polygon] = [one for one in shapely.get_parts(joined) if one.geom_type == "Polygon"]
    return shapely.union_all([shapely.Polygon(one.exterior) for one in parts])


def load_districts(path: Path) -> Districts:
    """Read and check a city's map. Raises PlaceError with one sentence for what is wrong."""
    import shapely

    found = _read(path)
    try:
        for feature in found.features:
            kind = feature.geometry.get("type")
            if kind not in ("Polygon", "MultiPolygon"):
                raise PlaceError(f"{feature.properties.kelurahan} is a {kind} and no polygon")
        return Districts(found)
    except (shapely.errors.ShapelyError, ValueError, PlaceError) as error:
        raise _unusable(path, error) from None


def kelurahan_by_kecamatan(path: Path) -> dict[str, list[str]]:
    """Return the names on a city's map, in the map's order. Raises PlaceError."""
    names: dict[str, list[str]] = {}
    for one in _read(path).features:
        of_this = names.setdefault(one.properties.kecamatan, [])
        if one.properties.kelurahan not in of_this:
            of_this.append(one.properties.kelurahan)
    return names


def _read(path: Path) -> _Map:
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_MAP + 1)
    except OSError as error:
        raise PlaceError(f"The map {path} cannot be read ({error.strerror}).") from None
    if len(text) > LARGEST_MAP:
        raise PlaceError(f"The map {path} has more than {LARGEST_MAP >> 20} MB; simplify it.")
    try:
        return msgspec.json.decode(text, type=_Map)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: Exception) -> PlaceError:
    return PlaceError(
        f"The map {path} cannot be used: {readable(str(error), 150)}; docs/place.md says what "
        "it has to hold."
    )
