"""Reads a PIDF-LO document (RFC 4119, 5139, 5491): a shape, a civic address, or both. Pure.

The document comes from the network: `guarded_net.xml` reads it, and at most 64 KB.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from guarded_net.xml import XmlError, read_xml
from places.place import Location, PlaceError, readable

if TYPE_CHECKING:
    from lxml.etree import _Element

LARGEST = 64 * 1024
_MOST_CORNERS = 400
_MOST_INFOS, _MOST_CHILDREN = 4, 8
_MOST_LINES = 60
_LARGEST_RADIUS_M = 20_038_000.0  # half the way around the earth
_M_PER_DEGREE = 111_320.0

_GEOPRIV = "{urn:ietf:params:xml:ns:pidf:geopriv10}"
_GML = "{http://www.opengis.net/gml}"
_SHAPES = "{http://www.opengis.net/pidflo/1.0}"
_CIVIC = "{urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr}"

# EPSG 4326 and 4979 are WGS 84 with the latitude first (RFC 5491, 5.1); no other is allowed there
_CRS = re.compile(r"urn:ogc:def:crs:EPSG::(4326|4979)")
_METRES = ("", "urn:ogc:def:uom:EPSG::9001")
_NUMBER = re.compile(r"[-+]?[0-9]{1,9}(\.[0-9]{0,20})?")
_CORNERED = ("Polygon", "Prism")
_RADII = {
    "Point": (),
    "Polygon": (),
    "Prism": (),
    "Circle": ("radius",),
    "Sphere": ("radius",),
    "Ellipse": ("semiMajorAxis",),
    "Ellipsoid": ("semiMajorAxis",),
    "ArcBand": ("outerRadius",),
}
# The order in which Indonesians write an address, of the elements of RFC 5139.
_LINES = (
    ("NAM", "LMK"),
    ("RD", "A6", "STS", "HNO", "HNS"),
    ("BLD", "FLR", "UNIT", "ROOM"),
    ("A5",),
    ("A4",),
    ("A3",),
    ("A2",),
    ("A1",),
    ("PC",),
    ("LOC",),
)


def parse(document: bytes) -> Location:
    """Return what the document says of the place; raises PlaceError if that is nothing usable.

    Of several shapes or addresses the first usable one counts (RFC 5491, rule 4).
    """
    root = _root(document)
    point, address, wrong = None, "", "it has no location-info"
    for info in islice(root.iter(f"{_GEOPRIV}location-info"), _MOST_INFOS):
        for child in islice(info, _MOST_CHILDREN):
            try:
                if child.tag == f"{_CIVIC}civicAddress":
                    address = address or _address(child)
                elif point is None:
                    point = _point(child)
            except PlaceError as error:
                wrong = str(error)
    if point is None and not address:
        raise PlaceError(f"The document says no place: {wrong}.")
    lat, lon, radius_m, swapped = point or (None, None, None, False)
    return Location(lat=lat, lon=lon, radius_m=radius_m, address=address, swapped=swapped)


def _root(document: bytes) -> _Element:
    try:
        return read_xml(document, LARGEST)
    except XmlError as error:
        raise PlaceError(str(error)) from None


def _point(shape: _Element) -> tuple[float, float, float | None, bool]:
    """The middle of a shape, how far the citizen may be from it, and whether it was swapped."""
    from lxml.etree import QName

    tag = QName(shape)
    kind = tag.localname
    if f"{{{tag.namespace}}}" not in (_GML, _SHAPES) or kind not in _RADII:
        raise PlaceError(f"there is no shape {readable(kind, 40)}")
    crs = shape.get("srsName") or next(
        (one.get("srsName") for one in shape.iter(f"{_GML}pos") if one.get("srsName")), None
    )
    if crs is not None and not _CRS.fullmatch(crs.strip()):
        raise PlaceError(f"the coordinates are {readable(crs, 60)}, and not EPSG 4326")
    corners = _corners(shape, altitude=crs is not None and crs.strip().endswith("4979"))
    if kind not in _CORNERED and len(corners) != 1:
        raise PlaceError(f"a {kind} has one position, and here are {len(corners)}")
    points = [_in_range(*one) for one in corners]
    swapped = any(one[2] for one in points)
    if len(points) == 1:
        return points[0][0], points[0][1], _radius(shape, _RADII[kind]), swapped
    lat, lon = (sum(one[axis] for one in points) / len(points) for axis in (0, 1))
    reach = max(math.hypot(a - lat, (b - lon) * math.cos(math.radians(lat))) for a, b, _ in points)
    return lat, lon, round(reach * _M_PER_DEGREE, 1), swapped


def _corners(shape: _Element, *, altitude: bool) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for one in shape.iter(f"{_GML}pos", f"{_GML}posList"):
        numbers = _numbers(one.text or "")
        is_list = one.tag == f"{_GML}posList"
        step = 3 if altitude or (not is_list and len(numbers) == 3) else 2
        if not numbers or len(numbers) % step or (not is_list and len(numbers) != step):
            raise PlaceError(f"{readable(one.text or '', 40)!r} is no position")
        found += zip(numbers[::step], numbers[1::step], strict=True)
        if len(found) > _MOST_CORNERS:
            raise PlaceError(f"the shape has more than {_MOST_CORNERS} corners")
    if len(found) > 2 and found[0] == found[-1]:
        found.pop()  # a ring ends where it begins
    return found


def _numbers(text: str) -> list[float]:
    words = text.split()
    if len(words) > 3 * _MOST_CORNERS or not all(_NUMBER.fullmatch(one) for one in words):
        raise PlaceError(f"{readable(text, 40)!r} are no coordinates")
    return [float(one) for one in words]


def _in_range(lat: float, lon: float) -> tuple[float, float, bool]:
    if abs(lat) <= 90 and abs(lon) <= 180:
        return lat, lon, False
    if abs(lat) <= 180 and abs(lon) <= 90:
        # no latitude, but a longitude: they stand in the order of maps. The map will tell if not.
        return lon, lat, True
    raise PlaceError(f"{lat:g} {lon:g} is nowhere on the earth")


def _radius(shape: _Element, names: Iterable[str]) -> float | None:
    for name in names:
        one = shape.find(f"{_SHAPES}{name}")
        if one is None or (one.get("uom") or "").strip() not in _METRES:
            continue
        try:
            numbers = _numbers(one.text or "")
        except PlaceError:
            continue  # the point is worth more than its radius
        if len(numbers) == 1 and 0 <= numbers[0] <= _LARGEST_RADIUS_M:
            return numbers[0]
    return None


def _address(civic: _Element) -> str:
    said: dict[str, str] = {}
    for one in islice(civic, _MOST_LINES):
        if isinstance(one.tag, str) and one.tag.startswith(_CIVIC):
            said.setdefault(one.tag[len(_CIVIC) :], readable(one.text or "", 80))
    lines = (" ".join(filter(None, (said.get(name) for name in names))) for names in _LINES)
    return readable(", ".join(filter(None, lines)))
