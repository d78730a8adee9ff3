"""The city's list of fixed numbers and their places, as a CSV file. Pure.

Columns by their names in the first line: `number`, `address`, and `lat` and `lon` if they are
known. Others are passed over. A file is taken whole or not at all.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from acd.numbers.caller import same_caller
from places.place import LONGEST_TEXT, PlaceError, readable

COLUMNS = ("number", "address", "lat", "lon")
MOST_ERRORS = 20


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one number. `caller`: the key that all spellings of the number share."""

    caller: str
    number: str
    address: str = ""
    lat: float | None = None
    lon: float | None = None


class Unusable(PlaceError):
    """Lines of a list cannot be used; the message has a sentence for each, up to `MOST_ERRORS`."""


def registered(
    number: object, address: object, lat: object, lon: object, country: str
) -> Registered:
    """Check what is said of one number; raises PlaceError with what is wrong."""
    written = str(number or "").strip()
    caller = same_caller(written, country)
    if caller is None or len(written) > 32:
        raise PlaceError(f"{readable(written, 40)!r} is no telephone number")
    words = readable(str(address or ""), LONGEST_TEXT + 1)
    if len(words) > LONGEST_TEXT:
        raise PlaceError(f"the address has more than {LONGEST_TEXT} characters")
    points = [_degrees("lat", lat, 90), _degrees("lon", lon, 180)]
    if (points[0] is None) != (points[1] is None):
        raise PlaceError("lat and lon belong together; give both or neither")
    if points[0] is None and not words:
        raise PlaceError("there is neither an address nor lat and lon")
    return Registered(caller=caller, number=written, address=words, lat=points[0], lon=points[1])


def _degrees(name: str, value: object, most: int) -> float | None:
    if value is None or str(value).strip() == "":
        return None
    try:
        degrees = float(str(value).strip())
    except ValueError:
        degrees = float("nan")
    if not -most <= degrees <= most:
        raise PlaceError(f"{name} {readable(str(value), 30)!r} is not from -{most} to {most}")
    return degrees


def read_list(lines: Iterable[str], country: str) -> list[Registered]:
    """Return what a CSV file says; of a number that is there twice, the later line.

    Raises Unusable, which names each line that is wrong.
    """
    reader = csv.DictReader(lines)
    found: dict[str, Registered] = {}
    wrong: list[str] = []
    try:
        names = [(name or "").strip().lower().lstrip("\ufeff") for name in reader.fieldnames or ()]
        reader.fieldnames = names
        if "number" not in names or not {"address", "lat"} & set(names):
            raise Unusable(
                "The first line must name the columns: number, and address or lat and lon."
            )
        for row in reader:
            try:
                number, address, lat, lon = (row.get(name) for name in COLUMNS)
                one = registered(number, address, lat, lon, country)
                found[one.caller] = one
            except PlaceError as error:
                wrong.append(f"line {reader.line_num}: {error}")
    except (csv.Error, UnicodeDecodeError) as error:
        wrong.append(f"after line {reader.line_num}: {error}")
    if wrong:
        raise Unusable(_told(wrong))
    return list(found.values())


def _told(wrong: list[str]) -> str:
    more = len(wrong) - MOST_ERRORS
    last = [f"and {more} more lines"] if more > 0 else []
    return "Nothing is taken in: " + "; ".join([*wrong[:MOST_ERRORS], *last]) + "."


def rows(found: Iterable[Registered]) -> Iterator[dict[str, Any]]:
    """The numbers as JSON has them, for the API."""
    for one in found:
        yield {"number": one.number, "address": one.address, "lat": one.lat, "lon": one.lon}
