"""Which kecamatan an area of a warning reaches: by its shapes, else by its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from public_warnings.message import Area, Circle, Ring

_KABUPATEN = ("kab", "kabupaten")
_OF_A_CITY = (*_KABUPATEN, "kota")
_LONGEST_TEXT = 2_000


class CityMap(Protocol):
    """The city's map; `places.districts.Districts` is one."""

    @property
    def city(self) -> str:
        """How the city is called."""

    @property
    def kecamatan(self) -> Sequence[str]:
        """The names of its kecamatan."""

    def reached(self, polygons: Iterable[Ring], circles: Iterable[Circle]) -> set[str]:
        """Return the kecamatan that these shapes reach into."""


def kecamatan_of(area: Area, city: CityMap) -> set[str]:
    """Return the kecamatan that an area reaches; none if it has nothing to do with the city.

    Shapes say it more exactly than words, so words count only where there is no shape.
    """
    if area.polygons or area.circles:
        return city.reached(area.polygons, area.circles)
    return named(area.text, city)


def named(text: str, city: CityMap) -> set[str]:
    """Return the kecamatan that a text names, all of them if it names but the city.

    A kabupaten of the same name is another place. Kecamatan elsewhere have the same names too: in a
    text that names a kabupaten or another city, they count only if it names this city as well.
    """
    words = _words(text[:_LONGEST_TEXT])
    own = _words(city.city)
    before = [words[at - 1] if at else "" for at in _at(own, words)]
    names_city = any(one not in _KABUPATEN for one in before)
    names_another = any(
        one in _OF_A_CITY and (one in _KABUPATEN or words[at + 1 : at + 1 + len(own)] != own)
        for at, one in enumerate(words)
    )
    found = {one for one in city.kecamatan if _stands(_words(one), words)}
    if names_city:
        return found or set(city.kecamatan)
    return set() if names_another else found


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _stands(part: list[str], words: list[str]) -> bool:
    return next(_at(part, words), None) is not None


def _at(part: list[str], words: list[str]) -> Iterator[int]:
    """Where these words stand behind each other."""
    for at in range(len(words) - len(part) + 1):
        if part and words[at : at + len(part)] == part:
            yield at
