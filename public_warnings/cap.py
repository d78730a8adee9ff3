"""Reads a CAP 1.2 document (OASIS Standard CAP-v1.2, July 2010). Pure; the document is hostile.

Everything is bounded: bytes, elements, polygons, corners, the length of texts. What is beyond a
bound, or misses what CAP requires, is refused as a whole with a WarningError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from guarded_net.xml import XmlError, read_xml
from public_warnings.errors import WarningError, readable
from public_warnings.message import Area, Circle, Information, Kind, Message, Ring

if TYPE_CHECKING:
    from lxml.etree import _Element

LARGEST_DOCUMENT = 1024 * 1024
MOST_INFOS, MOST_AREAS, MOST_REFERENCES = 16, 200, 100
MOST_POLYGONS, MOST_CORNERS = 2_000, 50_000
"""Of a whole document."""
_LONGEST_NAME, _LONGEST_HEADLINE, _LONGEST_DESCRIPTION, _LONGEST_AREA = 150, 200, 600, 300
LARGEST_RADIUS_KM = 20_038.0  # half the way around the earth

_CAP = "{urn:oasis:names:tc:emergency:cap:1.2}"
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([-+][0-9]{2}:[0-9]{2}|Z)"
)
_NUMBER = re.compile(r"[-+]?[0-9]{1,6}(\.[0-9]{0,20})?")
_STATUSES = ("Actual", "Exercise", "System", "Test", "Draft")
_UNSAID = "en-us"  # CAP 1.2, 3.2.2: the language of an info that names none


class _Room:
    """How many polygons and corners a document may still have."""

    def __init__(self) -> None:
        self.polygons, self.corners = MOST_POLYGONS, MOST_CORNERS

    def take(self, corners: int) -> None:
        self.polygons -= 1
        self.corners -= corners
        if self.polygons < 0 or self.corners < 0:
            raise WarningError(
                f"The warning has more than {MOST_POLYGONS} polygons or {MOST_CORNERS} corners."
            )


def read_cap(document: bytes) -> Message:
    """Return the message; raises WarningError if it is none that can be used."""
    try:
        root = read_xml(document, LARGEST_DOCUMENT)
    except XmlError as error:
        raise WarningError(str(error)) from None
    if root.tag != f"{_CAP}alert":
        raise WarningError("The document is no alert of CAP 1.2.")
    status, kind = _said(root, "status"), _said(root, "msgType")
    if status not in _STATUSES:
        raise WarningError(f"There is no status {readable(status, 40)!r}.")
    if kind not in list(Kind):
        raise WarningError(f"There is no msgType {readable(kind, 40)!r}.")
    identifier, sender = _id(root, "identifier"), _id(root, "sender")
    room = _Room()
    infos = _in_one_language([_info(one, room) for one in _few(root, "info", MOST_INFOS, "infos")])
    return Message(
        identifier=identifier,
        sender=sender,
        sent=_time(root, "sent", required=True) or 0.0,
        kind=Kind(kind),
        actual=status == "Actual",
        references=_references(_text(root, "references")),
        infos=tuple(infos),
    )


def _in_one_language(infos: list[Information]) -> list[Information]:
    """Those in Indonesian, else those in English, else those in the language of the first."""
    for wanted in ("id", "en"):
        found = [one for one in infos if one.language.partition("-")[0] == wanted]
        if found:
            return found
    return [one for one in infos if one.language == infos[0].language]


def _info(info: _Element, room: _Room) -> Information:
    begins = _time(info, "onset")
    return Information(
        language=(_text(info, "language") or _UNSAID).lower()[:20],
        event=readable(_said(info, "event"), _LONGEST_NAME),
        urgency=readable(_said(info, "urgency"), 20),
        severity=readable(_said(info, "severity"), 20),
        certainty=readable(_said(info, "certainty"), 20),
        begins=_time(info, "effective") if begins is None else begins,
        expires=_time(info, "expires"),
        headline=readable(_text(info, "headline"), _LONGEST_HEADLINE),
        description=readable(_text(info, "description"), _LONGEST_DESCRIPTION),
        all_clear=any(
            (one.text or "").strip() == "AllClear"
            for one in _few(info, "responseType", 20, "response types")
        ),
        areas=tuple(_area(one, room) for one in _few(info, "area", MOST_AREAS, "areas")),
    )


def _area(area: _Element, room: _Room) -> Area:
    geocodes = []
    for one in _few(area, "geocode", 200, "geocodes"):
        name, value = _text(one, "valueName"), _text(one, "value")
        geocodes.append((readable(name, 40), readable(value, 40)))
    return Area(
        text=readable(_said(area, "areaDesc"), _LONGEST_AREA),
        polygons=tuple(
            _ring((one.text or "").split(), room)
            for one in _few(area, "polygon", MOST_POLYGONS, "polygons")
        ),
        circles=tuple(
            _circle((one.text or "").split()) for one in _few(area, "circle", 200, "circles")
        ),
        geocodes=tuple(geocodes),
    )


def _ring(pairs: list[str], room: _Room) -> Ring:
    room.take(len(pairs))
    corners = [_point(one) for one in pairs]
    if len(set(corners)) < 3:
        raise WarningError("A polygon has fewer than three corners.")
    if corners[0] != corners[-1]:
        corners.append(corners[0])
    return tuple(corners)


def _circle(parts: list[str]) -> Circle:
    if len(parts) != 2 or not _NUMBER.fullmatch(parts[1]):
        raise WarningError("A circle is not a point and a radius.")
    radius = float(parts[1])
    if not 0 <= radius <= LARGEST_RADIUS_KM:
        raise WarningError(f"A circle has a radius of {radius:g} km.")
    return *_point(parts[0]), radius


def _point(pair: str) -> tuple[float, float]:
    lat_text, _, lon_text = pair.partition(",")
    if not (_NUMBER.fullmatch(lat_text) and _NUMBER.fullmatch(lon_text)):
        raise WarningError(f"{readable(pair, 40)!r} is no point.")
    lat, lon = float(lat_text), float(lon_text)
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise WarningError(f"{readable(pair, 40)!r} is no point on the earth.")
    return lat, lon


def _references(text: str) -> tuple[tuple[str, str], ...]:
    """Sender and identifier of each; they are triples `sender,identifier,sent` with blanks between.

    What is no triple is passed over: a message with a bad reference still warns.
    """
    found = []
    for one in islice(re.finditer(r"\S+", text), MOST_REFERENCES):
        parts = one.group().split(",")
        if len(parts) == 3 and parts[0] and parts[1]:
            found.append((parts[0][:_LONGEST_NAME], parts[1][:_LONGEST_NAME]))
    return tuple(found)


def _id(parent: _Element, name: str) -> str:
    # CAP 1.2, 3.2.1: no blanks, commas or restricted characters
    text = _said(parent, name)
    if len(text) > _LONGEST_NAME or not text.isprintable() or re.search(r"[\s,<&]", text):
        raise WarningError(f"The {name} {readable(text, 40)!r} has signs that it must not have.")
    return text


def _said(parent: _Element, name: str) -> str:
    text = _text(parent, name)
    if not text:
        raise WarningError(f"The warning has no {name}.")
    return text


def _text(parent: _Element, name: str) -> str:
    child = parent.find(_CAP + name)
    return "" if child is None else (child.text or "").strip()


def _time(parent: _Element, name: str, *, required: bool = False) -> float | None:
    text = _said(parent, name) if required else _text(parent, name)
    if not text:
        return None
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        at = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        raise WarningError(f"The time {name} {readable(text, 40)!r} cannot be read.") from None
    if not math.isfinite(at) or at < 0:
        raise WarningError(f"The time {name} {readable(text, 40)!r} is before 1970.")
    return at


def _few(parent: _Element, name: str, most: int, what: str) -> Iterator[_Element]:
    found = list(islice(parent.iterchildren(_CAP + name), most + 1))
    if len(found) > most:
        raise WarningError(f"The warning has more than {most} {what} in one place.")
    return iter(found)
