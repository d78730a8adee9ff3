"""An agency, what is asked to change of one, and how one is reached. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

ACKNOWLEDGE_S = 300.0
REPORT_S = 1800.0
LISTS = ("categories", "kecamatan", "chain")
"""The fields of an agency that are lists."""


class AgencyKind(StrEnum):
    """What an agency is for."""

    POLICE = "police"
    POWER = "power"
    RED_CROSS = "red_cross"
    DISASTER = "disaster"
    PUBLIC_ORDER = "public_order"
    FIRE = "fire"
    AMBULANCE = "ambulance"
    HEALTH = "health"
    TRANSPORT = "transport"
    SOCIAL = "social"
    WORKS = "works"
    WATER = "water"
    HOSPITAL = "hospital"
    OTHER = "other"


class Agency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An institution that a citizen or a report can be handed to; a row of `agencies`.

    `id`: a word, such as polresta, which never changes. `number`: the digits that operators dial
    for it. `voice`, `fallback`: digits, dialled through the carrier, or a SIP address; `fallback`
    is rung when `voice` does not answer, and at once outside `hours` (local time, such as
    07:00-15:30; 22:00-06:00 goes over midnight; "" is always). `holidays`: whether it is open on
    public holidays too. `mail`, `webhook`: where reports are sent; "" is nowhere. `categories`,
    `kecamatan`: what and where it serves; empty is all. `chain`: whom to try next, one after the
    other: ids of agencies, telephone numbers, SIP or mail addresses. `acknowledge_s`, `report_s`:
    the agreed times to acknowledge a report and to report back, in seconds. `retired_at`: when it
    was retired; None while it is in use. Times are seconds since the epoch.
    """

    id: str
    number: str
    name: str
    kind: AgencyKind = AgencyKind.OTHER
    voice: str = ""
    fallback: str = ""
    mail: str = ""
    webhook: str = ""
    hours: str = ""
    holidays: bool = True
    categories: tuple[str, ...] = ()
    kecamatan: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    acknowledge_s: float = ACKNOWLEDGE_S
    report_s: float = REPORT_S
    changed_at: float = 0.0
    retired_at: float | None = None

    def row(self) -> dict[str, Any]:
        """The agency as its table and JSON have it."""
        made: dict[str, Any] = msgspec.to_builtins(self)
        return made | {name: list(made[name]) for name in LISTS}

    def ways(self, carrier: bool) -> list[str]:
        """How the agency can be reached: voice, mail, webhook; digits only with a carrier."""
        rung = any(carrier or not one.isdigit() for one in (self.voice, self.fallback) if one)
        found = {"voice": rung, "mail": self.mail, "webhook": self.webhook}
        return [name for name, there in found.items() if there]


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an agency is to be from now on; what is not set stays, or is as a new agency has it.

    `retired`: True retires it, False brings it back.
    """

    id: str = ""
    number: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    kind: AgencyKind | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    fallback: str | UnsetType = UNSET
    mail: str | UnsetType = UNSET
    webhook: str | UnsetType = UNSET
    hours: str | UnsetType = UNSET
    holidays: bool | UnsetType = UNSET
    categories: tuple[str, ...] | UnsetType = UNSET
    kecamatan: tuple[str, ...] | UnsetType = UNSET
    chain: tuple[str, ...] | UnsetType = UNSET
    acknowledge_s: float | UnsetType = UNSET
    report_s: float | UnsetType = UNSET
    retired: bool | UnsetType = UNSET

    def values(self) -> dict[str, Any]:
        """The fields of an agency that are set, by their names; texts without blanks around."""
        found = {name: getattr(self, name) for name in FIELDS if name != "id"}
        return {
            name: value.strip() if type(value) is str else value
            for name, value in found.items()
            if value is not UNSET
        }


FIELDS = tuple(name for name in Change.__struct_fields__ if name != "retired")
"""The fields of an agency that people set."""


def agency_of(row: Mapping[str, Any]) -> Agency:
    """Return the agency of a row; raises msgspec.ValidationError for one that makes no sense."""
    return msgspec.convert(row, Agency)


def by_id(agencies: Iterable[Agency]) -> dict[str, Agency]:
    """Return agencies by their ids."""
    return {one.id: one for one in agencies}
