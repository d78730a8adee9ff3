"""What single words of the command bar mean: places, agencies, and what may be meant. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches

import msgspec

from incidents.categories import LEAST_LETTERS, Categories, Category, folded, letters

_MOST_MEANT = 5


class Where(msgspec.Struct, frozen=True):
    """A kecamatan, or a kelurahan of it."""

    kecamatan: str
    kelurahan: str | None = None

    @property
    def name(self) -> str:
        """How people call it."""
        return self.kelurahan or self.kecamatan


class KnownAgency(msgspec.Struct, frozen=True):
    """An agency in use, as far as it is called by something."""

    id: str
    number: str
    name: str


class Words:
    """All that words can mean. `kelurahan`: the names of them by the kecamatan they belong to."""

    def __init__(
        self,
        categories: Categories,
        kelurahan: Mapping[str, Collection[str]],
        agencies: Iterable[KnownAgency],
    ) -> None:
        self._categories = categories
        self._places: dict[str, list[Where]] = {}
        for kecamatan, names in kelurahan.items():
            self._places.setdefault(folded(kecamatan), []).insert(0, Where(kecamatan))
            for name in names:
                self._places.setdefault(folded(name), []).append(Where(kecamatan, name))
        self._agencies = list(agencies)

    def categories(self, words: str) -> list[Category]:
        """Return the one category that words mean, or those that they may mean."""
        return self._categories.meant(words, _MOST_MEANT)

    def places(self, words: str) -> list[Where]:
        """Return the one place that words mean, or those that they may mean.

        What is called exactly so, else what begins so, else where each word begins a word of the
        name. A kecamatan goes before a kelurahan that is called like it.
        """
        wanted = folded(words)
        names = _meant(wanted, list(self._places))
        found = [where for name in names for where in self._of_name(name)]
        return found[:_MOST_MEANT]

    def _of_name(self, name: str) -> list[Where]:
        found = self._places[name]
        of_all = [where for where in found if where.kelurahan is None]
        return of_all or found

    def agencies(self, word: str) -> list[KnownAgency]:
        """Return the one agency of that id, number, or beginning of its id or name; or several."""
        exact = [one for one in self._agencies if word.casefold() in (one.id, one.number)]
        if exact:
            return exact[:1]
        by_name: dict[str, list[KnownAgency]] = {}
        for one in self._agencies:
            for name in dict.fromkeys((folded(one.id), folded(one.name))):
                by_name.setdefault(name, []).append(one)
        names = _meant(folded(word), list(by_name))
        found = {one.id: one for name in names for one in by_name[name]}
        return list(found.values())[:_MOST_MEANT]

    def near(self, word: str, more: Iterable[str] = ()) -> list[str]:
        """Return what somebody may have wanted to type in the place of a word."""
        known = {**dict.fromkeys(more), **dict.fromkeys(self._all())}
        return get_close_matches(folded(word)[:64], list(known), n=3, cutoff=0.7)

    def _all(self) -> Iterator[str]:
        for row in self._categories.rows:
            yield row.id
            for name in row.name.values():
                yield from folded(name).split()
        for place in self._places:
            yield from (place, *place.split())
        for one in self._agencies:
            yield one.id


def _meant(wanted: str, names: list[str]) -> list[str]:
    """The names that are best called so; all of them equally."""
    if wanted in names:
        return [wanted]
    if letters(wanted) < LEAST_LETTERS:
        return []
    close = wanted.replace(" ", "")
    begin = [name for name in names if name.replace(" ", "").startswith(close)]
    return begin or [
        name
        for name in names
        if all(any(word.startswith(part) for word in name.split()) for part in wanted.split())
    ]
