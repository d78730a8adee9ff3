"""Whom a citizen can be handed to: operators, categories, agencies; and why not. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from acd.calls.target import Kind, Target
from acd.operators.operator import Operator, Status, available
from acd.operators.roster import Roster

_HOURS = re.compile(r"^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])\Z")
ADDRESS = re.compile(r"^([0-9]{2,15}|sip:[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?)\Z")


class Agency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An institution that a citizen can be handed to.

    `number`, `fallback`: digits, dialled through the trunk, or a SIP address. `fallback` is rung
    when `number` does not answer, and at once outside the `hours` (local time, such as 07:00-15:30;
    22:00-06:00 goes over midnight; none is always).
    """

    name: str
    number: str
    fallback: str | None = None
    hours: str | None = None

    @property
    def needs_carrier(self) -> bool:
        """Whether a number of digits is to be dialled for it."""
        return any(one.isdigit() for one in (self.number, self.fallback) if one)


class Refusal(StrEnum):
    """Why a citizen cannot be handed over so; each has words of its own."""

    NOWHERE = "nowhere"
    ONESELF = "oneself"
    PAUSED = "paused"
    BUSY = "busy"
    AWAY = "away"  # logged out, or the phone cannot be reached
    FORBIDDEN = "forbidden"  # a number outside that is no agency
    UNDERWAY = "underway"


def minutes_of_day(now: float) -> int:
    """The minute of the day in UTC: what a line without a time zone goes by."""
    return int(now // 60) % 1440


@dataclass(frozen=True, kw_only=True, slots=True)
class Directory:
    """The numbers that operators may dial: agencies, and categories to be handed back to."""

    agencies: Mapping[str, Agency] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    carrier: bool = False  # whether numbers outside can be dialled
    local_minute: Callable[[float], int] = minutes_of_day

    def find(self, number: str, by: str | None, roster: Roster, now: float) -> Target | Refusal:
        """Find out what `number`, dialled by the operator `by`, means at this moment."""
        if (agency := self.agencies.get(number)) is not None:
            return Target(Kind.AGENCY, number, agency.name, self.addresses(agency, now))
        if (category := self.categories.get(number)) is not None:
            return Target(Kind.CATEGORY, category, category)
        one = roster.operators.get(number)
        if one is None and number in roster.phones:
            one = roster.at_phone(number)
            if one is None:
                return Refusal.AWAY
        if one is None:
            outside = number.startswith("0") or len(number) > 6
            return Refusal.FORBIDDEN if outside else Refusal.NOWHERE
        if (refusal := _why_not(one, by, roster, now)) is not None:
            return refusal
        return Target(Kind.OPERATOR, one.id, one.name, (one.phone or "",), one.id)

    def addresses(self, agency: Agency, now: float) -> tuple[str, ...]:
        """What to ring for an agency at this moment, one after the other."""
        both = tuple(
            one if one.startswith("sip:") else f"tel:{one}"
            for one in (agency.number, agency.fallback)
            if one
        )
        shut = agency.hours is not None and not open_at(agency.hours, self.local_minute(now))
        return both[-1:] if shut else both


def _why_not(one: Operator, by: str | None, roster: Roster, now: float) -> Refusal | None:
    if one.id == by:
        return Refusal.ONESELF
    if one.status is Status.LOGGED_OUT:
        return Refusal.AWAY
    if one.status is Status.PAUSED:
        return Refusal.PAUSED
    return None if available(one, roster.phones, now) else Refusal.BUSY


def addresses_in_utc(agency: Agency, offset: int) -> list[tuple[str, str]]:
    """What to ring for an agency, one after the other, each with its hours in UTC (* is always).

    `offset`: how many minutes local time is ahead of UTC.
    """
    found = None if agency.hours is None else _HOURS.match(agency.hours)
    if agency.fallback is None or found is None:
        return [("*", one) for one in (agency.number, agency.fallback) if one]
    minutes = [int(found[at]) * 60 + int(found[at + 1]) - offset for at in (1, 3)]
    first, last = (f"{at // 60 % 24:02}:{at % 60:02}" for at in minutes)
    return [("*" if first == last else f"{first}-{last}", agency.number), ("*", agency.fallback)]


def open_at(hours: str, minute: int) -> bool:
    """Whether the minute of the day (0 to 1439) is within hours such as 07:00-15:30."""
    found = _HOURS.match(hours)
    if found is None:
        return True  # checked when they were read; a doubt must not keep a citizen from help
    first, last = (int(found[at]) * 60 + int(found[at + 1]) for at in (1, 3))
    return first <= minute < last if first < last else minute >= first or minute < last


def problems(agencies: Mapping[str, Agency], categories: Mapping[str, str]) -> list[str]:
    """What is wrong with a directory, one sentence each."""
    found = []
    for number, agency in agencies.items():
        where = f"agency {number}"
        if not re.fullmatch(r"[0-9]{1,10}", number):
            found.append(f"{where}: operators dial 1 to 10 digits for it")
        for address in (agency.number, agency.fallback):
            if address is not None and not ADDRESS.match(address):
                found.append(f"{where}: {address!r} is neither 2 to 15 digits nor sip:a@b:5060")
        if agency.hours is not None and not _HOURS.match(agency.hours):
            found.append(f"{where}: hours are written like 07:00-15:30")
    found += [
        f"category number {number}: operators dial 1 to 10 digits for it, and it is no agency's"
        for number in categories
        if not re.fullmatch(r"[0-9]{1,10}", number) or number in agencies
    ]
    return found
