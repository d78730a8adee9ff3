"""What can be asked of a line's database about agencies (`ngalam112.api.queries`)."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec

from acd.agencies.agency import Agency, by_id
from acd.agencies.changes import NoSuchAgency, in_use
from models.database import Database
from ngalam112.accounts.agencies import load_agencies
from ngalam112.api.queries import Answer, Params, understood, with_times
from ngalam112.config.settings import Settings


class _OfAgencies(msgspec.Struct, forbid_unknown_fields=True):
    retired: bool = False


def agency_row(one: Agency, settings: Settings) -> Answer:
    """Return an agency as JSON has it, and how it can be reached."""
    row = with_times(one.row(), ZoneInfo(settings.timezone))
    return row | {"ways": one.ways(bool(settings.carrier))}


async def agencies(database: Database, settings: Settings, params: Params) -> Answer:
    """All agencies in use; parameter: retired (true: those that are retired too)."""
    asked = understood(params, _OfAgencies)
    found = await load_agencies(database)
    shown = found if asked.retired else in_use(found)
    return {"agencies": [agency_row(one, settings) for one in shown]}


async def agency(database: Database, settings: Settings, params: Params) -> Answer:
    """One agency, retired or not; parameter: id."""
    one = by_id(await load_agencies(database)).get(params["id"])
    if one is None:
        raise NoSuchAgency(params["id"])
    return {"agency": agency_row(one, settings)}


STORED = {"/api/agencies": agencies}
"""Which question of the database stands for which path of the API."""

STORED_ONE = {"/api/agencies": agency}
"""... of one, by its id."""
