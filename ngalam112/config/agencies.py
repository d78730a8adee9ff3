"""What the line's settings and its distribution file say about agencies, beside their rows."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from acd.agencies.agency import Agency
from acd.agencies.changes import Terms
from acd.agencies.first import Sources, first_agencies, shipped
from acd.agencies.register import Register
from acd.config_file import Distribution
from acd.numbers.outbound import Barred
from acd.transfers.directory import addresses_in_utc
from ngalam112.config.settings import Settings
from pbx.endpoints import endpoint
from pbx.render import render_agencies


def sources_of(settings: Settings, found: Distribution) -> Sources:
    """What agencies come from, and have to fit to, but for the phones and operators of the line."""

    def dial(number: str) -> str | Barred:
        return found.outbound.dial_string(number, settings.country, settings.number)

    lines = (settings.number, settings.test_number)
    taken = {one: "the one that citizens dial" for one in lines if one}
    taken |= {one: f"that of category {name}" for one, name in found.category_numbers.items()}
    return Sources(found.agencies, Terms(dial=dial, taken=taken, named=found.named()))


def agencies_at_first(settings: Settings, found: Distribution) -> list[Agency]:
    """The agencies of a line whose database nobody has seen yet."""
    return first_agencies(sources_of(settings, found), shipped(), time.time())


class Doubts(msgspec.Struct, frozen=True):
    """What does not fit between the rows and the distribution file.

    `left_over`: the file still has agencies, which nobody reads any more. `unknown`: those of them
    whose number no agency in use has. `missing`: names in its plans that no agency has.
    """

    left_over: bool
    unknown: list[str]
    missing: list[str]


def doubts(found: Distribution, agencies: Iterable[Agency]) -> Doubts:
    """Compare the rows with the distribution file."""
    register = Register(agencies)
    return Doubts(
        left_over=bool(found.agencies),
        unknown=[one for one in found.agencies if one not in register.by_number],
        missing=sorted(one for one in found.named() if register.find(one) is None),
    )


def provision_agencies(settings: Settings, found: Distribution, agencies: Register) -> None:
    """Write down whom the fallback rings beside the phones; digits only if there is a carrier.

    Asterisk reads it anew for each citizen. Opening hours become UTC as of now: summer time that
    begins is known at the next start, or the next change.
    """
    offset = datetime.now(ZoneInfo(settings.timezone)).utcoffset()
    ahead = round(offset.total_seconds() / 60) if offset is not None else 0
    rows = []
    for agency in filter(None, map(agencies.find, found.fallback)):
        for hours, address in addresses_in_utc(agency, ahead):
            if address.startswith("sip:"):
                rows.append((agency.number, hours, endpoint(address, "")))
            elif settings.carrier:
                rows.append((agency.number, hours, endpoint(f"tel:{address}", settings.carrier)))
    render_agencies(settings.asterisk_home / "etc", rows)


def agencies_are_rendered(settings: Settings) -> bool:
    """Whether this line has written down before whom the fallback rings."""
    return (settings.asterisk_home / "etc" / "agencies.list").exists()
