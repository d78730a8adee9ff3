"""Whom a citizen can be handed to: operators, categories, agencies; and why not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from acd.agencies.agency import Agency
from acd.agencies.hours import in_utc, open_at
from acd.agencies.register import Register
from acd.calls.target import Kind, Target
from acd.operators.operator import Operator, Status, available
from acd.operators.roster import Roster


class Refusal(StrEnum):
    """Why a citizen cannot be handed over so; each has words of its own."""

    NOWHERE = "nowhere"
    ONESELF = "oneself"
    PAUSED = "paused"
    BUSY = "busy"
    AWAY = "away"  # logged out, the phone cannot be reached, or an agency has none
    FORBIDDEN = "forbidden"  # a number outside that is no agency
    UNDERWAY = "underway"


def minutes_of_day(now: float) -> int:
    """The minute of the day in UTC: what a line without a time zone goes by."""
    return int(now // 60) % 1440


@dataclass(frozen=True, kw_only=True, slots=True)
class Directory:
    """The numbers that operators may dial: agencies, and categories to be handed back to.

    `agencies` change while the line runs, all else does not.
    """

    agencies: Register = field(default_factory=Register)
    categories: Mapping[str, str] = field(default_factory=dict)
    carrier: bool = False  # whether numbers outside can be dialled
    local_minute: Callable[[float], int] = minutes_of_day

    def find(self, number: str, by: str | None, roster: Roster, now: float) -> Target | Refusal:
        """Find out what `number`, dialled by the operator `by`, means at this moment."""
        if (agency := self.agencies.by_number.get(number)) is not None:
            addresses = self.addresses(agency, now)
            if not addresses:
                return Refusal.AWAY
            return Target(Kind.AGENCY, number, agency.name, addresses)
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

    def can_ring(self, address: str) -> bool:
        """Whether the line can dial it, if there is one: digits by a carrier alone."""
        return bool(address) and (self.carrier or not address.isdigit())

    def addresses(self, agency: Agency, now: float) -> tuple[str, ...]:
        """What to ring for an agency at this moment, one after the other; digits by a carrier."""
        both = tuple(
            one if one.startswith("sip:") else f"tel:{one}"
            for one in (agency.voice, agency.fallback)
            if self.can_ring(one)
        )
        return both if open_at(agency.hours, self.local_minute(now)) else both[-1:]


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
    if not (agency.voice and agency.fallback):
        return [("*", one) for one in (agency.voice, agency.fallback) if one]
    return [(in_utc(agency.hours, offset), agency.voice), ("*", agency.fallback)]
