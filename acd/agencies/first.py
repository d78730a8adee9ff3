"""What the table of agencies is filled with, once: the distribution file's, then those we ship.

The agencies of the file keep their numbers, whatever else has them, for operators dial those. One
of ours with the same id or name is the same agency. A number of ours that is taken, or a telephone
number of ours that may not be dialled, gives way.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from acd.agencies.agency import Agency, Change
from acd.agencies.changes import Terms
from acd.agencies.fields import LONGEST_NAME, RESERVED, is_address
from acd.agencies.files import read_toml
from acd.agencies.hours import are_hours
from acd.numbers.outbound import Barred

SHIPPED = Path(__file__).with_name("malang.toml")
_LONGEST_ID = 20


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An agency as the distribution file had it, `[agencies.NUMBER]`, before there were rows.

    `number` is what is `Agency.voice` now.
    """

    name: str
    number: str
    fallback: str | None = None
    hours: str | None = None


def section_problems(sections: Mapping[str, Section]) -> Iterator[str]:
    """What is wrong with the file's agencies, one clause each."""
    for number, section in sections.items():
        where = f"agency {number}"
        if not re.fullmatch(r"[0-9]{1,10}", number):
            yield f"{where}: operators dial 1 to 10 digits for it"
        for address in (section.number, section.fallback):
            if address is not None and not is_address(address):
                yield f"{where}: {address[:40]!r} is neither 2 to 15 digits nor sip:a@b:5060"
        if section.hours is not None and not are_hours(section.hours):
            yield f"{where}: hours are written like 07:00-15:30"


class Sources(msgspec.Struct, frozen=True):
    """What a table that was never filled is filled with beside ours, and what agencies must fit to.

    `sections`: the agencies of the distribution file, by the numbers that operators dial.
    """

    sections: Mapping[str, Section]
    terms: Terms

    def with_taken(self, more: Mapping[str, str]) -> Sources:
        """The same with further numbers that are taken."""
        return Sources(self.sections, self.terms.with_taken(more))


def shipped() -> list[Agency]:
    """The agencies that Malang has signed with."""
    return [_new(one.change) for one in read_toml(SHIPPED.read_text("utf-8"))]


def _new(change: Change) -> Agency:
    return msgspec.convert({"id": change.id, **change.values()}, Agency)


def first_agencies(sources: Sources, ours: Iterable[Agency], now: float) -> list[Agency]:
    """Return the agencies of a line that has none yet."""
    sections, terms = sources.sections, sources.terms
    rest, made = {one.id: one for one in ours}, dict[str, Agency]()
    for number, section in sections.items():
        name = _readable(section.name) or f"Agency {number}"
        word = _word(name)
        known = next(
            (one for one in rest.values() if one.id == word or _same(one.name, name)), None
        )
        if known is not None:
            del rest[known.id]
        id = known.id if known is not None else _free_id(word, number, {*made, *rest})
        made[id] = msgspec.structs.replace(
            known or Agency(id=id, number=number, name=name),
            number=number,
            name=name,
            voice=section.number,
            fallback=section.fallback or "",
            hours=section.hours or "",
            changed_at=now,
        )
    taken = {*terms.taken, *sections}
    for one in rest.values():
        number = _free_number(one.number, taken)
        taken.add(number)
        voice = "" if one.voice and isinstance(terms.dial(one.voice), Barred) else one.voice
        made[one.id] = msgspec.structs.replace(one, number=number, voice=voice, changed_at=now)
    return list(made.values())


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _readable(name: str) -> str:
    return "".join(sign for sign in name if sign.isprintable()).strip()[:LONGEST_NAME].strip()


def _word(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_0123456789")[:_LONGEST_ID].strip("_")


def _free_id(word: str, number: str, taken: set[str]) -> str:
    if word and word not in taken and word not in RESERVED:
        return word
    return f"{word[: _LONGEST_ID - 1 - len(number)] or 'agency'}_{number}"


def _free_number(wanted: str, taken: set[str]) -> str:
    others = (str(number) for number in range(60, 1000))
    return next(one for one in (wanted, *others) if one not in taken)
