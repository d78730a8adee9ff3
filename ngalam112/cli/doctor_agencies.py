"""The doctor's look at the agencies: who can be reached, and what the distribution file says."""

from __future__ import annotations

from collections.abc import Iterator

from acd.agencies.agency import Agency
from acd.agencies.changes import in_use
from acd.agencies.fields import field_problems
from acd.config_file import Distribution, DistributionError, load_distribution
from models.database import Database, DatabaseError
from ngalam112.accounts.agencies import load_agencies
from ngalam112.cli.doctor_links import Check, ok, warning
from ngalam112.config.agencies import doubts, sources_of
from ngalam112.config.settings import Settings

_WHAT = "agencies"
_SET = "ngalam112 agency set ID --voice NUMBER, --mail or --webhook; or agency retire ID"


async def check_agencies(settings: Settings) -> list[Check]:
    """Say which agencies have no way to be reached, and what is named that is not there."""
    unknown = Check(what=_WHAT, state="unknown", found="only the database knows")
    try:
        found = load_distribution(settings.distribution_file)
        database = Database(settings.url)
        if database.file is not None and not database.file.exists():
            return [unknown]
        async with database:
            await database.check_schema()
            agencies = await load_agencies(database)
    except (DatabaseError, DistributionError):
        return [unknown]  # said where these are looked at
    if not agencies:
        return [ok(_WHAT, "none yet; the first start of the line makes them")]
    return [_reached(settings, found, in_use(agencies)), *_of_file(settings, found, agencies)]


def _reached(settings: Settings, found: Distribution, agencies: list[Agency]) -> Check:
    without = [one.id for one in agencies if not one.ways(bool(settings.carrier))]
    dial = sources_of(settings, found).terms.dial
    wrong = [f"{one.id}: {what}" for one in agencies for what in field_problems(one, dial)]
    if wrong:
        return warning(_WHAT, "; ".join(wrong), "ngalam112 agency set ID ...")
    if without:
        said = f"{len(without)} of {len(agencies)} have no way to be reached: {', '.join(without)}"
        digits = any(one.voice.isdigit() for one in agencies if one.id in without)
        carrier = " (digits need NGALAM112_CARRIER)" if digits and not settings.carrier else ""
        return warning(_WHAT, said + carrier, _SET)
    return ok(_WHAT, f"{len(agencies)}, and each can be reached")


def _of_file(settings: Settings, found: Distribution, agencies: list[Agency]) -> Iterator[Check]:
    seen, file = doubts(found, agencies), settings.distribution_file
    if seen.missing:
        names = ", ".join(seen.missing)
        said = f"overflow or fallback of {file} names {names}, which is no agency"
        yield warning("agencies named", said, "ngalam112 agency set, or take it out of the file")
    if seen.left_over:
        lost = f"; of them no agency has {', '.join(seen.unknown)}" if seen.unknown else ""
        said = f"{file} has [agencies] still, which nobody reads: they are in the database{lost}"
        add = "add it (ngalam112 agency set ID --number ...), then " if lost else ""
        yield warning("agencies in the file", said, f"{add}take the section out of the file")
