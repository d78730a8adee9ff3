"""The warnings that hold for the city: which message replaces or cancels which, and when they end.

Pure: `now` is an argument, and what is kept for the next engine is a fact that JSON can hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from public_warnings.errors import WarningError
from public_warnings.message import Kind, Message
from public_warnings.where import CityMap, kecamatan_of

MOST_WARNINGS = 100
MOST_REPLACED = 500
LARGEST_FACT = 64 * 1024
"""Bytes of JSON that the warnings may take in what is kept for the next engine."""

UNSAID_S = 24 * 3600.0
"""A warning that says no end ends so long after its begin."""
LONGEST_S = 7 * 24 * 3600.0
"""... and one that says an end, so long after it has come at the latest."""
AHEAD_S = 24 * 3600.0
"""A message that says to have been sent so far in the future is no message."""

_SEVERITIES = ("Extreme", "Severe", "Moderate", "Minor")


class PublicWarning(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A warning for the city. Times are seconds since the epoch.

    `part`: which info of its message. `kecamatan`: those that it reaches; `whole_city`: all.
    """

    sender: str
    identifier: str
    part: int = 0
    sent: float
    event: str
    urgency: str
    severity: str
    certainty: str
    begins: float
    expires: float
    headline: str = ""
    description: str = ""
    area: str = ""
    kecamatan: list[str]
    whole_city: bool = False

    @property
    def message(self) -> tuple[str, str]:
        """The message that it is of: sender and identifier."""
        return self.sender, self.identifier

    def is_for(self, kecamatan: str | None) -> bool:
        """Whether it holds in a kecamatan; None if that is not known: then for the whole city."""
        if self.whole_city or kecamatan is None:
            return self.whole_city
        return kecamatan.casefold() in (one.casefold() for one in self.kecamatan)


def warnings_of(message: Message, city: CityMap, now: float) -> list[PublicWarning]:
    """Return what a message warns the city of, of each info one; raises WarningError."""
    if message.sent > now + AHEAD_S:
        raise WarningError("The warning says to have been sent in the future.")
    found = []
    for part, info in enumerate(message.infos):
        reaches = {one: kecamatan_of(one, city) for one in info.areas}
        names = set().union(*reaches.values())
        if not names or info.all_clear:
            continue
        begins = message.sent if info.begins is None else info.begins
        expires = begins + UNSAID_S if info.expires is None else info.expires
        found.append(
            PublicWarning(
                sender=message.sender,
                identifier=message.identifier,
                part=part,
                sent=message.sent,
                event=info.event,
                urgency=info.urgency,
                severity=info.severity,
                certainty=info.certainty,
                begins=begins,
                expires=min(expires, now + LONGEST_S),
                headline=info.headline,
                description=info.description,
                area=", ".join(dict.fromkeys(one.text for one in info.areas if reaches[one]))[:300],
                kecamatan=[one for one in city.kecamatan if one in names],
                whole_city=names >= set(city.kecamatan),
            )
        )
    return found


class WarningsInForce:
    """The warnings of the city. One owner calls it, in one thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], PublicWarning] = {}
        # messages that were replaced or cancelled, for a list has them in any order
        self._replaced: dict[tuple[str, str], float] = {}

    def at(self, now: float) -> list[PublicWarning]:
        """Those that are not over, the worst first."""
        return sorted((one for one in self._known.values() if one.expires > now), key=_worst_first)

    def take(self, message: Message, warnings: Iterable[PublicWarning], now: float) -> None:
        """A message has come that warns the city of this (`warnings_of`), or of nothing.

        Only a message's own sender can replace or cancel it.
        """
        if not message.actual or message.kind in (Kind.ACK, Kind.ERROR):
            return
        if message.kind in (Kind.UPDATE, Kind.CANCEL):
            for sender, identifier in message.references:
                if sender == message.sender and identifier != message.identifier:
                    self._replace((sender, identifier), now)
        own = (message.sender, message.identifier)
        if message.kind is Kind.CANCEL or own in self._replaced:
            return
        known = [one for one in self._known.values() if one.message == own]
        if any(one.sent > message.sent for one in known):
            return
        self._remove(own)
        self._add(warnings, now)

    def expire(self, now: float) -> None:
        """Forget what is over."""
        self._known = {key: one for key, one in self._known.items() if one.expires > now}
        self._replaced = {one: until for one, until in self._replaced.items() if until > now}

    def fact(self) -> tuple[dict[str, Any], bool]:
        """What the next engine has to know, and whether that is all: it is bounded."""
        rows, size = [], 0
        for one in sorted(self._known.values(), key=_worst_first):
            size += len(msgspec.json.encode(one))
            if size > LARGEST_FACT:
                break
            rows.append(msgspec.to_builtins(one))
        replaced = [[*key, until] for key, until in list(self._replaced.items())[-100:]]
        whole = len(rows) == len(self._known) and len(replaced) == len(self._replaced)
        return {"warnings": rows, "replaced": replaced}, whole

    def remember(self, fact: Any, now: float) -> None:
        """Know what an earlier engine knew; raises msgspec.ValidationError and changes nothing."""
        found = msgspec.convert(fact, _Fact)
        self._replaced = {(sender, id): until for sender, id, until in found.replaced}
        self._known = {}
        self._add(found.warnings, now)

    def _add(self, warnings: Iterable[PublicWarning], now: float) -> None:
        for one in warnings:
            if one.expires > now:
                self._known[(*one.message, one.part)] = one
        if len(self._known) > MOST_WARNINGS:
            worst = sorted(self._known.values(), key=_worst_first)[:MOST_WARNINGS]
            self._known = {(*one.message, one.part): one for one in worst}

    def _replace(self, message: tuple[str, str], now: float) -> None:
        self._remove(message)
        self._replaced.pop(message, None)
        self._replaced[message] = now + LONGEST_S
        while len(self._replaced) > MOST_REPLACED:
            del self._replaced[next(iter(self._replaced))]

    def _remove(self, message: tuple[str, str]) -> None:
        self._known = {key: one for key, one in self._known.items() if one.message != message}


class _Fact(msgspec.Struct):
    warnings: list[PublicWarning] = []
    replaced: list[tuple[str, str, float]] = []


def _worst_first(one: PublicWarning) -> tuple[int, float, float, str, int]:
    known = one.severity in _SEVERITIES
    rank = _SEVERITIES.index(one.severity) if known else len(_SEVERITIES)
    return rank, one.begins, -one.sent, one.identifier, one.part
